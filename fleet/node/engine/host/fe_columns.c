/* SPDX-License-Identifier: Apache-2.0
 *
 * A convolution as a product: the taps of each position side by side, gathered from a copy of the map with its padding,
 * which holds the zero point and so adds nothing.
 */
#include "fe_executor.h"

enum { CHUNK = 16 }; /* bytes moved at a time; what this writes too far, the next run overwrites */

static inline void move_run(int8_t *to, const int8_t *from, int32_t n)
{
    for (; n > 0; n -= CHUNK, to += CHUNK, from += CHUNK)
        __builtin_memcpy(to, from, CHUNK);
}

fe_padded fe_padded_of(fe_prepare *p, const fe_geometry *d)
{
    fe_padded m = {d, (d->out_h - 1) * d->stride_h + d->k_h, (d->out_w - 1) * d->stride_w + d->k_w, 0};
    m.map = fe_borrow(p, (int64_t)m.height * m.width * d->in_c + CHUNK);
    return m;
}

void fe_fill_padded(const fe_padded *m, const int8_t *x)
{
    const fe_geometry *d = m->d;
    const int32_t left = m->width - d->pad_left, columns = left < d->in_w ? left : d->in_w;
    const int32_t line = d->in_w * d->in_c;
    __builtin_memset(m->map, (uint8_t)d->zero_x, (size_t)(m->height * m->width * d->in_c + CHUNK));
    for (int32_t y = 0; columns > 0 && y < d->in_h && y + d->pad_top < m->height; y++, x += line)
        __builtin_memcpy(m->map + ((int64_t)(y + d->pad_top) * m->width + d->pad_left) * d->in_c, x,
                         (size_t)(columns * d->in_c));
}

int64_t fe_columns_bytes(int32_t count, int32_t row)
{
    return (int64_t)count * row + CHUNK;
}

/* One position. Of all channels, a row of taps is one run. */
static inline void gather(const fe_padded *m, const int8_t *from, int32_t n, int8_t *to)
{
    const fe_geometry *d = m->d;
    const int32_t line = m->width * d->in_c, run = n == d->in_c ? d->k_w * n : n;
    for (int32_t ky = 0; ky < d->k_h; ky++, from += line)
        for (int32_t i = 0; i < d->k_w * n; i += run, to += run)
            move_run(to, from + i / n * d->in_c, run);
}

void fe_columns(const fe_padded *m, int32_t n, int32_t first, int32_t count, int8_t *to, int32_t row)
{
    const fe_geometry *d = m->d;
    const int32_t size = d->k_h * d->k_w * n, right = d->stride_w * d->in_c;
    int32_t ox = first % d->out_w;
    const int8_t *line = m->map + (int64_t)(first / d->out_w) * d->stride_h * m->width * d->in_c;
    for (int32_t i = 0; i < count; i++, to += row) {
        gather(m, line + (int64_t)ox * right, n, to);
        if (row > size)
            __builtin_memset(to + size, (uint8_t)d->zero_x, (size_t)(row - size));
        if (++ox == d->out_w) {
            ox = 0;
            line += (int64_t)d->stride_h * m->width * d->in_c;
        }
    }
}

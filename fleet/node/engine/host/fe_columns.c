/* SPDX-License-Identifier: Apache-2.0
 *
 * A convolution as a product: the taps of each position side by side. Padding holds the zero point, which adds nothing.
 */
#include "fe_executor.h"

/* A few bytes at a time: runs are short where this matters, and a call would cost more than the copy. */
static inline void copy_run(int8_t *to, const int8_t *from, int32_t n)
{
    for (; n >= 16; n -= 16, to += 16, from += 16)
        __builtin_memcpy(to, from, 16);
    if (n >= 8) {
        __builtin_memcpy(to, from, 8);
        n -= 8, to += 8, from += 8;
    }
    if (n >= 4) {
        __builtin_memcpy(to, from, 4);
        n -= 4, to += 4, from += 4;
    }
    for (; n > 0; n--)
        *to++ = *from++;
}

static void one(const fe_geometry *d, const fe_window *v, const int8_t *x, int32_t n, int8_t *to)
{
    const int32_t columns = v->x1 - v->x0;
    for (int32_t ky = v->y0; ky < v->y1; ky++) {
        const int8_t *from = x + ((int64_t)(v->in_y + ky) * d->in_w + v->in_x + v->x0) * d->in_c;
        int8_t *at = to + (ky * d->k_w + v->x0) * n;
        if (n == d->in_c) {
            copy_run(at, from, columns * n);
            continue;
        }
        for (int32_t kx = 0; kx < columns; kx++, from += d->in_c, at += n)
            copy_run(at, from, n);
    }
}

void fe_columns(const fe_geometry *d, const int8_t *x, int32_t n, int32_t first, int32_t count, int32_t fill, int8_t *to,
                int32_t row)
{
    const int32_t size = d->k_h * d->k_w * n;
    for (int32_t i = 0; i < count; i++, to += row) {
        const int32_t at = first + i;
        const fe_window v = fe_window_at(d, at / d->out_w, at % d->out_w);
        if (v.y1 - v.y0 < d->k_h || v.x1 - v.x0 < d->k_w)
            __builtin_memset(to, (uint8_t)fill, (size_t)row);
        else if (row > size)
            __builtin_memset(to + size, (uint8_t)fill, (size_t)(row - size));
        one(d, &v, x, n, to);
    }
}

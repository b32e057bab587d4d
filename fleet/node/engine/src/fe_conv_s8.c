/* SPDX-License-Identifier: Apache-2.0
 *
 * Convolution, int8, forward. The two gradients that its training needs are in fe_conv_grad.c.
 *
 *   x: s8 [in_h][in_w][I]   w: s8 [O][K][I/groups], split along its last axis   b: s32 [O]   y: s8 [out_h][out_w][O]
 *   Real value of x: s_x (x - zero_x). Weights are symmetric, one scale per output.
 */
#include "fe_conv_s8.h"
#include "fe_tile.h"

/* acc[j] += sum (x - zx) w of four outputs, whose weights lie `apart` bytes from each other: x is read once. */
static void dot4(const int8_t *x, const int8_t *w, int32_t apart, int32_t n, int32_t zero_x, int32_t acc[4])
{
    const int8_t *w0 = w, *w1 = w0 + apart, *w2 = w1 + apart, *w3 = w2 + apart;
    int32_t a0 = 0, a1 = 0, a2 = 0, a3 = 0;
    for (int32_t i = 0; i < n; i++) {
        const int16_t v = (int16_t)(x[i] - zero_x);
        a0 += v * w0[i];
        a1 += v * w1[i];
        a2 += v * w2[i];
        a3 += v * w3[i];
    }
    acc[0] += a0;
    acc[1] += a1;
    acc[2] += a2;
    acc[3] += a3;
}

/* acc[j] += the products of `count` outputs, 1 or 4, over one window and n channels.   w: [count][K][n].
 * Places that lie side by side in x and in w are one run: a pointwise layer, or a signal over time, is a single one. */
static void dot_window(const fe_geometry *d, const fe_window *v, const int8_t *x, const int8_t *w, int32_t n,
                       int32_t count, int32_t *acc)
{
    const int32_t line = d->in_w * d->in_c, apart = d->k_h * d->k_w * n;
    int32_t rows = v->y1 - v->y0, columns = v->x1 - v->x0, run = n;
    if (n == d->in_c) { /* so neither is split */
        run *= columns;
        columns = 1;
        if (run == line && d->in_w == d->k_w) {
            run *= rows;
            rows = 1;
        }
    }
    for (int32_t ky = v->y0; ky < v->y0 + rows; ky++)
        for (int32_t kx = v->x0; kx < v->x0 + columns; kx++) {
            const int8_t *in = x + (v->in_y + ky) * line + (v->in_x + kx) * d->in_c;
            const int8_t *to = w + (ky * d->k_w + kx) * n;
            if (count == 4)
                dot4(in, to, apart, run, d->zero_x, acc);
            else
                acc[0] += fe_dot(in, to, run, d->zero_x);
        }
}

/* Outputs [first, end) of one position, from number i of y on; x at the first channel of their group. */
static inline void outputs_at(const fe_geometry *d, const fe_window *v, const int8_t *x, fe_weights w, const int32_t *b,
                              fe_reals scale, fe_span span, int8_t *y, uint8_t *mask, int32_t i)
{
    const int32_t na = d->trained, nb = d->in_c / d->groups - na, taps = d->k_h * d->k_w;
    for (int32_t o = span.first, count; o < span.end; o += count) {
        int32_t acc[4];
        count = span.end - o < 4 ? 1 : 4;
        for (int32_t j = 0; j < count; j++)
            acc[j] = b[o + j];
        if (na > 0)
            dot_window(d, v, x, w.trained + o * taps * na, na, count, acc);
        if (nb > 0)
            dot_window(d, v, x + na, w.frozen + o * taps * nb, nb, count, acc);
        for (int32_t j = 0; j < count; j++, i++)
            y[i] = fe_clip_s8(fe_scale(acc[j], fe_real_at(scale, o + j)), d->zero_y, d->low, d->high, mask, i);
    }
}

void fe_conv_s8_part(const fe_geometry *d, const int8_t *x, fe_weights w, const int32_t *b, fe_reals scale,
                     fe_span outputs, fe_span places, int8_t *y, uint8_t *mask)
{
    for (; places.first < places.end; places.first++) {
        const fe_window v = fe_window_at(d, places.first / d->out_w, places.first % d->out_w);
        outputs_at(d, &v, x, w, b, scale, outputs, y, mask, places.first * d->out_c + outputs.first);
    }
}

#if FE_PAIRS

/* The places whose windows are cut off by the map's edge. */
FE_ALONE void edges(const fe_geometry *d, const int8_t *x, fe_weights w, const int32_t *b, fe_reals scale, int8_t *y,
                    uint8_t *mask)
{
    const fe_span rows = fe_whole_windows(d->in_h, d->out_h, d->k_h, d->stride_h, d->pad_top);
    const fe_span columns = fe_whole_windows(d->in_w, d->out_w, d->k_w, d->stride_w, d->pad_left);
    const fe_span outputs = {0, d->out_c};
    fe_span rest = {0, 0};
    for (int32_t oy = rows.first; oy < rows.end && columns.first < columns.end; oy++) {
        rest.end = oy * d->out_w + columns.first; /* from the last whole window on */
        fe_conv_s8_part(d, x, w, b, scale, outputs, rest, y, mask);
        rest.first = oy * d->out_w + columns.end;
    }
    rest.end = d->out_h * d->out_w;
    fe_conv_s8_part(d, x, w, b, scale, outputs, rest, y, mask);
}

#endif

FE_ALONE void by_groups(const fe_geometry *d, const int8_t *x, fe_weights w, const int32_t *b, fe_reals scale,
                        int8_t *y, uint8_t *mask)
{
    const int32_t per_group = d->out_c / d->groups, n = d->in_c / d->groups;
    for (fe_span s = {0, per_group}; s.first < d->out_c; s.first = s.end, s.end += per_group, x += n) {
        const fe_span all = {0, d->out_h * d->out_w};
#if FE_TILES
        if (d->out_h > 1) { /* a row of a group has too little stack left for tiles */
            fe_conv_s8_tiles(d, x, w, b, scale, s, y, mask);
            continue;
        }
#endif
        fe_conv_s8_part(d, x, w, b, scale, s, all, y, mask);
    }
}

/* y = requant(W (x - zx) + b) + zy, padding counts as zero.   y must not alias x.   No scratch.
 * |acc| <= K I * 255 * 127 + |b|: with |b| <= 2^30 no overflow up to K I = 33155. */
void fe_conv_s8_forward(const fe_geometry *d, const int8_t *x, fe_weights w, const int32_t *b, fe_reals scale,
                        int8_t *y, uint8_t *mask)
{
    if (mask != 0)
        fe_clear(mask, (d->out_h * d->out_w * d->out_c + 7) / 8);
#if FE_PAIRS
    if (fe_conv_s8_is_points(d, b)) {
        if (d->out_h > 1)
            fe_conv_s8_points(d, x, w, b, scale, y, mask);
        else
            fe_conv_s8_points_of_row(d, x, w, b, scale, y, mask);
        return;
    }
    if (fe_conv_s8_in_lines(d, b)) {
        edges(d, x, w, b, scale, y, mask);
        if (d->out_h > 1)
            fe_conv_s8_lines(d, x, w, b, scale, y, mask);
        else
            fe_conv_s8_lines_of_row(d, x, w, b, scale, y, mask);
        return;
    }
#endif
    by_groups(d, x, w, b, scale, y, mask);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Convolution, int8: forward, and the two gradients its training needs.
 *
 *   x: s8 [in_h][in_w][I]   w: s8 [O][K][I], split along I   b: s32 [O]   y: s8 [out_h][out_w][O]
 *   Real value of x: s_x (x - zero_x). Weights are symmetric, one scale per output.
 */
#include "fe_conv_s8.h"

/* The taps of one output position that fall on the map: rows [y0, y1), columns [x0, x1) of the kernel. */
typedef struct {
    int32_t y0, y1, x0, x1;
    int32_t in_y, in_x; /* input place of tap (0, 0), may be negative */
} fe_window;

static fe_window window_at(const fe_geometry *d, int32_t oy, int32_t ox)
{
    fe_window v;
    v.in_y = oy * d->stride_h - d->pad_top;
    v.in_x = ox * d->stride_w - d->pad_left;
    v.y0 = v.in_y < 0 ? -v.in_y : 0;
    v.x0 = v.in_x < 0 ? -v.in_x : 0;
    v.y1 = d->in_h - v.in_y < d->k_h ? d->in_h - v.in_y : d->k_h;
    v.x1 = d->in_w - v.in_x < d->k_w ? d->in_w - v.in_x : d->k_w;
    return v;
}

static int32_t dot_window(const fe_geometry *d, const fe_window *v, const int8_t *x, fe_weights w, int32_t o)
{
    const int32_t na = d->trained, nb = d->in_c - na;
    int32_t acc = 0;
    for (int32_t ky = v->y0; ky < v->y1; ky++)
        for (int32_t kx = v->x0; kx < v->x1; kx++) {
            const int8_t *in = x + ((v->in_y + ky) * d->in_w + v->in_x + kx) * d->in_c;
            const int32_t tap = (o * d->k_h + ky) * d->k_w + kx;
            if (na > 0)
                acc += fe_dot(in, w.trained + tap * na, na, d->zero_x);
            if (nb > 0)
                acc += fe_dot(in + na, w.frozen + tap * nb, nb, d->zero_x);
        }
    return acc;
}

/* y = requant(W (x - zx) + b) + zy, padding counts as zero.   y must not alias x.   No scratch.
 * |acc| <= K I * 255 * 127 + |b|: with |b| <= 2^30 no overflow up to K I = 33155. */
void fe_conv_s8_forward(const fe_geometry *d, const int8_t *x, fe_weights w, const int32_t *b, fe_reals scale,
                        int8_t *y, uint8_t *mask)
{
    int32_t i = 0;
    if (mask != 0)
        fe_clear(mask, (d->out_h * d->out_w * d->out_c + 7) / 8);
    for (int32_t oy = 0; oy < d->out_h; oy++)
        for (int32_t ox = 0; ox < d->out_w; ox++) {
            const fe_window v = window_at(d, oy, ox);
            for (int32_t o = 0; o < d->out_c; o++, i++) {
                const int32_t acc = b[o] + dot_window(d, &v, x, w, o);
                y[i] = fe_clip_s8(fe_scale(acc, fe_real_at(scale, o)), d->zero_y, mask, i);
            }
        }
}

static void scatter(int32_t *dx, const int8_t *w, int32_t n, int32_t t)
{
    for (int32_t i = 0; i < n; i++)
        dx[i] += (int32_t)(int16_t)t * w[i];
}

/* dx += sum over o and taps of t w, t = (g r[o]) >> r_shift in real units.   dx: s32 [in_h][in_w][I], zeroed here.
 * |t| <= 16256: fewer than 1040 products per place keep |dx| < 2^31. Uses w before this step's update. */
void fe_conv_s8_grad_in(const fe_geometry *d, const int8_t *g, fe_weights w, const fe_gradient *gr, int32_t *dx)
{
    const int32_t na = d->trained, nb = d->in_c - na;
    fe_clear_s32(dx, d->in_h * d->in_w * d->in_c);
    for (int32_t oy = 0; oy < d->out_h; oy++)
        for (int32_t ox = 0; ox < d->out_w; ox++, g += d->out_c) {
            const fe_window v = window_at(d, oy, ox);
            for (int32_t o = 0; o < d->out_c; o++) {
                const int32_t t = fe_round_shift(g[o] * (int32_t)gr->r[o], gr->r_shift);
                if (t == 0)
                    continue;
                for (int32_t ky = v.y0; ky < v.y1; ky++)
                    for (int32_t kx = v.x0; kx < v.x1; kx++) {
                        int32_t *at = dx + ((v.in_y + ky) * d->in_w + v.in_x + kx) * d->in_c;
                        const int32_t tap = (o * d->k_h + ky) * d->k_w + kx;
                        if (na > 0)
                            scatter(at, w.trained + tap * na, na, t);
                        if (nb > 0)
                            scatter(at + na, w.frozen + tap * nb, nb, t);
                    }
            }
        }
}

/* row[tap][i] = sum over positions of g (x - zx), for one output. Returns 0 if no g was non-zero. */
static int32_t gather(const fe_geometry *d, const int8_t *g, const int8_t *x, int32_t o, int32_t *row)
{
    const int32_t n = d->trained;
    int32_t any = 0;
    fe_clear_s32(row, d->k_h * d->k_w * n);
    for (int32_t oy = 0; oy < d->out_h; oy++)
        for (int32_t ox = 0; ox < d->out_w; ox++) {
            const fe_window v = window_at(d, oy, ox);
            const int32_t e = g[(oy * d->out_w + ox) * d->out_c + o];
            any |= e;
            if (e == 0)
                continue;
            for (int32_t ky = v.y0; ky < v.y1; ky++)
                for (int32_t kx = v.x0; kx < v.x1; kx++) {
                    const int8_t *in = x + ((v.in_y + ky) * d->in_w + v.in_x + kx) * d->in_c;
                    int32_t *out = row + (ky * d->k_w + kx) * n;
                    for (int32_t i = 0; i < n; i++)
                        out[i] += e * (int32_t)(int16_t)(in[i] - d->zero_x);
                }
        }
    return any;
}

/* w -= rate * G, row by row of one output; a gradient is used once.   row: s32 scratch [K][trained].
 * |G| <= 127 * 255 * P: P <= 66311 positions keep it below 2^31. */
void fe_conv_s8_update(const fe_geometry *d, const fe_update *u, const fe_gradient *gr, const int8_t *g,
                       const int8_t *x, int8_t *w, int32_t *row)
{
    const int32_t n = d->k_h * d->k_w * d->trained;
    for (int32_t o = 0; o < d->out_c; o++)
        if (gather(d, g, x, o, row) != 0)
            fe_step_row(u, fe_multiply(fe_real_at(gr->weight_rate, o), u->rate), (uint32_t)(o * n), w + o * n, row, n);
}

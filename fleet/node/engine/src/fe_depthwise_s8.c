/* SPDX-License-Identifier: Apache-2.0
 *
 * Depthwise convolution, int8, multiplier 1: forward, and the two gradients its training needs.
 *
 *   x: s8 [in_h][in_w][C]   w: s8 [K][C], split along C   b: s32 [C]   y: s8 [out_h][out_w][C]
 */
#include "fe_depthwise_s8.h"

/* Weight of tap and channel, wherever it lives. */
static int32_t weight_at(const fe_geometry *d, fe_weights w, int32_t tap, int32_t c)
{
    const int32_t na = d->trained;
    return c < na ? w.trained[tap * na + c] : w.frozen[tap * (d->in_c - na) + c - na];
}

/* Index of the input place under tap (ky, kx) of output (oy, ox), or -1 on the padding. */
static int32_t place(const fe_geometry *d, int32_t oy, int32_t ox, int32_t ky, int32_t kx)
{
    const int32_t y = oy * d->stride_h - d->pad_top + ky;
    const int32_t x = ox * d->stride_w - d->pad_left + kx;
    return y < 0 || y >= d->in_h || x < 0 || x >= d->in_w ? -1 : (y * d->in_w + x) * d->in_c;
}

/* y = requant(w (x - zx) + b) + zy, padding counts as zero.   y must not alias x.   No scratch. */
void fe_depthwise_s8_forward(const fe_geometry *d, const int8_t *x, fe_weights w, const int32_t *b, fe_reals scale,
                             int8_t *y, uint8_t *mask)
{
    int32_t i = 0;
    if (mask != 0)
        fe_clear(mask, (d->out_h * d->out_w * d->out_c + 7) / 8);
    for (int32_t oy = 0; oy < d->out_h; oy++)
        for (int32_t ox = 0; ox < d->out_w; ox++)
            for (int32_t c = 0; c < d->in_c; c++, i++) {
                int32_t acc = b[c];
                for (int32_t ky = 0; ky < d->k_h; ky++)
                    for (int32_t kx = 0; kx < d->k_w; kx++) {
                        const int32_t at = place(d, oy, ox, ky, kx);
                        if (at >= 0)
                            acc += (x[at + c] - d->zero_x) * weight_at(d, w, ky * d->k_w + kx, c);
                    }
                y[i] = fe_clip_s8(fe_scale(acc, fe_real_at(scale, c)), d->zero_y, mask, i);
            }
}

/* dx = sum over taps of t w, t = (g r[c]) >> r_shift in real units.   dx: s32 [in_h][in_w][C], zeroed here.
 * Uses w before this step's update. */
void fe_depthwise_s8_grad_in(const fe_geometry *d, const int8_t *g, fe_weights w, const fe_gradient *gr, int32_t *dx)
{
    fe_clear_s32(dx, d->in_h * d->in_w * d->in_c);
    for (int32_t oy = 0; oy < d->out_h; oy++)
        for (int32_t ox = 0; ox < d->out_w; ox++, g += d->in_c)
            for (int32_t ky = 0; ky < d->k_h; ky++)
                for (int32_t kx = 0; kx < d->k_w; kx++) {
                    const int32_t at = place(d, oy, ox, ky, kx);
                    if (at < 0)
                        continue;
                    for (int32_t c = 0; c < d->in_c; c++) {
                        const int32_t t = fe_round_shift(g[c] * (int32_t)gr->r[c], gr->r_shift);
                        dx[at + c] += t * weight_at(d, w, ky * d->k_w + kx, c);
                    }
                }
}

/* G of one tap and channel: sum over positions of g (x - zx). */
static int32_t gather(const fe_geometry *d, const int8_t *g, const int8_t *x, int32_t ky, int32_t kx, int32_t c)
{
    int32_t sum = 0;
    for (int32_t oy = 0; oy < d->out_h; oy++)
        for (int32_t ox = 0; ox < d->out_w; ox++) {
            const int32_t at = place(d, oy, ox, ky, kx);
            if (at >= 0)
                sum += g[(oy * d->out_w + ox) * d->in_c + c] * (x[at + c] - d->zero_x);
        }
    return sum;
}

/* w -= rate * G for the trained channels.   w: s8 [K][trained]. */
void fe_depthwise_s8_update(const fe_geometry *d, const fe_update *u, const fe_gradient *gr, const int8_t *g,
                            const int8_t *x, int8_t *w)
{
    for (int32_t c = 0; c < d->trained; c++) {
        const fe_real rate = fe_multiply(fe_real_at(gr->weight_rate, c), u->rate);
        for (int32_t tap = 0; tap < d->k_h * d->k_w; tap++) {
            const int32_t i = tap * d->trained + c;
            const int32_t sum = gather(d, g, x, tap / d->k_w, tap % d->k_w, c);
            if (sum != 0)
                w[i] = fe_step_weight(u, rate, (uint32_t)i, w[i], sum);
        }
    }
}

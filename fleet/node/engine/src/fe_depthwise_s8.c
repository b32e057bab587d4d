/* SPDX-License-Identifier: Apache-2.0
 *
 * Depthwise convolution, int8, multiplier 1: forward, and the two gradients its training needs.
 *
 *   x: s8 [in_h][in_w][C]   w: s8 [K][C], split along C   b: s32 [C]   y: s8 [out_h][out_w][C]
 */
#include "fe_depthwise_s8.h"

/* Channels go by fours where there are four: their sums fit the registers of a small core and a vector of a large one. */
#define LANES 4

/* Channels [first, end), whose weights lie together: w[tap][c - first]. */
typedef struct {
    int32_t first, end;
    const int8_t *w;
} fe_part;

static fe_part part_of(const fe_geometry *d, fe_weights w, int32_t frozen)
{
    fe_part p;
    p.first = frozen ? d->trained : 0;
    p.end = frozen ? d->in_c : d->trained;
    p.w = frozen ? w.frozen : w.trained;
    return p;
}

/* Index of channel 0 under a tap of the window. */
static int32_t place(const fe_geometry *d, const fe_window *v, int32_t ky, int32_t kx)
{
    return ((v->in_y + ky) * d->in_w + v->in_x + kx) * d->in_c;
}

/* acc[j] += the products of `lanes` channels from c on, over one window. */
static inline void dot(const fe_geometry *d, const fe_window *v, const fe_part *p, const int8_t *x, int32_t c,
                       int32_t lanes, int32_t *acc)
{
    for (int32_t ky = v->y0; ky < v->y1; ky++)
        for (int32_t kx = v->x0; kx < v->x1; kx++) {
            const int8_t *in = x + place(d, v, ky, kx) + c;
            const int8_t *w = p->w + (ky * d->k_w + kx) * (p->end - p->first) + c - p->first;
            for (int32_t j = 0; j < lanes; j++)
                acc[j] += (int16_t)(in[j] - d->zero_x) * w[j];
        }
}

/* y = requant(w (x - zx) + b) + zy, padding counts as zero.   y must not alias x.   No scratch. */
void fe_depthwise_s8_forward(const fe_geometry *d, const int8_t *x, fe_weights w, const int32_t *b, fe_reals scale,
                             int8_t *y, uint8_t *mask)
{
    int32_t i = 0;
    if (mask != 0)
        fe_clear(mask, (d->out_h * d->out_w * d->out_c + 7) / 8);
    for (int32_t oy = 0; oy < d->out_h; oy++)
        for (int32_t ox = 0; ox < d->out_w; ox++) {
            const fe_window v = fe_window_at(d, oy, ox);
            for (int32_t part = 0; part < 2; part++) {
                const fe_part p = part_of(d, w, part);
                for (int32_t c = p.first, lanes; c < p.end; c += lanes) {
                    int32_t acc[LANES] = {0};
                    lanes = p.end - c < LANES ? 1 : LANES;
                    if (lanes == LANES)
                        dot(d, &v, &p, x, c, LANES, acc);
                    else
                        dot(d, &v, &p, x, c, 1, acc);
                    for (int32_t j = 0; j < lanes; j++, i++)
                        y[i] = fe_clip_s8(fe_scale(b[c + j] + acc[j], fe_real_at(scale, c + j)), d->zero_y, mask, i);
                }
            }
        }
}

/* dx[tap][j] += t[j] w[j] for `lanes` channels from c on, over one window. */
static inline void spread(const fe_geometry *d, const fe_window *v, const fe_part *p, const int16_t *t, int32_t c,
                          int32_t lanes, int32_t *dx)
{
    for (int32_t ky = v->y0; ky < v->y1; ky++)
        for (int32_t kx = v->x0; kx < v->x1; kx++) {
            int32_t *out = dx + place(d, v, ky, kx) + c;
            const int8_t *w = p->w + (ky * d->k_w + kx) * (p->end - p->first) + c - p->first;
            for (int32_t j = 0; j < lanes; j++)
                out[j] += t[j] * w[j];
        }
}

/* dx = sum over taps of t w, t = (g r[c]) >> r_shift in real units.   dx: s32 [in_h][in_w][C], zeroed here.
 * Uses w before this step's update. */
void fe_depthwise_s8_grad_in(const fe_geometry *d, const int8_t *g, fe_weights w, const fe_gradient *gr, int32_t *dx)
{
    fe_clear_s32(dx, d->in_h * d->in_w * d->in_c);
    for (int32_t oy = 0; oy < d->out_h; oy++)
        for (int32_t ox = 0; ox < d->out_w; ox++, g += d->in_c) {
            const fe_window v = fe_window_at(d, oy, ox);
            for (int32_t part = 0; part < 2; part++) {
                const fe_part p = part_of(d, w, part);
                for (int32_t c = p.first, lanes; c < p.end; c += lanes) {
                    int16_t t[LANES];
                    lanes = p.end - c < LANES ? 1 : LANES;
                    for (int32_t j = 0; j < lanes; j++)
                        t[j] = (int16_t)fe_round_shift(g[c + j] * (int32_t)gr->r[c + j], gr->r_shift);
                    if (lanes == LANES)
                        spread(d, &v, &p, t, c, LANES, dx);
                    else
                        spread(d, &v, &p, t, c, 1, dx);
                }
            }
        }
}

/* sum[j] = G of one tap and `lanes` channels from c on: over all positions, g (x - zx). */
static inline void gather(const fe_geometry *d, const int8_t *g, const int8_t *x, int32_t tap, int32_t c,
                          int32_t lanes, int32_t *sum)
{
    for (int32_t oy = 0; oy < d->out_h; oy++) {
        const int32_t y = oy * d->stride_h - d->pad_top + tap / d->k_w;
        if (y < 0 || y >= d->in_h)
            continue;
        for (int32_t ox = 0; ox < d->out_w; ox++) {
            const int32_t column = ox * d->stride_w - d->pad_left + tap % d->k_w;
            const int8_t *e = g + (oy * d->out_w + ox) * d->in_c + c, *in = x + (y * d->in_w + column) * d->in_c + c;
            if (column < 0 || column >= d->in_w)
                continue;
            for (int32_t j = 0; j < lanes; j++)
                sum[j] += e[j] * (int16_t)(in[j] - d->zero_x);
        }
    }
}

/* w -= rate * G for the trained channels.   w: s8 [K][trained]. */
void fe_depthwise_s8_update(const fe_geometry *d, const fe_update *u, const fe_gradient *gr, const int8_t *g,
                            const int8_t *x, int8_t *w)
{
    for (int32_t c = 0, lanes; c < d->trained; c += lanes) {
        fe_real rate[LANES];
        lanes = d->trained - c < LANES ? 1 : LANES;
        for (int32_t j = 0; j < lanes; j++)
            rate[j] = fe_multiply(fe_real_at(gr->weight_rate, c + j), u->rate);
        for (int32_t tap = 0; tap < d->k_h * d->k_w; tap++) {
            int32_t sum[LANES] = {0}, i = tap * d->trained + c;
            if (lanes == LANES)
                gather(d, g, x, tap, c, LANES, sum);
            else
                gather(d, g, x, tap, c, 1, sum);
            for (int32_t j = 0; j < lanes; j++, i++)
                if (sum[j] != 0)
                    w[i] = fe_step_weight(u, rate[j], (uint32_t)i, w[i], sum[j]);
        }
    }
}

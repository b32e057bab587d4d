/* SPDX-License-Identifier: Apache-2.0
 *
 * Depthwise convolution, int8: forward, and the two gradients its training needs.
 *
 *   x: s8 [in_h][in_w][C]   w: s8 [K][C M], split along C M   b: s32 [C M]   y: s8 [out_h][out_w][C M]
 *
 * Output o reads channel o / M. M is the multiplier, 1 in most networks.
 */
#include "fe_depthwise_s8.h"

/* Outputs go by fours where there are four of as many channels: their sums fit the registers of a small core and a
 * vector of a large one. */
#define LANES 4

/* Outputs [first, end), whose weights lie together: w[tap][c - first]. */
typedef struct {
    int32_t first, end;
    const int8_t *w;
} fe_part;

static fe_part part_of(const fe_geometry *d, fe_weights w, int32_t frozen)
{
    fe_part p;
    p.first = frozen ? d->trained : 0;
    p.end = frozen ? d->out_c : d->trained;
    p.w = frozen ? w.frozen : w.trained;
    return p;
}

/* How many outputs may go together. */
static int32_t lanes_of(const fe_geometry *d)
{
    return d->in_c == d->out_c ? LANES : 1;
}

/* The channel that an output reads. As many groups as outputs: each its own, however few of the map are there. */
static int32_t channel_of(const fe_geometry *d, int32_t o)
{
    return d->in_c == d->out_c || d->groups == d->out_c ? o : o / (d->out_c / d->in_c);
}

/* Index of channel 0 under a tap of the window. */
static int32_t place(const fe_geometry *d, const fe_window *v, int32_t ky, int32_t kx)
{
    return ((v->in_y + ky) * d->in_w + v->in_x + kx) * d->in_c;
}

/* acc[j] += the products of `lanes` outputs from c on, over one window. */
static inline void dot(const fe_geometry *d, const fe_window *v, const fe_part *p, const int8_t *x, int32_t c,
                       int32_t lanes, int32_t *acc)
{
    const int8_t *from = x + channel_of(d, c);
    for (int32_t ky = v->y0; ky < v->y1; ky++)
        for (int32_t kx = v->x0; kx < v->x1; kx++) {
            const int8_t *in = from + place(d, v, ky, kx);
            const int8_t *w = p->w + (ky * d->k_w + kx) * (p->end - p->first) + c - p->first;
            for (int32_t j = 0; j < lanes; j++)
                acc[j] += (int16_t)(in[j] - d->zero_x) * w[j];
        }
}

/* Outputs c to c + lanes - 1 of one position, the first of which is number i of y. */
static inline void outputs_at(const fe_geometry *d, const fe_window *v, const fe_part *p, const int8_t *x,
                              const int32_t *b, fe_reals scale, int32_t c, int32_t lanes, int8_t *y, uint8_t *mask,
                              int32_t i)
{
    int32_t acc[LANES] = {0};
    if (lanes == LANES)
        dot(d, v, p, x, c, LANES, acc);
    else
        dot(d, v, p, x, c, 1, acc);
    for (int32_t j = 0; j < lanes; j++, i++)
        y[i] = fe_clip_s8(fe_scale(b[c + j] + acc[j], fe_real_at(scale, c + j)), d->zero_y, d->low, d->high, mask, i);
}

static void by_places(const fe_geometry *d, const int8_t *x, const fe_part *p, const int32_t *b, fe_reals scale,
                      int8_t *y, uint8_t *mask)
{
    const int32_t most = lanes_of(d);
    for (int32_t oy = 0; oy < d->out_h; oy++)
        for (int32_t ox = 0; ox < d->out_w; ox++) {
            const fe_window v = fe_window_at(d, oy, ox);
            const int32_t i = (oy * d->out_w + ox) * d->out_c;
            for (int32_t c = p->first, lanes; c < p->end; c += lanes) {
                lanes = p->end - c < most ? 1 : most;
                outputs_at(d, &v, p, x, b, scale, c, lanes, y, mask, i + c);
            }
        }
}

#if FE_TILES

/* Channels outside, so that what goes with one is prepared once. */
FE_ALONE void by_channels(const fe_geometry *d, const int8_t *x, const fe_part *p, const int32_t *b, fe_reals scale,
                          int8_t *y, uint8_t *mask)
{
    const int32_t apart = p->end - p->first;
    for (int32_t c = p->first; c < p->end; c++) {
        if (fe_depthwise_s8_tile(d, x + c, p->w + c - p->first, apart, b + c, scale, c, y, mask))
            continue;
        for (int32_t i = 0; i < d->out_h * d->out_w; i++) {
            const fe_window v = fe_window_at(d, i / d->out_w, i % d->out_w);
            outputs_at(d, &v, p, x, b, scale, c, 1, y, mask, i * d->out_c + c);
        }
    }
}

#endif

FE_ALONE void by_parts(const fe_geometry *d, const int8_t *x, fe_weights w, const int32_t *b, fe_reals scale, int8_t *y,
                       uint8_t *mask)
{
    for (int32_t part = 0; part < 2; part++) {
        const fe_part p = part_of(d, w, part);
#if FE_TILES
        if (d->in_c == d->out_c && d->out_h > 1) { /* a row of a group has too little stack left for tiles */
            by_channels(d, x, &p, b, scale, y, mask);
            continue;
        }
#endif
        by_places(d, x, &p, b, scale, y, mask);
    }
}

/* y = requant(w (x - zx) + b) + zy, padding counts as zero.   y must not alias x.   No scratch. */
void fe_depthwise_s8_forward(const fe_geometry *d, const int8_t *x, fe_weights w, const int32_t *b, fe_reals scale,
                             int8_t *y, uint8_t *mask)
{
    if (mask != 0)
        fe_clear(mask, (d->out_h * d->out_w * d->out_c + 7) / 8);
#if FE_PAIRS
    if (fe_depthwise_s8_in_fours(d, b)) {
        fe_depthwise_s8_fours(d, x, w, b, scale, y, mask);
        return;
    }
#endif
    by_parts(d, x, w, b, scale, y, mask);
}

/* The same with y from x's first byte on, for M = 1: output p of channel c lies where some value of channel c lay, so
 * that a channel may be overwritten once all of its outputs are known.   plane: s8 scratch [out_h][out_w]. */
void fe_depthwise_s8_in_place(const fe_geometry *d, int8_t *xy, fe_weights w, const int32_t *b, fe_reals scale,
                              int8_t *plane, uint8_t *mask)
{
    const int32_t places = d->out_h * d->out_w;
    if (mask != 0)
        fe_clear(mask, (places * d->out_c + 7) / 8);
    for (int32_t part = 0; part < 2; part++) {
        const fe_part p = part_of(d, w, part);
        for (int32_t c = p.first; c < p.end; c++) {
            for (int32_t i = 0; i < places; i++) {
                const fe_window v = fe_window_at(d, i / d->out_w, i % d->out_w);
                int32_t acc = 0;
                dot(d, &v, &p, xy, c, 1, &acc);
                plane[i] = fe_clip_s8(fe_scale(b[c] + acc, fe_real_at(scale, c)), d->zero_y, d->low, d->high, mask,
                                      i * d->out_c + c);
            }
            for (int32_t i = 0; i < places; i++)
                xy[i * d->out_c + c] = plane[i];
        }
    }
}

/* dx[tap][j] += t[j] w[j] for `lanes` outputs from c on, over one window. */
static inline void spread(const fe_geometry *d, const fe_window *v, const fe_part *p, const int16_t *t, int32_t c,
                          int32_t lanes, int32_t *dx)
{
    int32_t *to = dx + channel_of(d, c);
    for (int32_t ky = v->y0; ky < v->y1; ky++)
        for (int32_t kx = v->x0; kx < v->x1; kx++) {
            int32_t *out = to + place(d, v, ky, kx);
            const int8_t *w = p->w + (ky * d->k_w + kx) * (p->end - p->first) + c - p->first;
            for (int32_t j = 0; j < lanes; j++)
                out[j] += t[j] * w[j];
        }
}

/* dx = sum over taps of t w, t = (g r[c]) >> r_shift in real units.   dx: s32 [in_h][in_w][C], zeroed here.
 * Uses w before this step's update. */
void fe_depthwise_s8_grad_in(const fe_geometry *d, const int8_t *g, fe_weights w, const fe_gradient *gr, int32_t *dx)
{
    const int32_t most = lanes_of(d);
    fe_clear_s32(dx, d->in_h * d->in_w * d->in_c);
    for (int32_t oy = 0; oy < d->out_h; oy++)
        for (int32_t ox = 0; ox < d->out_w; ox++, g += d->out_c) {
            const fe_window v = fe_window_at(d, oy, ox);
            for (int32_t part = 0; part < 2; part++) {
                const fe_part p = part_of(d, w, part);
                for (int32_t c = p.first, lanes; c < p.end; c += lanes) {
                    int16_t t[LANES];
                    lanes = p.end - c < most ? 1 : most;
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

/* The same gradient for one place of the input: every output and tap that reads it. */
void fe_depthwise_s8_grad_place(const void *step, const fe_operands *a, int32_t at, int32_t *acc)
{
    const fe_geometry *d = step;
    const uint16_t *r = a->table;
    const int32_t na = d->trained, nb = d->out_c - na;
    for (int32_t ky = 0; ky < d->k_h; ky++) {
        const int32_t oy = fe_output_under(at / d->in_w + d->pad_top - ky, d->stride_h, d->out_h);
        for (int32_t kx = 0; oy >= 0 && kx < d->k_w; kx++) {
            const int32_t ox = fe_output_under(at % d->in_w + d->pad_left - kx, d->stride_w, d->out_w);
            const int8_t *g = (const int8_t *)a->g + (oy * d->out_w + ox) * d->out_c;
            const int32_t tap = ky * d->k_w + kx;
            for (int32_t o = 0; ox >= 0 && o < d->out_c; o++) {
                const int32_t w = o < na ? a->w.trained[tap * na + o] : a->w.frozen[tap * nb + o - na];
                acc[channel_of(d, o)] += fe_round_shift(g[o] * (int32_t)r[o], a->shift) * w;
            }
        }
    }
}

/* sum[j] = G of one tap and `lanes` outputs from c on: over all positions, g (x - zx). */
static inline void gather(const fe_geometry *d, const int8_t *g, const int8_t *x, int32_t tap, int32_t c,
                          int32_t lanes, int32_t *sum)
{
    for (int32_t oy = 0; oy < d->out_h; oy++) {
        const int32_t y = oy * d->stride_h - d->pad_top + tap / d->k_w;
        if (y < 0 || y >= d->in_h)
            continue;
        for (int32_t ox = 0; ox < d->out_w; ox++) {
            const int32_t column = ox * d->stride_w - d->pad_left + tap % d->k_w;
            const int8_t *e = g + (oy * d->out_w + ox) * d->out_c + c;
            const int8_t *in = x + (y * d->in_w + column) * d->in_c + channel_of(d, c);
            if (column < 0 || column >= d->in_w)
                continue;
            for (int32_t j = 0; j < lanes; j++)
                sum[j] += e[j] * (int16_t)(in[j] - d->zero_x);
        }
    }
}

/* w -= rate * G for the trained outputs.   w: s8 [K][trained]. */
void fe_depthwise_s8_update(const fe_geometry *d, const fe_update *u, const int8_t *g, const int8_t *x, int8_t *w)
{
    const int32_t most = lanes_of(d);
    for (int32_t c = 0, lanes; c < d->trained; c += lanes) {
        fe_real rate[LANES];
        lanes = d->trained - c < most ? 1 : most;
        for (int32_t j = 0; j < lanes; j++)
            rate[j] = fe_rate_of(u, c + j);
        for (int32_t tap = 0; tap < d->k_h * d->k_w; tap++) {
            int32_t sum[LANES] = {0}, i = tap * d->trained + c;
            if (lanes == LANES)
                gather(d, g, x, tap, c, LANES, sum);
            else
                gather(d, g, x, tap, c, 1, sum);
            for (int32_t j = 0; j < lanes; j++, i++)
                if (sum[j] != 0 || fe_moves_all(u))
                    fe_step_row(u, rate[j], (uint32_t)i, w + i, sum + j, 1);
        }
    }
}

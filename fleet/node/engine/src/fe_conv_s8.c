/* SPDX-License-Identifier: Apache-2.0
 *
 * Convolution, int8: forward, and the two gradients its training needs.
 *
 *   x: s8 [in_h][in_w][I]   w: s8 [O][K][I/groups], split along its last axis   b: s32 [O]   y: s8 [out_h][out_w][O]
 *   Real value of x: s_x (x - zero_x). Weights are symmetric, one scale per output.
 */
#include "fe_conv_s8.h"

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

/* y = requant(W (x - zx) + b) + zy, padding counts as zero.   y must not alias x.   No scratch.
 * |acc| <= K I * 255 * 127 + |b|: with |b| <= 2^30 no overflow up to K I = 33155. */
void fe_conv_s8_forward(const fe_geometry *d, const int8_t *x, fe_weights w, const int32_t *b, fe_reals scale,
                        int8_t *y, uint8_t *mask)
{
    const int32_t per_group = d->out_c / d->groups, n = d->in_c / d->groups;
    if (mask != 0)
        fe_clear(mask, (d->out_h * d->out_w * d->out_c + 7) / 8);
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

/* Up to four outputs with something to say at one position, gathered so that each sum is read and written once. */
typedef struct {
    int32_t count;
    int16_t t[4];
    int32_t o[4];
} fe_spread;

/* dx[i] += sum over j of t[j] w[o[j]][i], for one tap and n channels.   w: [O][K][n], at the tap of output 0. */
static void spread_tap(const fe_spread *s, const int8_t *w, int32_t apart, int32_t n, int32_t *dx)
{
    const int8_t *w0 = w + s->o[0] * apart, *w1 = w + s->o[1] * apart;
    const int8_t *w2 = w + s->o[2] * apart, *w3 = w + s->o[3] * apart;
    const int16_t t0 = s->t[0], t1 = s->t[1], t2 = s->t[2], t3 = s->t[3];
    for (int32_t i = 0; i < n; i++)
        dx[i] += t0 * w0[i] + t1 * w1[i] + t2 * w2[i] + t3 * w3[i];
}

static void spread(const fe_geometry *d, const fe_window *v, const fe_spread *s, fe_weights w, int32_t *dx)
{
    const int32_t na = d->trained, nb = d->in_c / d->groups - na, taps = d->k_h * d->k_w;
    for (int32_t ky = v->y0; ky < v->y1; ky++)
        for (int32_t kx = v->x0; kx < v->x1; kx++) {
            int32_t *at = dx + ((v->in_y + ky) * d->in_w + v->in_x + kx) * d->in_c;
            const int32_t tap = ky * d->k_w + kx;
            if (na > 0)
                spread_tap(s, w.trained + tap * na, taps * na, na, at);
            if (nb > 0)
                spread_tap(s, w.frozen + tap * nb, taps * nb, nb, at + na);
        }
}

/* Outputs [first, end) of one position and one tap; dx at the first channel of their group. */
static void spread_under(const fe_geometry *d, const int8_t *g, fe_span span, const fe_operands *a, int32_t tap,
                         int32_t *dx)
{
    const int32_t na = d->trained, nb = d->in_c / d->groups - na, taps = d->k_h * d->k_w;
    const uint16_t *r = a->table;
    fe_spread s = {0};
    for (int32_t o = span.first; o < span.end; o++) {
        const int32_t t = fe_round_shift(g[o] * (int32_t)r[o], a->shift);
        if (t != 0) {
            s.t[s.count] = (int16_t)t;
            s.o[s.count++] = o;
        }
        if (s.count == 4 || (s.count > 0 && o + 1 == span.end)) {
            if (na > 0)
                spread_tap(&s, a->w.trained + tap * na, taps * na, na, dx);
            if (nb > 0)
                spread_tap(&s, a->w.frozen + tap * nb, taps * nb, nb, dx + na);
            s = (fe_spread){0};
        }
    }
}

/* Outputs [first, end) of every position; dx at the first channel of their group. */
static void spread_outputs(const fe_geometry *d, const int8_t *g, fe_span span, fe_weights w, const fe_gradient *gr,
                           int32_t *dx)
{
    for (int32_t oy = 0; oy < d->out_h; oy++)
        for (int32_t ox = 0; ox < d->out_w; ox++, g += d->out_c) {
            const fe_window v = fe_window_at(d, oy, ox);
            fe_spread s = {0};
            for (int32_t o = span.first; o < span.end; o++) {
                const int32_t t = fe_round_shift(g[o] * (int32_t)gr->r[o], gr->r_shift);
                if (t == 0)
                    continue; /* clipped in the forward pass, as half of a ReLU's outputs are */
                s.t[s.count] = (int16_t)t;
                s.o[s.count++] = o;
                if (s.count == 4) {
                    spread(d, &v, &s, w, dx);
                    s = (fe_spread){0};
                }
            }
            if (s.count > 0)
                spread(d, &v, &s, w, dx);
        }
}

/* dx += sum over o and taps of t w, t = (g r[o]) >> r_shift in real units.   dx: s32 [in_h][in_w][I], zeroed here.
 * The planner chose r_shift so that |dx| and a waiting gradient stay below 2^31. Uses w before this step's update. */
void fe_conv_s8_grad_in(const fe_geometry *d, const int8_t *g, fe_weights w, const fe_gradient *gr, int32_t *dx)
{
    const int32_t per_group = d->out_c / d->groups, n = d->in_c / d->groups;
    fe_clear_s32(dx, d->in_h * d->in_w * d->in_c);
    for (fe_span s = {0, per_group}; s.first < d->out_c; s.first = s.end, s.end += per_group, dx += n)
        spread_outputs(d, g, s, w, gr, dx);
}

/* The same gradient for one place of the input: every output and tap that reads it. */
void fe_conv_s8_grad_place(const void *step, const fe_operands *a, int32_t place, int32_t *acc)
{
    const fe_geometry *d = step;
    const int32_t per_group = d->out_c / d->groups, n = d->in_c / d->groups;
    for (int32_t ky = 0; ky < d->k_h; ky++) {
        const int32_t oy = fe_output_under(place / d->in_w + d->pad_top - ky, d->stride_h, d->out_h);
        for (int32_t kx = 0; oy >= 0 && kx < d->k_w; kx++) {
            const int32_t ox = fe_output_under(place % d->in_w + d->pad_left - kx, d->stride_w, d->out_w);
            const int8_t *g = (const int8_t *)a->g + (oy * d->out_w + ox) * d->out_c;
            for (fe_span s = {0, per_group}; ox >= 0 && s.first < d->out_c; s.first = s.end, s.end += per_group)
                spread_under(d, g, s, a, ky * d->k_w + kx, acc + s.first / per_group * n);
        }
    }
}

/* row[tap][i] = sum over positions of g (x - zx), for one output; x at the first channel of its group.
 * Returns 0 if no g was non-zero. */
static int32_t gather(const fe_geometry *d, const int8_t *g, const int8_t *x, int32_t o, int32_t *row)
{
    const int32_t n = d->trained;
    int32_t any = 0;
    fe_clear_s32(row, d->k_h * d->k_w * n);
    for (int32_t oy = 0; oy < d->out_h; oy++)
        for (int32_t ox = 0; ox < d->out_w; ox++) {
            const fe_window v = fe_window_at(d, oy, ox);
            const int16_t e = g[(oy * d->out_w + ox) * d->out_c + o];
            any |= e;
            if (e == 0)
                continue;
            for (int32_t ky = v.y0; ky < v.y1; ky++)
                for (int32_t kx = v.x0; kx < v.x1; kx++) {
                    const int8_t *in = x + ((v.in_y + ky) * d->in_w + v.in_x + kx) * d->in_c;
                    int32_t *out = row + (ky * d->k_w + kx) * n;
                    for (int32_t i = 0; i < n; i++)
                        out[i] += e * (int16_t)(in[i] - d->zero_x);
                }
        }
    return any;
}

/* w -= rate * G, row by row of one output; a gradient is used once.   row: s32 scratch [K][trained].
 * |G| <= 127 * 255 * P: P <= 66311 positions keep it below 2^31. */
void fe_conv_s8_update(const fe_geometry *d, const fe_update *u, const int8_t *g, const int8_t *x, int8_t *w,
                       int32_t *row)
{
    const int32_t n = d->k_h * d->k_w * d->trained;
    const int32_t per_group = d->out_c / d->groups, group_c = d->in_c / d->groups;
    for (int32_t o = 0; o < d->out_c; o++)
        if (gather(d, g, x + o / per_group * group_c, o, row) != 0 || fe_moves_all(u))
            fe_step_row(u, fe_rate_of(u, o), (uint32_t)(o * n), w + o * n, row, n);
}

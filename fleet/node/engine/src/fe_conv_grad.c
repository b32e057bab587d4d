/* SPDX-License-Identifier: Apache-2.0
 *
 * Convolution, int8: the gradient of its input, and that of its weights with their step. Shapes: fe_conv_s8.c.
 */
#include "fe_conv_s8.h"

/* Up to four outputs with something to say at one position, gathered so that each sum is read and written once. */
typedef struct {
    int32_t count;
    int16_t t[4];
    int32_t o[4];
} fe_spread;

#if FE_BLOCKS
/* The same for the next four channels. t: pairs of t[0] and t[1], t[2] and t[3]. */
#define FE_OF_OUTPUT(w, t, half)                                                                                       \
    "ldr %[u], [%[" w "]], #4\n\tsxtb16 %[e], %[u]\n\tsxtb16 %[u], %[u], ror #8\n\t"                                    \
    "smlab" half " %[a0], %[e], %[" t "], %[a0]\n\tsmlab" half " %[a1], %[u], %[" t "], %[a1]\n\t"                      \
    "smlat" half " %[a2], %[e], %[" t "], %[a2]\n\tsmlat" half " %[a3], %[u], %[" t "], %[a3]\n\t"
#define FE_FOUR_CHANNELS()                                                                                             \
    do {                                                                                                               \
        int32_t a0_, a1_, a2_, a3_, u_, e_;                                                                            \
        __asm__("ldrd %[a0], %[a1], [%[dx]]\n\tldrd %[a2], %[a3], [%[dx], #8]\n\t"                                    \
            FE_OF_OUTPUT("w0", "t01", "b") FE_OF_OUTPUT("w1", "t01", "t")                                              \
            FE_OF_OUTPUT("w2", "t23", "b") FE_OF_OUTPUT("w3", "t23", "t")                                              \
            "strd %[a0], %[a1], [%[dx]], #8\n\tstrd %[a2], %[a3], [%[dx]], #8\n\t"                                    \
            : [w0] "+r"(w0), [w1] "+r"(w1), [w2] "+r"(w2), [w3] "+r"(w3), [dx] "+r"(dx), [a0] "=&r"(a0_),              \
              [a1] "=&r"(a1_), [a2] "=&r"(a2_), [a3] "=&r"(a3_), [u] "=&r"(u_), [e] "=&r"(e_)                          \
            : [t01] "r"(t01), [t23] "r"(t23)                                                                           \
            : "memory");                                                                                               \
    } while (0)
#endif

/* dx[i] += sum over j of t[j] w[o[j]][i], for one tap and n channels.   w: [O][K][n], at the tap of output 0. */
static void spread_tap(const fe_spread *s, const int8_t *w, int32_t apart, int32_t n, int32_t *dx)
{
    const int8_t *w0 = w + s->o[0] * apart, *w1 = w + s->o[1] * apart;
    const int8_t *w2 = w + s->o[2] * apart, *w3 = w + s->o[3] * apart;
    const int16_t t0 = s->t[0], t1 = s->t[1], t2 = s->t[2], t3 = s->t[3];
#if FE_BLOCKS
    const int32_t t01 = fe_pair_up(t0, t1), t23 = fe_pair_up(t2, t3);
    for (; n >= 4; n -= 4)
        FE_FOUR_CHANNELS();
#endif
    for (; n > 0; n--)
        *dx++ += t0 * *w0++ + t1 * *w1++ + t2 * *w2++ + t3 * *w3++;
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

/* The same of a pointwise layer, four positions at a time; the zero point's share is taken off at the end. */
static int32_t gather_points(const fe_geometry *d, const int8_t *g, const int8_t *x, int32_t o, int32_t *row)
{
    const int32_t n = d->trained, places = d->out_h * d->out_w;
    int32_t any = 0, sum = 0;
    fe_spread s = {0};
    fe_clear_s32(row, n);
    for (int32_t p = 0; p < places; p++) {
        const int32_t e = g[p * d->out_c + o];
        any |= e;
        if (e != 0) {
            sum += e;
            s.t[s.count] = (int16_t)e;
            s.o[s.count++] = p;
        }
        if (s.count == 4 || (s.count > 0 && p + 1 == places)) {
            spread_tap(&s, x, d->in_c, n, row);
            s = (fe_spread){0};
        }
    }
    sum *= d->zero_x;
    for (int32_t i = 0; i < n && sum != 0; i++)
        row[i] -= sum;
    return any;
}

static int32_t is_flat(const fe_geometry *d)
{
    return d->k_h * d->k_w == 1 && d->stride_h == 1 && d->stride_w == 1 && d->pad_top == 0 && d->pad_left == 0 &&
           d->out_h == d->in_h && d->out_w == d->in_w;
}

/* w -= rate * G, row by row of one output; a gradient is used once.   row: s32 scratch [K][trained].
 * |G| <= 127 * 255 * P: P <= 66311 positions keep it below 2^31. */
void fe_conv_s8_update(const fe_geometry *d, const fe_update *u, const int8_t *g, const int8_t *x, int8_t *w,
                       int32_t *row)
{
    const int32_t n = d->k_h * d->k_w * d->trained;
    const int32_t per_group = d->out_c / d->groups, group_c = d->in_c / d->groups, flat = is_flat(d);
    for (int32_t o = 0; o < d->out_c; o++) {
        const int8_t *from = x + o / per_group * group_c;
        if ((flat ? gather_points(d, g, from, o, row) : gather(d, g, from, o, row)) != 0 || fe_moves_all(u))
            fe_step_row(u, fe_rate_of(u, o), (uint32_t)(o * n), w + o * n, row, n);
    }
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Pointwise convolution, int8, forward, on a core that multiplies pairs: two outputs over all places, two places at a
 * time. The weights of the two are spread into pairs first where there is room for them. Same bytes as the plain way.
 */
#include "fe_conv_pairs.h"

#if FE_PAIRS

/* Fours of channels whose pairs have room; a row of a group has less of it. */
enum { FOURS = 24, FOURS_OF_ROW = 8 };

/* A pair of outputs. w, run: its trained weights and their channels, then the frozen ones. pairs: lanes 0 and 2 of both
 * outputs, lanes 1 and 3 of both, and so on up to end; NULL: weights are read where they lie. */
typedef struct {
    fe_pair_of p;
    const int8_t *w[2][2];
    int32_t run[2];
    int32_t *pairs, *end;
} fe_points;

int32_t fe_conv_s8_is_points(const fe_geometry *d, const int32_t *b)
{
    const int32_t here = d->out_h * d->out_w;
    return d->k_h * d->k_w == 1 && d->groups == 1 && ((d->in_c | d->trained) & 3) == 0 && d->in_c <= FE_MOST_TERMS &&
           (here == 1 || (d->stride_h == 1 && d->stride_w == 1)) && here == d->in_h * d->in_w &&
           fe_are_fair(b, d->out_c);
}

/* Weights of one part: into the biases as the zero point asks, and to `to` where that is. */
static inline int32_t *take(const fe_geometry *d, fe_points *p, int32_t part, int32_t *to)
{
    const int8_t *w0 = p->w[0][part], *w1 = p->w[1][part];
    int32_t sum0 = 0, sum1 = 0;
    for (int32_t n = p->run[part]; n > 0; n -= 4, w0 += 4, w1 += 4) {
        const int32_t k0 = fe_load4(w0), k1 = fe_load4(w1);
        const int32_t even0 = fe_even(k0), even1 = fe_even(k1), odd0 = fe_odd(k0), odd1 = fe_odd(k1);
        sum0 = __smlad(odd0, 0x10001, __smlad(even0, 0x10001, sum0));
        sum1 = __smlad(odd1, 0x10001, __smlad(even1, 0x10001, sum1));
        if (to != 0) {
            to[0] = even0;
            to[1] = even1;
            to[2] = odd0;
            to[3] = odd1;
            to += 4;
        }
    }
    p->p.bias[0] -= d->zero_x * sum0;
    p->p.bias[1] -= d->zero_x * sum1;
    return to;
}

/* Outputs o and the one behind it, or o twice. */
FE_ALONE void prepare(const fe_geometry *d, fe_weights w, const int32_t *b, fe_reals scale, int32_t o, fe_points *p)
{
    int32_t *to = p->pairs;
    fe_begin_pair(d, b, scale, d->in_c, o, &p->p);
    for (int32_t j = 0; j < 2; j++) {
        const int32_t at = o + j < d->out_c ? o + j : o;
        if (p->run[0] > 0)
            p->w[j][0] = w.trained + at * p->run[0];
        if (p->run[1] > 0)
            p->w[j][1] = w.frozen + at * p->run[1];
    }
    for (int32_t part = 0; part < 2; part++)
        if (p->run[part] > 0)
            to = take(d, p, part, to);
    p->end = to;
}

/* All places, the weights spread out. i: number of the first output. */
FE_ALONE void by_pairs(const fe_points *l, const int8_t *x0, int32_t left, int32_t i)
{
    const fe_pair_of *p = &l->p;
    for (; left > 0; left -= 2) {
        const int32_t *k = l->pairs, *end = l->end;
        const int32_t apart = left > 1 ? p->out_c : 0;
        const int8_t *x1 = left > 1 ? x0 + p->step : x0;
        int32_t a0 = p->bias[0], a1 = p->bias[1], a2 = a0, a3 = a1;
        if (((end - k) & 4) != 0) {
            FE_FOUR(k[0], k[1], k[2], k[3]);
            k += 4;
        }
        for (; k != end; k += 8) {
            FE_APART(k);
            FE_FOUR(k[0], k[1], k[2], k[3]);
            FE_FOUR(k[4], k[5], k[6], k[7]);
        }
        x0 = x1;
        if (p->slow) {
            fe_put_pair(p, a0, a1, i);
            fe_put_pair(p, a2, a3, i + apart);
        } else {
            fe_finish_pairs(p, a0, a1, a2, a3, i, apart);
        }
        i += 2 * p->out_c;
    }
}

/* The same with weights where they lie. */
FE_ALONE void where_they_lie(const fe_points *l, const int8_t *x0, int32_t left, int32_t i)
{
    const fe_pair_of *p = &l->p;
    for (; left > 0; left -= 2) {
        const int32_t apart = left > 1 ? p->out_c : 0;
        const int8_t *x1 = left > 1 ? x0 + p->step : x0;
        int32_t a0 = p->bias[0], a1 = p->bias[1], a2 = a0, a3 = a1;
        for (int32_t part = l->run[0] > 0 ? 0 : 1; part < 2 && l->run[part] > 0; part++) {
            const int8_t *w0 = l->w[0][part], *w1 = l->w[1][part], *end = w0 + l->run[part];
            if ((l->run[part] & 4) != 0)
                FE_FOUR_THERE();
            while (w0 != end) {
                FE_FOUR_THERE();
                FE_FOUR_THERE();
            }
        }
        x0 = x1;
        if (p->slow) {
            fe_put_pair(p, a0, a1, i);
            fe_put_pair(p, a2, a3, i + apart);
        } else {
            fe_finish_pairs(p, a0, a1, a2, a3, i, apart);
        }
        i += 2 * p->out_c;
    }
}

static inline void run(const fe_geometry *d, const int8_t *x, fe_weights w, const int32_t *b, fe_reals scale, int8_t *y,
                       uint8_t *mask, int32_t *pairs, int32_t room)
{
    fe_points p;
    p.pairs = d->in_c <= room ? pairs : 0;
    p.run[0] = d->trained;
    p.run[1] = d->in_c - d->trained;
    p.p.step = d->in_c;
    p.p.out_c = d->out_c;
    p.p.y = y;
    p.p.mask = mask;
    fe_begin_ends(d, &p.p.ends);
    for (int32_t o = 0; o < d->out_c; o += 2) {
        prepare(d, w, b, scale, o, &p);
        if (p.pairs != 0)
            by_pairs(&p, x, d->out_h * d->out_w, o);
        else
            where_they_lie(&p, x, d->out_h * d->out_w, o);
    }
}

void fe_conv_s8_points(const fe_geometry *d, const int8_t *x, fe_weights w, const int32_t *b, fe_reals scale, int8_t *y,
                       uint8_t *mask)
{
    int32_t pairs[4 * FOURS];
    run(d, x, w, b, scale, y, mask, pairs, 4 * FOURS);
}

void fe_conv_s8_points_of_row(const fe_geometry *d, const int8_t *x, fe_weights w, const int32_t *b, fe_reals scale,
                              int8_t *y, uint8_t *mask)
{
    int32_t pairs[4 * FOURS_OF_ROW];
    run(d, x, w, b, scale, y, mask, pairs, 4 * FOURS_OF_ROW);
}

#endif

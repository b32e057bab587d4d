/* SPDX-License-Identifier: Apache-2.0
 *
 * The input gradient of a depthwise layer, int8, on a core that multiplies pairs: four channels of a small map, whose
 * scaled output gradients have room on the stack, so that each input place gathers them once. Same sums as place by
 * place.
 */
#include "fe_depthwise_s8.h"
#include "fe_tile.h"

#if FE_PAIRS

enum { PLACES = 64 };

/* Four channels: t of every output place, lanes 0 and 2, then 1 and 3. */
typedef struct {
    int32_t t[2 * PLACES];
    const fe_geometry *d;
    const int8_t *w;
    int32_t w_tap;
} fe_plane;

int32_t fe_depthwise_s8_grad_in_fours(const fe_geometry *d, int32_t shift)
{
    return d->in_c == d->out_c && ((d->out_c | d->trained) & 3) == 0 && d->out_h * d->out_w <= PLACES && shift < 31;
}

/* t = (g r + half) >> shift. */
FE_ALONE void scaled(const fe_geometry *d, const int8_t *g, const uint16_t *r, int32_t shift, int32_t *t)
{
    const int32_t r0 = r[0], r1 = r[1], r2 = r[2], r3 = r[3], half = shift > 0 ? 1 << (shift - 1) : 0;
    for (int32_t left = d->out_h * d->out_w; left > 0; left--, g += d->out_c, t += 2) {
        const int32_t word = fe_load4(g), even = fe_even(word), odd = fe_odd(word);
        const int32_t t0 = ((int16_t)even * r0 + half) >> shift, t1 = ((int16_t)odd * r1 + half) >> shift;
        const int32_t t2 = ((even >> 16) * r2 + half) >> shift, t3 = ((odd >> 16) * r3 + half) >> shift;
        t[0] = fe_pair_up(t0, t2);
        t[1] = fe_pair_up(t1, t3);
    }
}

/* The sums of one place. */
FE_ALONE void gathered(const fe_plane *p, int32_t y, int32_t x, int32_t *acc)
{
    const fe_geometry *d = p->d;
    const fe_under rows = fe_under_of(y, d->pad_top, d->stride_h, d->k_h, d->out_h);
    const fe_under columns = fe_under_of(x, d->pad_left, d->stride_w, d->k_w, d->out_w);
    const int32_t w_step = d->stride_w * p->w_tap;
    int32_t a0 = 0, a1 = 0, a2 = 0, a3 = 0;
    for (int32_t row = 0; row < rows.count && columns.count > 0; row++) {
        const int8_t *w = p->w + ((rows.first + row * d->stride_h) * d->k_w + columns.first) * p->w_tap;
        const int32_t *at = p->t + 2 * ((rows.output - row) * d->out_w + columns.output);
        for (int32_t left = columns.count; left > 0; left--) {
            const int32_t k = fe_load4(w), e = fe_even(k), f = fe_odd(k), even = at[0], odd = at[1];
            w += w_step;
            at -= 2;
            FE_APART(w);
            FE_APART(at);
            a0 = __smlabb(even, e, a0);
            a2 = __smlatt(even, e, a2);
            a1 = __smlabb(odd, f, a1);
            a3 = __smlatt(odd, f, a3);
        }
    }
    acc[0] = a0;
    acc[1] = a1;
    acc[2] = a2;
    acc[3] = a3;
}

void fe_depthwise_s8_grad_fours(const fe_geometry *d, const int8_t *g, fe_weights w, const fe_gradient *gr,
                                const fe_settled *to)
{
    fe_plane p;
    int32_t acc[4];
    p.d = d;
    for (int32_t c = 0; c < d->out_c; c += 4) {
        int32_t i = c;
        p.w = c < d->trained ? w.trained + c : w.frozen + c - d->trained;
        p.w_tap = c < d->trained ? d->trained : d->out_c - d->trained;
        scaled(d, g + c, gr->r + c, gr->r_shift, p.t);
        for (int32_t y = 0; y < d->in_h; y++)
            for (int32_t x = 0; x < d->in_w; x++, i += d->in_c)
                if (to->acc != 0) {
                    gathered(&p, y, x, to->acc + i);
                } else {
                    gathered(&p, y, x, acc);
                    fe_settle_some(to, i, 4, acc);
                }
    }
}

#endif

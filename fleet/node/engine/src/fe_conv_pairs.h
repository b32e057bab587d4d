/* SPDX-License-Identifier: Apache-2.0
 *
 * Convolutions on a core that multiplies pairs: two places by two outputs at a time, whose weights were spread into pairs
 * on the stack. What pointwise layers and others share.
 */
#ifndef FE_CONV_PAIRS_H
#define FE_CONV_PAIRS_H

#include "fe_conv_s8.h"
#include "fe_tile.h"

#if FE_PAIRS

/* Two outputs, or one twice, and where they go. */
typedef struct {
    fe_ends ends;
    fe_factor factor[2];
    int32_t bias[2];
    int32_t step, out_c; /* from place to place in x and in y */
    int32_t slow;        /* one output only, or any but a plain clip */
    int8_t *y;
    uint8_t *mask;
} fe_pair_of;

/* Outputs o and the one behind it, or o twice, of so many terms each. Biases are still those of the layer. */
static inline void fe_begin_pair(const fe_geometry *d, const int32_t *b, fe_reals scale, int32_t terms, int32_t o,
                                 fe_pair_of *p)
{
    p->ends.odd = 0;
    for (int32_t j = 0; j < 2; j++) {
        const int32_t at = o + j < d->out_c ? o + j : o;
        p->bias[j] = b[at];
        fe_prepare(fe_real_at(scale, at), terms, b[at], &p->ends, p->factor + j);
    }
    p->slow = p->ends.odd || fe_is_cut(&p->ends) || o + 1 >= d->out_c || (d->out_c & 1) != 0;
}

/* Both outputs of a place, or the only one. */
/* In a function of its own wherever it is used: it is rare. */
FE_ALONE void fe_put_pair(const fe_pair_of *p, int32_t a0, int32_t a1, int32_t i)
{
    p->y[i] = fe_put(&p->ends, p->factor, a0, p->mask, i);
    if (i % p->out_c + 1 < p->out_c)
        p->y[i + 1] = fe_put(&p->ends, p->factor + 1, a1, p->mask, i + 1);
}

/* Bits i and i + 1, in one byte: i is even. */
static inline void fe_keep_two(uint8_t *mask, int32_t i, int32_t first, int32_t second)
{
    mask[i >> 3] = (uint8_t)(mask[i >> 3] | (uint32_t)(first | second << 1) << (i & 7));
}

/* Two places; the second begins `apart` behind the first. */
FE_ALWAYS void fe_finish_pairs(const fe_pair_of *p, int32_t a0, int32_t a1, int32_t a2, int32_t a3, int32_t i,
                               int32_t apart)
{
    const fe_factor f = p->factor[0], g = p->factor[1];
    const int32_t v0 = fe_narrowed(&f, a0), v1 = fe_narrowed(&g, a1);
    const int32_t v2 = fe_narrowed(&f, a2), v3 = fe_narrowed(&g, a3);
    const int32_t s0 = fe_saturated(v0), s1 = fe_saturated(v1), s2 = fe_saturated(v2), s3 = fe_saturated(v3);
    int8_t *to = p->y + i;
    uint8_t *mask = p->mask;
    to[0] = (int8_t)s0;
    to[1] = (int8_t)s1;
    to += apart;
    to[0] = (int8_t)s2;
    to[1] = (int8_t)s3;
    if (mask != 0) {
        fe_keep_two(mask, i, v0 == s0, v1 == s1);
        fe_keep_two(mask, i + apart, v2 == s2, v3 == s3);
    }
}

/* Four channels of two places and both outputs, whose weights are w0, w1 (lanes 0 and 2) and w2, w3. */
#define FE_FOUR(w0, w1, w2, w3)                                                                                        \
    do {                                                                                                               \
        const int32_t u_ = fe_load4(x0), v_ = fe_load4(x1);                                                            \
        x0 += 4;                                                                                                       \
        x1 += 4;                                                                                                       \
        FE_APART(x0);                                                                                                  \
        FE_APART(x1);                                                                                                  \
        a0 = __smlad(fe_even(u_), w0, a0);                                                                             \
        a1 = __smlad(fe_even(u_), w1, a1);                                                                             \
        a2 = __smlad(fe_even(v_), w0, a2);                                                                             \
        a3 = __smlad(fe_even(v_), w1, a3);                                                                             \
        a0 = __smlad(fe_odd(u_), w2, a0);                                                                              \
        a1 = __smlad(fe_odd(u_), w3, a1);                                                                              \
        a2 = __smlad(fe_odd(v_), w2, a2);                                                                              \
        a3 = __smlad(fe_odd(v_), w3, a3);                                                                              \
    } while (0)

#endif
#endif

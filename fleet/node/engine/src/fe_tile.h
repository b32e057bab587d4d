/* SPDX-License-Identifier: Apache-2.0
 *
 * Two places by two outputs at once, for cores without vectors: every value that is loaded meets two others. And what
 * goes with an output for all its places: its scale as the core likes it best.
 */
#ifndef FE_TILE_H
#define FE_TILE_H

#include "fe_lanes.h"
#include "fe_ops.h"

#if FE_TILES

/* An output on its way back to int8, y = (sum * mant, rounded twice) + zero, prepared. nudge: what the second rounding
 * adds, and the zero point; FE_ODD: it needs fe_scale. */
typedef struct {
    int32_t mant, nudge, shift;
} fe_factor;
#define FE_ODD INT32_MIN

/* What outputs share. low, high: the clip. odd: one of them is. */
typedef struct {
    int32_t zero, low, high, odd;
} fe_ends;

/* Terms of a sum, and size of a bias, that together keep it below 2^30 (16384 * 255 * 127 + 2^29), or below 2^31. */
enum { FE_MOST_TERMS = 16384, FE_FAIR_BIAS = 1 << 29, FE_MOST_BIAS = 1 << 30 };

static inline void fe_begin_ends(const fe_geometry *d, fe_ends *to)
{
    to->zero = d->zero_y;
    to->low = d->low;
    to->high = d->high;
    to->odd = 0;
}

/* One of them. 0: its sums may be too large for all of this. */
static inline int32_t fe_prepare(fe_real scale, int32_t terms, int32_t bias, fe_ends *ends, fe_factor *to)
{
    const int32_t shift = -scale.exp;
    if (terms > FE_MOST_TERMS || bias > FE_MOST_BIAS || bias < -FE_MOST_BIAS)
        return 0;
    to->mant = scale.mant;
    to->shift = shift;
    if (bias >= FE_FAIR_BIAS || bias <= -FE_FAIR_BIAS || shift < 1 || shift > 21) {
        to->nudge = FE_ODD;
        ends->odd = 1;
    } else {
        to->nudge = (1 << (shift - 1)) + ends->zero * (1 << shift);
    }
    return 1;
}

/* Outputs along a side whose windows lie on the map; none where no window does. */
static inline fe_span fe_whole_windows(int32_t in, int32_t out, int32_t kernel, int32_t stride, int32_t pad)
{
    fe_span s;
    const int32_t last = in + pad - kernel;
    s.first = (pad + stride - 1) / stride;
    s.end = last < 0 ? 0 : last / stride + 1;
    s.end = s.end < out ? s.end : out;
    s.first = s.first < s.end ? s.first : s.end;
    return s;
}

/* Whether none of them is beyond FE_MOST_BIAS. */
static inline int32_t fe_are_fair(const int32_t *bias, int32_t count)
{
    for (int32_t i = 0; i < count; i++)
        if (bias[i] > FE_MOST_BIAS || bias[i] < -FE_MOST_BIAS)
            return 0;
    return 1;
}

/* (2 sum * mant + 2^31) >> 32, which is fe_doubling_high_mul. |sum| < 2^30, 2^30 <= mant. */
static inline int32_t fe_high(int32_t sum, int32_t mant)
{
#if FE_LONG_PRODUCTS
    return (int32_t)(((int64_t)(2 * sum) * mant + ((int64_t)1 << 31)) >> 32);
#else /* in halves of 16 bits, each rounded so that no sum of products leaves 32 bits; what is cut off is < 2^-15 */
    const int32_t low = (int16_t)sum, high = (sum - low) >> 16;
    const int32_t mant_low = (int16_t)mant, mant_high = (int32_t)(((uint32_t)mant - (uint32_t)mant_low) >> 16);
    const int32_t middle = high * mant_low + low * mant_high + ((low * mant_low) >> 16);
    return 2 * high * mant_high + ((middle + (1 << 14)) >> 15);
#endif
}

/* y before it is clipped. Halves away from zero: those below it lack one to be rounded up. */
static inline int32_t fe_narrowed(const fe_factor *f, int32_t sum)
{
    const int32_t high = fe_high(sum, f->mant);
    return (high + f->nudge + (high >> 31)) >> f->shift;
}

/* Whether they are clipped to less than int8. */
static inline int32_t fe_is_cut(const fe_ends *e)
{
    return e->low != -128 || e->high != 127;
}

static inline int8_t fe_saturated(int32_t v)
{
    return (int8_t)fe_clamp(v, -128, 127);
}

/* y before it is clipped, whatever its scale. What saturates is cut to 2^29, which leaves room for zero. */
static inline int32_t fe_scaled(const fe_ends *e, const fe_factor *f, int32_t sum)
{
    fe_real scale;
    scale.mant = f->mant;
    scale.exp = -f->shift;
    return f->nudge == FE_ODD ? fe_clamp(fe_scale(sum, scale), -(1 << 29), 1 << 29) + e->zero : fe_narrowed(f, sum);
}

/* The same clipped. Sets bit i of mask when nothing was. */
static inline int8_t fe_put(const fe_ends *e, const fe_factor *f, int32_t sum, uint8_t *mask, int32_t i)
{
    const int32_t value = fe_scaled(e, f, sum), clipped = fe_clamp(value, e->low, e->high);
    if (mask != 0 && clipped == value)
        mask[i >> 3] = (uint8_t)(mask[i >> 3] | 1u << (i & 7));
    return (int8_t)clipped;
}

#if FE_PAIRS

/* Four values at x0 and x1 with weights at w0 and w1 where they lie: a0, a1 += those of x0, a2, a3 of x1. One output
 * after the other, which takes fewer registers. */
#define FE_FOUR_THERE()                                                                                                \
    do {                                                                                                               \
        const int32_t u_ = fe_load4(x0), v_ = fe_load4(x1);                                                            \
        const int32_t ue_ = fe_even(u_), uo_ = fe_odd(u_), ve_ = fe_even(v_), vo_ = fe_odd(v_);                        \
        int32_t k_ = fe_load4(w0);                                                                                     \
        x0 += 4;                                                                                                       \
        x1 += 4;                                                                                                       \
        w0 += 4;                                                                                                       \
        a0 = __smlad(uo_, fe_odd(k_), __smlad(ue_, fe_even(k_), a0));                                                  \
        a2 = __smlad(vo_, fe_odd(k_), __smlad(ve_, fe_even(k_), a2));                                                  \
        k_ = fe_load4(w1);                                                                                             \
        w1 += 4;                                                                                                       \
        a1 = __smlad(uo_, fe_odd(k_), __smlad(ue_, fe_even(k_), a1));                                                  \
        a3 = __smlad(vo_, fe_odd(k_), __smlad(ve_, fe_even(k_), a3));                                                  \
        FE_APART(x0);                                                                                                  \
        FE_APART(x1);                                                                                                  \
        FE_APART(w0);                                                                                                  \
        FE_APART(w1);                                                                                                  \
    } while (0)

#endif

#endif
#endif

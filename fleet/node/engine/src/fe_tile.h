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

/* Some outputs on their way back to int8, y = (sum * mant, rounded twice) + zero, prepared. nudge: what the second
 * rounding adds, and the zero point. low, high: the clip. odd: one of them needs fe_scale, and so all of them get it. */
#define FE_MOST_NARROW (FE_PAIRS ? 4 : 2)
typedef struct {
    int32_t mant[FE_MOST_NARROW], nudge[FE_MOST_NARROW], shift[FE_MOST_NARROW];
    int32_t zero, low, high, odd;
} fe_narrow;

/* Terms of a sum, and size of a bias, that together keep it below 2^30 (16384 * 255 * 127 + 2^29), or below 2^31. */
enum { FE_MOST_TERMS = 16384, FE_FAIR_BIAS = 1 << 29, FE_MOST_BIAS = 1 << 30 };

static inline void fe_begin_narrow(const fe_geometry *d, fe_narrow *to)
{
    to->zero = d->zero_y;
    to->low = d->low;
    to->high = d->high;
    to->odd = 0;
}

/* Number j of them. 0: its sums may be too large for all of this. */
static inline int32_t fe_prepare(fe_real scale, int32_t terms, int32_t bias, int32_t j, fe_narrow *to)
{
    const int32_t shift = -scale.exp;
    if (terms > FE_MOST_TERMS || bias > FE_MOST_BIAS || bias < -FE_MOST_BIAS)
        return 0;
    to->mant[j] = scale.mant;
    to->shift[j] = shift;
    if (bias >= FE_FAIR_BIAS || bias <= -FE_FAIR_BIAS || shift < 1 || shift > 21)
        to->odd = 1;
    else
        to->nudge[j] = (1 << (shift - 1)) + to->zero * (1 << shift);
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

/* y of output j before it is clipped. Halves away from zero: those below it lack one to be rounded up. */
static inline int32_t fe_narrowed(const fe_narrow *n, int32_t j, int32_t sum)
{
    const int32_t high = fe_high(sum, n->mant[j]);
    return (high + n->nudge[j] + (high >> 31)) >> n->shift[j];
}

/* Whether they are clipped to less than int8. */
static inline int32_t fe_is_cut(const fe_narrow *n)
{
    return n->low != -128 || n->high != 127;
}

static inline int8_t fe_saturated(int32_t v)
{
    return (int8_t)fe_clamp(v, -128, 127);
}

/* y of output j before it is clipped, whatever its scale. What saturates is cut to 2^29, which leaves room for zero. */
static inline int32_t fe_scaled(const fe_narrow *n, int32_t j, int32_t sum)
{
    fe_real scale;
    scale.mant = n->mant[j];
    scale.exp = -n->shift[j];
    return n->odd ? fe_clamp(fe_scale(sum, scale), -(1 << 29), 1 << 29) + n->zero : fe_narrowed(n, j, sum);
}

/* The same clipped. Sets bit i of mask when nothing was. */
static inline int8_t fe_put(const fe_narrow *n, int32_t j, int32_t sum, uint8_t *mask, int32_t i)
{
    const int32_t value = fe_scaled(n, j, sum), clipped = fe_clamp(value, n->low, n->high);
    if (mask != 0 && clipped == value)
        mask[i >> 3] = (uint8_t)(mask[i >> 3] | 1u << (i & 7));
    return (int8_t)clipped;
}

#endif
#endif

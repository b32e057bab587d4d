/* SPDX-License-Identifier: Apache-2.0
 *
 * The rules that round a weight's drive to a whole step. q: 16 fractional bits, |q| <= 2^30.
 * A residual is what rounding left over, in steps of 2^-4, 2^-8 or 2^-16 weight steps, within half a weight step.
 */
#include "fe_update.h"

/* Two per byte, the low nibble first, from -8 to 7. */
static int32_t get_nibble(const uint8_t *kept, uint32_t i)
{
    const int32_t v = kept[i >> 1] >> (i & 1u ? 4 : 0) & 15;
    return v < 8 ? v : v - 16;
}

static void put_nibble(uint8_t *kept, uint32_t i, int32_t v)
{
    uint8_t *at = kept + (i >> 1);
    *at = (uint8_t)(i & 1u ? (*at & 15) | (v & 15) << 4 : (*at & 240) | (v & 15));
}

/* Whole steps of q after what a residual of 4, 8 or 16 bits holds has been added; the rest stays in it. */
static int32_t residual4(uint8_t *kept, uint32_t i, int32_t q, uint32_t draw)
{
    const int32_t t = get_nibble(kept, i) + ((q + (int32_t)(draw >> 20)) >> 12);
    const int32_t n = (t + 8) >> 4;
    put_nibble(kept, i, t - 16 * n);
    return n;
}

static int32_t residual8(int8_t *kept, int32_t q, uint32_t draw)
{
    const int32_t t = *kept + ((q + (int32_t)(draw >> 24)) >> 8);
    const int32_t n = (t + 128) >> 8;
    *kept = (int8_t)(t - 256 * n);
    return n;
}

static int32_t residual16(int16_t *kept, int32_t q)
{
    const int32_t t = *kept + q;
    const int32_t n = (t + 32768) >> 16;
    *kept = (int16_t)(t - 65536 * n);
    return n;
}

int8_t fe_rule(const fe_update *u, uint32_t i, int8_t w, int32_t q)
{
    if (FE_ROUNDS(FE_STOCHASTIC) && u->rule == FE_STOCHASTIC)
        return fe_step_stochastic(w, q, fe_draw(u->key, i));
    if (FE_ROUNDS(FE_NEAREST) && u->rule == FE_NEAREST)
        return (int8_t)fe_clamp(w - ((q + 32768) >> 16), -127, 127);
    if (FE_ROUNDS(FE_TRUNCATE) && u->rule == FE_TRUNCATE) /* the result, not the step, goes towards zero */
        return (int8_t)fe_clamp((int32_t)(((int64_t)w * 65536 - q) / 65536), -127, 127);
    if (FE_ROUNDS(FE_RESIDUAL4) && u->rule == FE_RESIDUAL4)
        return (int8_t)fe_clamp(w - residual4(u->kept, i, q, fe_draw(u->key, i)), -127, 127);
    if (FE_ROUNDS(FE_RESIDUAL8) && u->rule == FE_RESIDUAL8)
        return (int8_t)fe_clamp(w - residual8((int8_t *)u->kept + i, q, fe_draw(u->key, i)), -127, 127);
    if (FE_ROUNDS(FE_RESIDUAL16) && u->rule == FE_RESIDUAL16)
        return (int8_t)fe_clamp(w - residual16((int16_t *)u->kept + i, q), -127, 127);
    return w;
}

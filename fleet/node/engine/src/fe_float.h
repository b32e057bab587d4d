/* SPDX-License-Identifier: Apache-2.0
 *
 * Floating point of recipes that ask for it: IEEE single, to the nearest, halves to even. Nothing is contracted
 * (-ffp-contract=off), no function of a library is called.
 */
#ifndef FE_FLOAT_H
#define FE_FLOAT_H

#include "fe.h"

#if FE_FLOAT

/* A float from its bits, as a plan's words hold it. */
static inline float fe_float_of(uint32_t bits)
{
    union {
        uint32_t bits;
        float value;
    } both;
    both.bits = bits;
    return both.value;
}

/* 2^n, exact; 0 and infinity beyond the range. */
static inline float fe_power_of_two(int32_t n)
{
    if (n > 127)
        return fe_float_of(0x7F800000u);
    if (n >= -126)
        return fe_float_of((uint32_t)(n + 127) << 23);
    return n < -149 ? 0.0f : fe_float_of(1u << (n + 149));
}

/* mant * 2^(exp - 31 + more). */
static inline float fe_real_f32(fe_real v, int32_t more)
{
    return (float)v.mant * fe_power_of_two(v.exp - 31 + more);
}

/* v within 2^30, to the nearest whole number, halves away from zero. */
static inline int32_t fe_whole(float v)
{
    const float limit = 1073741824.0f;
    const float inside = v > limit ? limit : v < -limit ? -limit : v == v ? v : 0.0f;
    return (int32_t)(inside + (inside < 0.0f ? -0.5f : 0.5f));
}

#endif
#endif

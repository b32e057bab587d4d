/* SPDX-License-Identifier: Apache-2.0
 *
 * Fixed-point primitives. Right shifts of negative numbers are arithmetic on every compiler we
 * support; fe_check_shift (fe_plan.c) refuses to compile anywhere else.
 */
#ifndef FE_INT_H
#define FE_INT_H

#include <stdint.h>

#include "fe.h"

static inline int32_t fe_clamp(int32_t v, int32_t low, int32_t high)
{
    return v < low ? low : v > high ? high : v;
}

static inline int32_t fe_abs(int32_t v)
{
    return v < 0 ? -v : v; /* callers keep v > INT32_MIN */
}

/* v / 2^n, halves up, for n >= 0. In two shifts, so that no v is too large for the rounding. */
static inline int32_t fe_round_shift(int32_t v, int32_t n)
{
    return n == 0 ? v : n > 31 ? 0 : ((v >> (n - 1)) + 1) >> 1;
}

/* a * b / 2^31, halves up: gemmlowp's SaturatingRoundingDoublingHighMul, whose nudge and truncating division
 * come to the same. Never a == b == INT32_MIN here. */
static inline int32_t fe_doubling_high_mul(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * b + ((int64_t)1 << 30)) >> 31);
}

/* gemmlowp: v / 2^n, rounded half away from zero. 0 <= n <= 31. */
static inline int32_t fe_rounding_divide(int32_t v, int32_t n)
{
    const int32_t mask = (int32_t)(((int64_t)1 << n) - 1);
    const int32_t threshold = (mask >> 1) + (v < 0);
    return (v >> n) + ((v & mask) > threshold);
}

/* v * 2^n for n > 0, saturated. */
static inline int32_t fe_shift_left(int32_t v, int32_t n)
{
    const int32_t left = n < 31 ? n : 31;
    if (v > (INT32_MAX >> left))
        return INT32_MAX;
    if (v < (INT32_MIN >> left))
        return INT32_MIN;
    return (int32_t)((uint32_t)v << left);
}

/* TFLite's MultiplyByQuantizedMultiplier: v * scale with two roundings, as TFLite Micro does. */
static inline int32_t fe_scale(int32_t v, fe_real scale)
{
    if (scale.exp > 0)
        return fe_doubling_high_mul(fe_shift_left(v, scale.exp), scale.mant);
    return fe_rounding_divide(fe_doubling_high_mul(v, scale.mant), -scale.exp);
}

/* (v + half) >> n, clamped to +-2^30. n > 62 gives 0; n < 0 shifts left and saturates. */
static inline int32_t fe_round_shift64(int64_t v, int32_t n)
{
    const int64_t limit = (int64_t)1 << 30;
    if (n > 62 || v == 0)
        return 0;
    if (n > 0) {
        v = (v + ((int64_t)1 << (n - 1))) >> n;
    } else {
        const int32_t left = -n > 31 ? 31 : -n;
        if (v > (limit >> left) || v < -(limit >> left))
            return (int32_t)(v < 0 ? -limit : limit);
        v = v * ((int64_t)1 << left);
    }
    return (int32_t)(v > limit ? limit : v < -limit ? -limit : v);
}

/* a * b for two reals in the normal form; 0 stays 0. */
static inline fe_real fe_multiply(fe_real a, fe_real b)
{
    fe_real p;
    p.mant = fe_doubling_high_mul(a.mant, b.mant);
    p.exp = a.exp + b.exp;
    if (p.mant < (1 << 30)) {
        p.mant <<= 1;
        p.exp -= 1;
    }
    return p;
}

#endif

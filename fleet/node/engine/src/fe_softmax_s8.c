/* SPDX-License-Identifier: Apache-2.0
 *
 * Softmax over channels, int8, for answers; the loss has one of its own.   x, y: s8 [positions][channels]
 */
#include "fe_softmax_s8.h"

/* 1 / (1 + v) for 0 <= v < 1 in Q31: three steps of Newton's method. gemmlowp, one_over_one_plus_x_for_x_in_0_1. */
static int32_t one_over_one_plus(int32_t v)
{
    const int32_t half = (int32_t)(((int64_t)v + INT32_MAX + 1) >> 1);
    int32_t x = 1515870810 + fe_doubling_high_mul(half, -1010580540); /* 48/17 - 32/17 half, in Q29 */
    for (int32_t i = 0; i < 3; i++) {
        const int32_t error = ((int32_t)1 << 29) - fe_doubling_high_mul(half, x);
        x += fe_shift_left(fe_doubling_high_mul(x, error), 2);
    }
    return fe_shift_left(x, 1);
}

/* 1 / sum as a number in Q31; *shift: how far products with it have to go to the right to be in Q8. sum > 0, in Q19. */
static int32_t reciprocal(int32_t sum, int32_t *shift)
{
    int32_t spare = 0;
    while (((uint32_t)sum << spare) < 0x80000000u)
        spare++;
    *shift = 12 - spare + 31 - 8;
    return one_over_one_plus((int32_t)(((uint32_t)sum << spare) - 0x80000000u));
}

static void softmax(int32_t channels, const int32_t *exps, const int8_t *x, int8_t *y)
{
    int32_t top = -128, sum = 0, shift = 0, inverse;
    for (int32_t c = 0; c < channels; c++)
        top = x[c] > top ? x[c] : top;
    for (int32_t c = 0; c < channels; c++)
        sum += fe_rounding_divide(exps[top - x[c]], 12);
    inverse = reciprocal(sum, &shift);
    for (int32_t c = 0; c < channels; c++) {
        const int32_t share = fe_doubling_high_mul(exps[top - x[c]], inverse);
        const int32_t p = shift > 31 ? 0 : fe_rounding_divide(share, shift); /* less than half a step */
        y[c] = fe_clip_s8(p, -128, -128, 127, 0, 0);
    }
}

void fe_softmax_s8_forward(int32_t positions, int32_t channels, const int32_t *exps, const int8_t *x, int8_t *y)
{
    for (int32_t p = 0; p < positions; p++)
        softmax(channels, exps, x + p * channels, y + p * channels);
}

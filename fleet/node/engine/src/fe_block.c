/* SPDX-License-Identifier: Apache-2.0
 *
 * Gradients between operators: int8 mantissas with one power-of-two exponent per tensor,
 * real value e * 2^-k. `dynamic` exponents: the largest value of this step decides; `static`: the plan.
 */
#include "fe_block.h"

/* g = 0 where the forward clipped: mask bit 0. */
void fe_mask_s8(int32_t size, const uint8_t *mask, int8_t *g)
{
    for (; size > 0; size -= 8, g += 8) {
        uint32_t cut = ~(uint32_t)*mask++ & (size < 8 ? (1u << size) - 1u : 0xFFu);
        for (int8_t *at = g; cut != 0; cut >>= 1, at++)
            if ((cut & 1u) != 0)
                *at = 0;
    }
}

/* acc += the gradient that waits from a tensor's other use. Returns the exponent of the sum.
 * 127 << 22 on top of the accumulators: see SPEC.md, "Bounds". */
int32_t fe_merge(int32_t size, const int8_t *waiting, int32_t k_waiting, int32_t *acc, int32_t k)
{
    int32_t shift = k - k_waiting;
    if (shift > 22) {
        for (int32_t i = 0; i < size; i++)
            acc[i] = fe_round_shift(acc[i], shift - 22);
        k -= shift - 22;
        shift = 22;
    }
    for (int32_t i = 0; i < size; i++)
        acc[i] += shift >= 0 ? waiting[i] * (1 << shift) : fe_round_shift(waiting[i], -shift);
    return k;
}

/* As many bits as the largest |acc| has. */
static int32_t extent(int32_t size, const int32_t *acc)
{
    int32_t m = 0;
    for (const int32_t *end = acc + size; acc != end; acc++)
        m |= fe_abs(*acc);
    return m;
}

/* e = acc shifted to the right, rounded to int8 and saturated. */
void fe_shift_s8(int32_t size, const int32_t *acc, int32_t shift, int8_t *e)
{
    const int32_t *end = acc + size;
    if (shift < 1 || shift > 31) {
        for (; acc != end; acc++)
            *e++ = (int8_t)fe_clamp(fe_round_shift(*acc, shift), -127, 127);
        return;
    }
    for (shift--; acc != end; acc++)
        *e++ = (int8_t)fe_clamp(((*acc >> shift) + 1) >> 1, -127, 127);
}

/* e = acc rounded to int8 with the least right shift that fits. Returns the exponent of e.
 * acc and e may not overlap. |acc| < 2^31. */
int32_t fe_block_s8(int32_t size, const int32_t *acc, int32_t k, int8_t *e)
{
    const int32_t m = extent(size, acc);
    int32_t shift = 0;
    while ((m >> shift) > 127)
        shift++;
    fe_shift_s8(size, acc, shift, e);
    return k - shift;
}

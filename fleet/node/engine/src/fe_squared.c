/* SPDX-License-Identifier: Apache-2.0
 *
 * Mean squared error between an int8 output and an answer on its scale: the gradient of the real mean is
 * 2 s_y (y - target) / N.   y, target: s8 [N]
 */
#include "fe_squared.h"

static uint32_t with_square(uint32_t sum, int32_t d)
{
    const uint32_t square = (uint32_t)(d * d);
    return sum > UINT32_MAX - square ? UINT32_MAX : sum + square;
}

uint32_t fe_squared_s8(int32_t size, const int8_t *y, const int8_t *target, int32_t factor, int32_t *g)
{
    uint32_t sum = 0;
    for (int32_t i = 0; i < size; i++) {
        const int32_t d = y[i] - target[i];
        g[i] = d * factor;
        sum = with_square(sum, d);
    }
    return sum;
}

#if FE_FLOAT
uint32_t fe_squared_f32(int32_t size, const int8_t *y, const int8_t *target, float factor, float *g)
{
    uint32_t sum = 0;
    for (int32_t i = 0; i < size; i++) {
        const int32_t d = y[i] - target[i];
        g[i] = (float)d * factor;
        sum = with_square(sum, d);
    }
    return sum;
}
#endif

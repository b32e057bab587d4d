/* SPDX-License-Identifier: Apache-2.0
 *
 * Global average pool, int8.   x: s8 [P][C]   y: s8 [C], in the scale and zero point of x.
 */
#include "fe_pool_s8.h"

/* y[c] = mean over positions, rounded half away from zero. */
void fe_pool_s8_forward(int32_t positions, int32_t channels, const int8_t *x, int8_t *y)
{
    for (int32_t c = 0; c < channels; c++) {
        int32_t sum = 0;
        for (int32_t p = 0; p < positions; p++)
            sum += x[p * channels + c];
        sum += sum > 0 ? positions / 2 : -(positions / 2);
        y[c] = (int8_t)fe_clamp(sum / positions, -128, 127);
    }
}

/* dx[p][c] = g[c] * factor: all positions at once. */
void fe_pool_s8_grad_in(const fe_pool_gradient *d, const int8_t *g, int32_t *dx)
{
    const int32_t positions = d->positions, channels = d->channels, factor = d->factor;
    for (int32_t p = 0; p < positions; p++)
        for (int32_t c = 0; c < channels; c++)
            *dx++ = g[c] * factor;
}

/* acc[c] += g[c] * factor, factor = 1/P in Q(15 - E): the same for every position. */
void fe_pool_s8_grad_place(const void *step, const fe_operands *a, int32_t place, int32_t *acc)
{
    const fe_pool_gradient *d = step;
    const int8_t *g = a->g;
    (void)place;
    for (int32_t c = 0; c < d->channels; c++)
        acc[c] += g[c] * d->factor;
}

#if FE_FLOAT
void fe_pool_f32_grad_place(const void *step, const fe_operands *a, int32_t place, float *acc)
{
    const fe_pool_gradient *d = step;
    const float *g = a->g, factor = 1.0f / (float)d->positions;
    (void)place;
    for (int32_t c = 0; c < d->channels; c++)
        acc[c] += g[c] * factor;
}
#endif

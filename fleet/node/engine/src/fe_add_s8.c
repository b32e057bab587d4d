/* SPDX-License-Identifier: Apache-2.0
 *
 * Sum of two maps with their own scales, int8.   x, x2, y: s8 [size]
 * Gradients are with respect to real values, so both inputs receive the output's gradient unchanged.
 */
#include "fe_add_s8.h"

/* y = s_y^-1 (s_x (x - zx) + s_x2 (x2 - zx2)) + zy, rounded as TFLite Micro does. */
void fe_add_s8_forward(const fe_add *d, const int8_t *x, const int8_t *x2, int8_t *y, uint8_t *mask)
{
    if (mask != 0)
        fe_clear(mask, (d->size + 7) / 8);
    for (int32_t i = 0; i < d->size; i++) {
        const int32_t a = fe_scale((x[i] - d->zero_x) * (1 << 20), d->scale_x);
        const int32_t b = fe_scale((x2[i] - d->zero_x2) * (1 << 20), d->scale_x2);
        y[i] = fe_clip_s8(fe_scale(a + b, d->scale_y), d->zero_y, mask, i);
    }
}

/* dx = g, as accumulators at the exponent of g. */
void fe_add_s8_grad_in(int32_t size, const int8_t *g, int32_t *dx)
{
    for (int32_t i = 0; i < size; i++)
        dx[i] = g[i];
}

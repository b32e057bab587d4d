/* SPDX-License-Identifier: Apache-2.0
 *
 * Where real numbers come in and go out. Bytes stand for int8 or uint8.
 */
#include "fe_edges_f32.h"

#include "fe_float.h"

#if FE_FLOAT

/* To the nearest, halves away from zero; far beyond a byte is far enough, and what is no number is 0. */
static int32_t nearest(float v)
{
    const float far = 1048576.0f;
    const float inside = v > far ? far : v < -far ? -far : v == v ? v : 0.0f;
    const int32_t whole = (int32_t)inside;
    const float rest = inside - (float)whole;
    return whole + (rest >= 0.5f) - (rest <= -0.5f);
}

void fe_quantize_f32(const fe_edge *d, const float *x, uint8_t *y)
{
    const float scale = fe_float_of((uint32_t)d->scale);
    for (int32_t i = 0; i < d->size; i++)
        y[i] = (uint8_t)fe_clamp(nearest(x[i] / scale) + d->zero, d->low, d->high);
}

void fe_dequantize_f32(const fe_edge *d, const uint8_t *x, float *y)
{
    const float scale = fe_float_of((uint32_t)d->scale);
    for (int32_t i = 0; i < d->size; i++)
        y[i] = scale * (float)((d->low < 0 && x[i] > 127 ? x[i] - 256 : x[i]) - d->zero);
}

#endif

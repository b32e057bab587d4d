/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FE_EDGES_F32_H
#define FE_EDGES_F32_H

#include "fe_ops.h"

/* In the order of the plan's words. scale: bits of a float. low, high: -128, 127 of int8; 0, 255 of uint8. */
typedef struct {
    int32_t size, scale, zero, low, high;
} fe_edge;

#if FE_FLOAT
void fe_quantize_f32(const fe_edge *d, const float *x, uint8_t *y);
void fe_dequantize_f32(const fe_edge *d, const uint8_t *x, float *y);
#endif

#endif

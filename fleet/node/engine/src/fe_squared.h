/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FE_SQUARED_H
#define FE_SQUARED_H

#include "fe_ops.h"

/* Returns the sum of (y - target)^2 over all outputs, saturated; g = (y - target) factor, as accumulators. */
uint32_t fe_squared_s8(int32_t size, const int8_t *y, const int8_t *target, int32_t factor, int32_t *g);

/* The same in fp32. */
uint32_t fe_squared_f32(int32_t size, const int8_t *y, const int8_t *target, float factor, float *g);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FE_POOL_S8_H
#define FE_POOL_S8_H

#include "fe_backprop.h"

/* factor: of int8 gradients, 1 / positions in Q(15 - E). */
typedef struct {
    int32_t positions, channels, factor;
} fe_pool_gradient;

void fe_pool_s8_forward(int32_t positions, int32_t channels, const int8_t *x, int8_t *y);
void fe_pool_s8_grad_in(const fe_pool_gradient *d, const int8_t *g, int32_t *dx);
fe_place_s8 fe_pool_s8_grad_place;
fe_place_f32 fe_pool_f32_grad_place;

#endif

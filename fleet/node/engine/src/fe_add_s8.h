/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FE_ADD_S8_H
#define FE_ADD_S8_H

#include "fe_backprop.h"

/* In the order of the plan's words. Scales as TFLite's add: left shift 20, twice the larger input scale. */
typedef struct {
    fe_pair p;
    int32_t zero_x, zero_x2, zero_y;
    int32_t low, high;
    fe_real scale_x, scale_x2, scale_y;
} fe_add;

void fe_add_s8_forward(const fe_add *d, const int8_t *x, const int8_t *x2, int8_t *y, uint8_t *mask);
void fe_add_s8_grad_in(int32_t size, const int8_t *g, int32_t *dx);
fe_place_s8 fe_add_s8_grad_place;
fe_place_f32 fe_add_f32_grad_place;

#endif

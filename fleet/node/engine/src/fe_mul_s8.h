/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FE_MUL_S8_H
#define FE_MUL_S8_H

#include "fe_backprop.h"

/* In the order of the plan's words. scale: s_x s_x2 / s_y. */
typedef struct {
    fe_pair p;
    int32_t zero_x, zero_x2, zero_y;
    int32_t low, high;
    fe_real scale;
} fe_mul;

/* Of one input. other_h, other_w, other_c: steps through the other map for a step through the output; zero: its zero
 * point. factor: R = its scale in Q(15 - E); of fp32 gradients the bits of its scale. */
typedef struct {
    fe_repeat d;
    int32_t other_h, other_w, other_c;
    int32_t zero, factor, exp;
} fe_grad_mul;

void fe_mul_s8_forward(const fe_mul *d, const int8_t *x, const int8_t *x2, int8_t *y, uint8_t *mask);
fe_place_s8 fe_mul_s8_grad_place;
fe_place_f32 fe_mul_f32_grad_place;

#endif

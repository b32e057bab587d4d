/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FE_RESIZE_S8_H
#define FE_RESIZE_S8_H

#include "fe_backprop.h"

/* Places: u16 [out_h], the row of x for each row of y, then u16 [out_w], the columns. */
typedef struct {
    int32_t in_h, in_w, c;
    int32_t out_h, out_w;
} fe_resize;

void fe_resize_s8_forward(const fe_resize *d, const uint16_t *places, const int8_t *x, int8_t *y);
fe_place_s8 fe_resize_s8_grad_place;
fe_place_f32 fe_resize_f32_grad_place;

#endif

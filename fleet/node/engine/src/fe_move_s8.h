/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FE_MOVE_S8_H
#define FE_MOVE_S8_H

#include "fe_backprop.h"

/* A block of h w c values that keeps its values and changes its place: steps through either side, and where each
 * begins. fill: whether the size values of y are set to `value` first. */
typedef struct {
    int32_t h, w, c;
    int32_t x_at, x_h, x_w, x_c;
    int32_t y_at, y_h, y_w, y_c;
    int32_t fill, value, size;
} fe_move;

void fe_move_s8_forward(const fe_move *d, const int8_t *x, int8_t *y);

/* Of these the x side is the whole input, row by row. */
fe_place_s8 fe_move_s8_grad_place;
fe_place_f32 fe_move_f32_grad_place;

#endif

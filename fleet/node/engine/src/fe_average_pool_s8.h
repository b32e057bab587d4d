/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FE_AVERAGE_POOL_S8_H
#define FE_AVERAGE_POOL_S8_H

#include "fe_window_pool.h"

void fe_average_pool_s8_forward(const fe_geometry *d, const int8_t *x, int8_t *y, uint8_t *mask);
fe_place_s8 fe_average_pool_s8_grad_place;
fe_place_f32 fe_average_pool_f32_grad_place;

#endif

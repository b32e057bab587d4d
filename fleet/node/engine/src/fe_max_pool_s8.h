/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FE_MAX_POOL_S8_H
#define FE_MAX_POOL_S8_H

#include "fe_window_pool.h"

void fe_max_pool_s8_forward(const fe_geometry *d, const int8_t *x, int8_t *y, uint8_t *mask);
fe_place_s8 fe_max_pool_s8_grad_place;
fe_place_f32 fe_max_pool_f32_grad_place;

/* Whether y of an output at channel c comes from this place: the first of the largest, row by row. */
int fe_is_largest(const fe_geometry *d, const fe_window *v, const int8_t *x, int32_t place, int32_t c);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FE_POOL_S8_H
#define FE_POOL_S8_H

#include "fe_ops.h"

void fe_pool_s8_forward(int32_t positions, int32_t channels, const int8_t *x, int8_t *y);
void fe_pool_s8_grad_in(int32_t positions, int32_t channels, int32_t factor, const int8_t *g, int32_t *dx);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FE_SOFTMAX_S8_H
#define FE_SOFTMAX_S8_H

#include "fe_ops.h"

/* exps: s32 [256], exp of minus so many steps below the largest, in Q31. Scale of y 1/256, zero point -128. */
void fe_softmax_s8_forward(int32_t positions, int32_t channels, const int32_t *exps, const int8_t *x, int8_t *y);

#endif

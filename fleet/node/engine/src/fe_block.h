/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FE_BLOCK_H
#define FE_BLOCK_H

#include "fe_ops.h"

void fe_mask_s8(int32_t size, const uint8_t *mask, int8_t *g);
void fe_mask_f32(int32_t size, const uint8_t *mask, float *g);
int32_t fe_merge(int32_t size, const int8_t *waiting, int32_t k_waiting, int32_t *acc, int32_t k);
void fe_shift_s8(int32_t size, const int32_t *acc, int32_t shift, int8_t *e);
int32_t fe_block_s8(int32_t size, const int32_t *acc, int32_t k, int8_t *e);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FE_TABLE_S8_H
#define FE_TABLE_S8_H

#include "fe_backprop.h"

/* slopes: s16 [256] in a->table, real = slope * 2^-exp. */
typedef struct {
    int32_t channels, exp;
} fe_grad_table;

/* y[i] = table[the byte x[i]]. Bytes may stand for int8 or uint8. */
void fe_table_s8_forward(int32_t size, const uint8_t *table, const uint8_t *x, uint8_t *y);
fe_place_s8 fe_table_s8_grad_place;
fe_place_f32 fe_table_f32_grad_place;

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * Functions of one byte: relu, relu6, logistic, hard swish, other scales. The planner wrote the table.
 */
#include "fe_table_s8.h"

void fe_table_s8_forward(int32_t size, const uint8_t *table, const uint8_t *x, uint8_t *y)
{
    for (int32_t i = 0; i < size; i++)
        y[i] = table[x[i]];
}

/* acc += g dy/dx. */
void fe_table_s8_grad_place(const void *step, const fe_operands *a, int32_t place, int32_t *acc)
{
    const int32_t channels = ((const fe_grad_table *)step)->channels;
    const int8_t *g = (const int8_t *)a->g + place * channels, *x = a->x + place * channels;
    const int16_t *slopes = a->table;
    for (int32_t c = 0; c < channels; c++)
        acc[c] += g[c] * slopes[(uint8_t)x[c]];
}

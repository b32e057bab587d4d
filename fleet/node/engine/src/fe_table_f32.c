/* SPDX-License-Identifier: Apache-2.0
 *
 * Functions of one byte: gradients in fp32.
 */
#include "fe_float.h"
#include "fe_table_s8.h"

#if FE_FLOAT

/* acc += g dy/dx. */
void fe_table_f32_grad_place(const void *step, const fe_operands *a, int32_t place, float *acc)
{
    const fe_grad_table *d = step;
    const float *g = (const float *)a->g + place * d->channels;
    const int8_t *x = a->x + place * d->channels;
    const int16_t *slopes = a->table;
    const float unit = fe_power_of_two(-d->exp);
    for (int32_t c = 0; c < d->channels; c++)
        acc[c] += g[c] * ((float)slopes[(uint8_t)x[c]] * unit);
}

#endif

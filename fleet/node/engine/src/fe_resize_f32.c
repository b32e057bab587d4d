/* SPDX-License-Identifier: Apache-2.0
 *
 * A map of another height and width: gradients in fp32.
 */
#include "fe_resize_s8.h"

#if FE_FLOAT

/* acc += g of every copy of this place, copies ascending. */
void fe_resize_f32_grad_place(const void *step, const fe_operands *a, int32_t place, float *acc)
{
    const fe_resize *d = step;
    const uint16_t *rows = a->table, *columns = rows + d->out_h;
    for (int32_t h = 0; h < d->out_h; h++)
        for (int32_t w = 0; rows[h] == place / d->in_w && w < d->out_w; w++) {
            const float *g = (const float *)a->g + (h * d->out_w + w) * d->c;
            for (int32_t c = 0; columns[w] == place % d->in_w && c < d->c; c++)
                acc[c] += g[c];
        }
}

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * Values that change their place: gradients in fp32.
 */
#include "fe_move_s8.h"

#if FE_FLOAT

/* acc += g of the copy. */
void fe_move_f32_grad_place(const void *step, const fe_operands *a, int32_t place, float *acc)
{
    const fe_move *d = step;
    const float *g = (const float *)a->g + d->y_at + place / d->w * d->y_h + place % d->w * d->y_w;
    for (int32_t c = 0; c < d->c; c++)
        acc[c] += g[c * d->y_c];
}

#endif

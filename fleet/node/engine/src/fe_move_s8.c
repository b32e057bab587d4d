/* SPDX-License-Identifier: Apache-2.0
 *
 * Values that change their place, int8: a border around a map, maps one after the other, axes in another order.
 */
#include "fe_move_s8.h"

void fe_move_s8_forward(const fe_move *d, const int8_t *x, int8_t *y)
{
    if (d->fill != 0)
        for (int32_t i = 0; i < d->size; i++)
            y[i] = (int8_t)d->value;
    for (int32_t h = 0; h < d->h; h++)
        for (int32_t w = 0; w < d->w; w++) {
            const int8_t *from = x + d->x_at + h * d->x_h + w * d->x_w;
            int8_t *to = y + d->y_at + h * d->y_h + w * d->y_w;
            for (int32_t c = 0; c < d->c; c++)
                to[c * d->y_c] = from[c * d->x_c];
        }
}

/* acc += g of the copy. */
void fe_move_s8_grad_place(const void *step, const fe_operands *a, int32_t place, int32_t *acc)
{
    const fe_move *d = step;
    const int8_t *g = (const int8_t *)a->g + d->y_at + place / d->w * d->y_h + place % d->w * d->y_w;
    for (int32_t c = 0; c < d->c; c++)
        acc[c] += g[c * d->y_c];
}

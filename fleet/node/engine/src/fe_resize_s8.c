/* SPDX-License-Identifier: Apache-2.0
 *
 * A map of another height and width, each place a copy of the nearest one, int8.   x: s8 [in_h][in_w][c]
 */
#include "fe_resize_s8.h"

void fe_resize_s8_forward(const fe_resize *d, const uint16_t *places, const int8_t *x, int8_t *y)
{
    const uint16_t *columns = places + d->out_h;
    for (int32_t h = 0; h < d->out_h; h++)
        for (int32_t w = 0; w < d->out_w; w++) {
            const int8_t *from = x + (places[h] * d->in_w + columns[w]) * d->c;
            for (int32_t c = 0; c < d->c; c++)
                *y++ = from[c];
        }
}

/* acc += g of every copy of this place. a->table: the places. */
void fe_resize_s8_grad_place(const void *step, const fe_operands *a, int32_t place, int32_t *acc)
{
    const fe_resize *d = step;
    const uint16_t *rows = a->table, *columns = rows + d->out_h;
    for (int32_t h = 0; h < d->out_h; h++)
        for (int32_t w = 0; rows[h] == place / d->in_w && w < d->out_w; w++) {
            const int8_t *g = (const int8_t *)a->g + (h * d->out_w + w) * d->c;
            for (int32_t c = 0; columns[w] == place % d->in_w && c < d->c; c++)
                acc[c] += g[c];
        }
}

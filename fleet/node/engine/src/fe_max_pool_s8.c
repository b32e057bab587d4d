/* SPDX-License-Identifier: Apache-2.0
 *
 * Largest value of windows, int8.   x: s8 [in_h][in_w][c]   y: s8 [out_h][out_w][c]
 */
#include "fe_max_pool_s8.h"

static int32_t largest(const fe_geometry *d, const fe_window *v, const int8_t *x, int32_t c)
{
    int32_t top = -128;
    for (int32_t ky = v->y0; ky < v->y1; ky++) {
        const int8_t *at = fe_window_row(d, v, x, ky, c);
        for (int32_t kx = v->x0; kx < v->x1; kx++, at += d->in_c)
            top = *at > top ? *at : top;
    }
    return top;
}

void fe_max_pool_s8_forward(const fe_geometry *d, const int8_t *x, int8_t *y, uint8_t *mask)
{
    int32_t i = 0;
    if (mask != 0)
        fe_clear(mask, (d->out_h * d->out_w * d->out_c + 7) / 8);
    for (int32_t oy = 0; oy < d->out_h; oy++)
        for (int32_t ox = 0; ox < d->out_w; ox++) {
            const fe_window v = fe_window_at(d, oy, ox);
            for (int32_t c = 0; c < d->out_c; c++, i++)
                y[i] = fe_clip_s8(largest(d, &v, x, c), 0, d->low, d->high, mask, i);
        }
}

int fe_is_largest(const fe_geometry *d, const fe_window *v, const int8_t *x, int32_t place, int32_t c)
{
    const int8_t *own = x + place * d->in_c + c;
    for (int32_t ky = v->y0; ky < v->y1; ky++) {
        const int8_t *at = fe_window_row(d, v, x, ky, c);
        for (int32_t kx = v->x0; kx < v->x1; kx++, at += d->in_c)
            if (*at > *own || (*at == *own && at < own))
                return 0;
    }
    return 1;
}

/* acc += g of every window whose largest value is this one. */
void fe_max_pool_s8_grad_place(const void *step, const fe_operands *a, int32_t place, int32_t *acc)
{
    const fe_geometry *d = &((const fe_grad_window *)step)->d;
    const fe_span rows = fe_reading_rows(d, place), columns = fe_reading_columns(d, place);
    for (int32_t oy = rows.first; oy < rows.end; oy++)
        for (int32_t ox = columns.first; ox < columns.end; ox++) {
            const fe_window v = fe_window_at(d, oy, ox);
            const int8_t *g = (const int8_t *)a->g + (oy * d->out_w + ox) * d->out_c;
            for (int32_t c = 0; c < d->out_c; c++)
                if (g[c] != 0 && fe_is_largest(d, &v, a->x, place, c))
                    acc[c] += g[c];
        }
}

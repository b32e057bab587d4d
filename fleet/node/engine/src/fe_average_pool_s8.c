/* SPDX-License-Identifier: Apache-2.0
 *
 * Average over windows, of the places on the map only, int8.   x: s8 [in_h][in_w][c]   y: s8 [out_h][out_w][c]
 */
#include "fe_average_pool_s8.h"

static int32_t mean(const fe_geometry *d, const fe_window *v, const int8_t *x, int32_t c)
{
    const int32_t count = (v->y1 - v->y0) * (v->x1 - v->x0);
    int32_t sum = 0;
    for (int32_t ky = v->y0; ky < v->y1; ky++) {
        const int8_t *at = fe_window_row(d, v, x, ky, c);
        for (int32_t kx = v->x0; kx < v->x1; kx++, at += d->in_c)
            sum += *at;
    }
    sum += sum > 0 ? count / 2 : -(count / 2);
    return count == 0 ? 0 : sum / count;
}

/* y = the mean, rounded half away from zero. */
void fe_average_pool_s8_forward(const fe_geometry *d, const int8_t *x, int8_t *y, uint8_t *mask)
{
    int32_t i = 0;
    if (mask != 0)
        fe_clear(mask, (d->out_h * d->out_w * d->out_c + 7) / 8);
    for (int32_t oy = 0; oy < d->out_h; oy++)
        for (int32_t ox = 0; ox < d->out_w; ox++) {
            const fe_window v = fe_window_at(d, oy, ox);
            for (int32_t c = 0; c < d->out_c; c++, i++)
                y[i] = fe_clip_s8(mean(d, &v, x, c), 0, d->low, d->high, mask, i);
        }
}

/* acc += g f(n) of every window that holds the place; f(n) = 1/n in Q(exp). */
void fe_average_pool_s8_grad_place(const void *step, const fe_operands *a, int32_t place, int32_t *acc)
{
    const fe_grad_window *w = step;
    const fe_geometry *d = &w->d;
    const fe_span rows = fe_reading_rows(d, place), columns = fe_reading_columns(d, place);
    for (int32_t oy = rows.first; oy < rows.end; oy++)
        for (int32_t ox = columns.first; ox < columns.end; ox++) {
            const fe_window v = fe_window_at(d, oy, ox);
            const uint32_t n = (uint32_t)((v.y1 - v.y0) * (v.x1 - v.x0));
            const int32_t share = (int32_t)((((uint32_t)1 << w->exp) + n / 2) / n);
            const int8_t *g = (const int8_t *)a->g + (oy * d->out_w + ox) * d->out_c;
            for (int32_t c = 0; c < d->out_c; c++)
                acc[c] += g[c] * share;
        }
}

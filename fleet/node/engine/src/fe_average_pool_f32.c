/* SPDX-License-Identifier: Apache-2.0
 *
 * Average over windows: gradients in fp32.
 */
#include "fe_average_pool_s8.h"

#if FE_FLOAT

/* acc += g (1 / n) of every window that holds the place, windows ascending. */
void fe_average_pool_f32_grad_place(const void *step, const fe_operands *a, int32_t place, float *acc)
{
    const fe_geometry *d = &((const fe_grad_window *)step)->d;
    const fe_span rows = fe_reading_rows(d, place), columns = fe_reading_columns(d, place);
    for (int32_t oy = rows.first; oy < rows.end; oy++)
        for (int32_t ox = columns.first; ox < columns.end; ox++) {
            const fe_window v = fe_window_at(d, oy, ox);
            const float share = 1.0f / (float)((v.y1 - v.y0) * (v.x1 - v.x0));
            const float *g = (const float *)a->g + (oy * d->out_w + ox) * d->out_c;
            for (int32_t c = 0; c < d->out_c; c++)
                acc[c] += g[c] * share;
        }
}

#endif

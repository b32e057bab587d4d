/* SPDX-License-Identifier: Apache-2.0
 *
 * Sum of two maps: gradients in fp32, which pass unchanged or are summed where an input was repeated.
 */
#include "fe_add_s8.h"

#if FE_FLOAT

/* acc[i] += g at every place that repeats this one, ascending. */
void fe_add_f32_grad_place(const void *step, const fe_operands *a, int32_t place, float *acc)
{
    const fe_repeat *d = step;
    const fe_span rows = fe_repeats(d->in_h, d->out_h, place / d->in_w);
    const fe_span columns = fe_repeats(d->in_w, d->out_w, place % d->in_w);
    const int32_t step_c = d->in_c == d->out_c ? 1 : 0;
    for (int32_t y = rows.first; y < rows.end; y++)
        for (int32_t x = columns.first; x < columns.end; x++) {
            const float *g = (const float *)a->g + (y * d->out_w + x) * d->out_c;
            for (int32_t c = 0; c < d->out_c; c++)
                acc[c * step_c] += g[c];
        }
}

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * Mean over some axes: gradients in fp32.
 */
#include "fe_float.h"
#include "fe_mean_s8.h"

#if FE_FLOAT

/* acc += g (1 / n). */
void fe_mean_f32_grad_place(const void *step, const fe_operands *a, int32_t place, float *acc)
{
    const fe_grad_mean *d = step;
    const float *g = (const float *)a->g + fe_mean_output(d, place);
    const float share = fe_float_of((uint32_t)d->factor);
    for (int32_t c = 0; c < d->in_c; c++)
        acc[c] += g[c * fe_mean_step(d)] * share;
}

#endif

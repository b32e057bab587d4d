/* SPDX-License-Identifier: Apache-2.0
 *
 * Product of two maps: gradients in fp32.
 */
#include "fe_float.h"
#include "fe_mul_s8.h"

#if FE_FLOAT

/* acc += g ((other - z) s_other), places ascending. */
void fe_mul_f32_grad_place(const void *step, const fe_operands *a, int32_t place, float *acc)
{
    const fe_grad_mul *m = step;
    const fe_repeat *d = &m->d;
    const fe_span rows = fe_repeats(d->in_h, d->out_h, place / d->in_w);
    const fe_span columns = fe_repeats(d->in_w, d->out_w, place % d->in_w);
    const int32_t step_c = d->in_c == d->out_c ? 1 : 0;
    const float scale = fe_float_of((uint32_t)m->factor);
    for (int32_t y = rows.first; y < rows.end; y++)
        for (int32_t x = columns.first; x < columns.end; x++) {
            const float *g = (const float *)a->g + (y * d->out_w + x) * d->out_c;
            const int8_t *other = a->x2 + y * m->other_h + x * m->other_w;
            for (int32_t c = 0; c < d->out_c; c++)
                acc[c * step_c] += g[c] * ((float)(other[c * m->other_c] - m->zero) * scale);
        }
}

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * Dense layer: gradients in fp32 over int8 maps and weights.   g: float [O]   scale: float [O]
 */
#include "fe_dense_s8.h"

#if FE_FLOAT

/* acc[i] += t w[o][i], t = g s_w[o]: outputs ascending. Uses w before this step's update. */
void fe_dense_f32_grad_place(const void *step, const fe_operands *a, int32_t place, float *acc)
{
    const fe_geometry *d = step;
    const float *g = a->g, *scale = a->table;
    const int32_t na = d->trained, nb = d->in_c - na;
    (void)place; /* there is only one */
    for (int32_t o = 0; o < d->out_c; o++) {
        const float t = g[o] * scale[o];
        if (g[o] == 0.0f)
            continue;
        for (int32_t i = 0; i < na; i++)
            acc[i] += t * (float)a->w.trained[o * na + i];
        for (int32_t i = 0; i < nb; i++)
            acc[na + i] += t * (float)a->w.frozen[o * nb + i];
    }
}

/* w -= rate * g (x - zx).   row: float scratch [trained]. */
void fe_dense_f32_update(const fe_geometry *d, const fe_update *u, const float *g, const int8_t *x, int8_t *w,
                         float *row)
{
    const int32_t n = d->trained;
    for (int32_t o = 0; o < d->out_c; o++) {
        for (int32_t i = 0; i < n; i++)
            row[i] = g[o] * (float)(x[i] - d->zero_x);
        fe_step_row_f32(u, fe_rate_of(u, o), (uint32_t)(o * n), w + o * n, row, n);
    }
}

#endif

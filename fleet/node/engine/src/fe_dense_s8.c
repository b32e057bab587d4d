/* SPDX-License-Identifier: Apache-2.0
 *
 * Dense head, int8: Q8 logits from the accumulators, and the two gradients its training needs.
 *
 *   x: s8 [I]   w: s8 [O][I], split along I   b: s32 [O]   z: s16 [O], 256 per natural unit
 */
#include "fe_dense_s8.h"

/* z = sat16(256 s_x s_w (W (x - zx) + b)).   No scratch. */
void fe_dense_s8_logits(const fe_geometry *d, const int8_t *x, fe_weights w, const int32_t *b, fe_reals scale,
                        int16_t *z)
{
    const int32_t na = d->trained, nb = d->in_c - na;
    for (int32_t o = 0; o < d->out_c; o++) {
        int32_t acc = b[o];
        if (na > 0)
            acc += fe_dot(x, w.trained + o * na, na, d->zero_x);
        if (nb > 0)
            acc += fe_dot(x + na, w.frozen + o * nb, nb, d->zero_x);
        z[o] = (int16_t)fe_clamp(fe_scale(acc, fe_real_at(scale, o)), -32768, 32767);
    }
}

/* dx[i] = sum over o of t w[o][i], t = (g r[o]) >> r_shift in real units.   dx: s32 [I], zeroed here.
 * Uses w before this step's update. */
void fe_dense_s8_grad_in(const fe_geometry *d, const int8_t *g, fe_weights w, const fe_gradient *gr, int32_t *dx)
{
    const int32_t na = d->trained, nb = d->in_c - na;
    fe_clear_s32(dx, d->in_c);
    for (int32_t o = 0; o < d->out_c; o++) {
        const int32_t t = fe_round_shift(g[o] * (int32_t)gr->r[o], gr->r_shift);
        if (t == 0)
            continue; /* most outputs of a confident net */
        for (int32_t i = 0; i < na; i++)
            dx[i] += t * w.trained[o * na + i];
        for (int32_t i = 0; i < nb; i++)
            dx[na + i] += t * w.frozen[o * nb + i];
    }
}

/* w -= rate * g (x - zx): each gradient is used once and stored for one row only.   row: s32 scratch [trained]. */
void fe_dense_s8_update(const fe_geometry *d, const fe_update *u, const fe_gradient *gr, const int8_t *g,
                        const int8_t *x, int8_t *w, int32_t *row)
{
    const int32_t n = d->trained;
    for (int32_t o = 0; o < d->out_c; o++) {
        if (g[o] == 0)
            continue;
        for (int32_t i = 0; i < n; i++)
            row[i] = g[o] * (x[i] - d->zero_x);
        fe_step_row(u, fe_multiply(fe_real_at(gr->weight_rate, o), u->rate), (uint32_t)(o * n), w + o * n, row, n);
    }
}

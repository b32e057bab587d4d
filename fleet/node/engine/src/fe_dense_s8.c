/* SPDX-License-Identifier: Apache-2.0
 *
 * Dense layer, int8: an int8 output, or Q8 logits of a head, and the two gradients its training needs.
 *
 *   x: s8 [I]   w: s8 [O][I], split along I   b: s32 [O]   y: s8 [O]   z: s16 [O], 256 per natural unit
 */
#include "fe_dense_s8.h"

static int32_t sum_of(const fe_geometry *d, const int8_t *x, fe_weights w, const int32_t *b, int32_t o)
{
    const int32_t na = d->trained, nb = d->in_c - na;
    int32_t acc = b[o];
    if (na > 0)
        acc += fe_dot(x, w.trained + o * na, na, d->zero_x);
    if (nb > 0)
        acc += fe_dot(x + na, w.frozen + o * nb, nb, d->zero_x);
    return acc;
}

/* y = requant(W (x - zx) + b) + zy.   No scratch. */
void fe_dense_s8_forward(const fe_geometry *d, const int8_t *x, fe_weights w, const int32_t *b, fe_reals scale,
                         int8_t *y, uint8_t *mask)
{
    if (mask != 0)
        fe_clear(mask, (d->out_c + 7) / 8);
    for (int32_t o = 0; o < d->out_c; o++)
        y[o] = fe_clip_s8(fe_scale(sum_of(d, x, w, b, o), fe_real_at(scale, o)), d->zero_y, d->low, d->high, mask, o);
}

/* z = sat16(256 s_x s_w (W (x - zx) + b)).   No scratch. */
void fe_dense_s8_logits(const fe_geometry *d, const int8_t *x, fe_weights w, const int32_t *b, fe_reals scale,
                        int16_t *z)
{
    for (int32_t o = 0; o < d->out_c; o++)
        z[o] = (int16_t)fe_clamp(fe_scale(sum_of(d, x, w, b, o), fe_real_at(scale, o)), -32768, 32767);
}

/* acc[i] += sum over o of t w[o][i], t = (g r[o]) >> r_shift in real units. Uses w before this step's update. */
void fe_dense_s8_grad_place(const void *step, const fe_operands *a, int32_t place, int32_t *acc)
{
    const fe_geometry *d = step;
    const int8_t *g = a->g;
    const uint16_t *r = a->table;
    const int32_t na = d->trained, nb = d->in_c - na;
    (void)place; /* there is only one */
    for (int32_t o = 0; o < d->out_c; o++) {
        const int32_t t = fe_round_shift(g[o] * (int32_t)r[o], a->shift);
        if (t == 0)
            continue; /* most outputs of a confident net */
        for (int32_t i = 0; i < na; i++)
            acc[i] += t * a->w.trained[o * na + i];
        for (int32_t i = 0; i < nb; i++)
            acc[na + i] += t * a->w.frozen[o * nb + i];
    }
}

/* w -= rate * g (x - zx): each gradient is used once and stored for one row only.   row: s32 scratch [trained]. */
void fe_dense_s8_update(const fe_geometry *d, const fe_update *u, const int8_t *g, const int8_t *x, int8_t *w,
                        int32_t *row)
{
    const int32_t n = d->trained;
    for (int32_t o = 0; o < d->out_c; o++) {
        if (g[o] == 0 && !fe_moves_all(u))
            continue;
        for (int32_t i = 0; i < n; i++)
            row[i] = g[o] * (x[i] - d->zero_x);
        fe_step_row(u, fe_rate_of(u, o), (uint32_t)(o * n), w + o * n, row, n);
    }
}

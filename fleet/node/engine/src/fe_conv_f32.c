/* SPDX-License-Identifier: Apache-2.0
 *
 * Convolution: gradients in fp32 over int8 maps and weights. Every product and sum is rounded, in the order of
 * SPEC.md, "Gradients in fp32".   g: float [out_h][out_w][O]   scale: float [O]
 */
#include "fe_conv_s8.h"

#if FE_FLOAT

static void add_tap(const fe_geometry *d, fe_weights w, int32_t o, int32_t tap, float t, float *acc)
{
    const int32_t na = d->trained, nb = d->in_c / d->groups - na, taps = d->k_h * d->k_w;
    const int32_t first_a = (o * taps + tap) * na, first_b = (o * taps + tap) * nb;
    for (int32_t i = 0; i < na; i++)
        acc[i] += t * (float)w.trained[first_a + i];
    for (int32_t i = 0; i < nb; i++)
        acc[na + i] += t * (float)w.frozen[first_b + i];
}

/* Everything that one output says about one place: taps ascending. */
static void add_output(const fe_geometry *d, const fe_operands *a, int32_t place, int32_t o, float *acc)
{
    const float scale = ((const float *)a->table)[o];
    for (int32_t ky = 0; ky < d->k_h; ky++) {
        const int32_t oy = fe_output_under(place / d->in_w + d->pad_top - ky, d->stride_h, d->out_h);
        for (int32_t kx = 0; oy >= 0 && kx < d->k_w; kx++) {
            const int32_t ox = fe_output_under(place % d->in_w + d->pad_left - kx, d->stride_w, d->out_w);
            const float g = ox < 0 ? 0.0f : ((const float *)a->g)[(oy * d->out_w + ox) * d->out_c + o];
            if (g != 0.0f)
                add_tap(d, a->w, o, ky * d->k_w + kx, g * scale, acc);
        }
    }
}

/* acc[i] += t w, t = g s_w[o]: outputs ascending, then taps. Uses w before this step's update. */
void fe_conv_f32_grad_place(const void *step, const fe_operands *a, int32_t place, float *acc)
{
    const fe_geometry *d = step;
    const int32_t per_group = d->out_c / d->groups, n = d->in_c / d->groups;
    for (int32_t o = 0; o < d->out_c; o++)
        add_output(d, a, place, o, acc + o / per_group * n);
}

/* row[tap][i] = sum over positions, ascending, of g (x - zx), for one output. */
static void gather(const fe_geometry *d, const float *g, const int8_t *x, int32_t o, float *row)
{
    const int32_t n = d->trained;
    for (int32_t i = 0; i < d->k_h * d->k_w * n; i++)
        row[i] = 0.0f;
    for (int32_t oy = 0; oy < d->out_h; oy++)
        for (int32_t ox = 0; ox < d->out_w; ox++) {
            const fe_window v = fe_window_at(d, oy, ox);
            const float e = g[(oy * d->out_w + ox) * d->out_c + o];
            if (e == 0.0f)
                continue;
            for (int32_t ky = v.y0; ky < v.y1; ky++)
                for (int32_t kx = v.x0; kx < v.x1; kx++) {
                    const int8_t *in = x + ((v.in_y + ky) * d->in_w + v.in_x + kx) * d->in_c;
                    float *out = row + (ky * d->k_w + kx) * n;
                    for (int32_t i = 0; i < n; i++)
                        out[i] += e * (float)(in[i] - d->zero_x);
                }
        }
}

/* w -= rate * G, row by row of one output.   row: float scratch [K][trained]. */
void fe_conv_f32_update(const fe_geometry *d, const fe_update *u, const float *g, const int8_t *x, int8_t *w,
                        float *row)
{
    const int32_t n = d->k_h * d->k_w * d->trained;
    const int32_t per_group = d->out_c / d->groups, group_c = d->in_c / d->groups;
    for (int32_t o = 0; o < d->out_c; o++) {
        gather(d, g, x + o / per_group * group_c, o, row);
        fe_step_row_f32(u, fe_rate_of(u, o), (uint32_t)(o * n), w + o * n, row, n);
    }
}

#endif

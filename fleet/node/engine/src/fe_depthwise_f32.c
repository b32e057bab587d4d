/* SPDX-License-Identifier: Apache-2.0
 *
 * Depthwise convolution: gradients in fp32 over int8 maps and weights. Every product and sum is rounded, in the
 * order of SPEC.md, "Gradients in fp32".   g: float [out_h][out_w][C M]   scale: float [C M]
 */
#include "fe_depthwise_s8.h"

#if FE_FLOAT

/* What output o says about one place: taps ascending. */
static float output_says(const fe_geometry *d, const fe_operands *a, int32_t place, int32_t o, float acc)
{
    const float scale = ((const float *)a->table)[o];
    const int32_t na = d->trained, nb = d->out_c - na;
    for (int32_t ky = 0; ky < d->k_h; ky++) {
        const int32_t oy = fe_output_under(place / d->in_w + d->pad_top - ky, d->stride_h, d->out_h);
        for (int32_t kx = 0; oy >= 0 && kx < d->k_w; kx++) {
            const int32_t ox = fe_output_under(place % d->in_w + d->pad_left - kx, d->stride_w, d->out_w);
            const int32_t tap = ky * d->k_w + kx;
            const int8_t *w = o < na ? a->w.trained + tap * na + o : a->w.frozen + tap * nb + o - na;
            if (ox >= 0)
                acc += ((const float *)a->g)[(oy * d->out_w + ox) * d->out_c + o] * scale * (float)*w;
        }
    }
    return acc;
}

/* acc[c] += t w, t = g s_w[o]: outputs of the channel ascending, then taps. Uses w before this step's update. */
void fe_depthwise_f32_grad_place(const void *step, const fe_operands *a, int32_t place, float *acc)
{
    const fe_geometry *d = step;
    const int32_t multiplier = d->out_c / d->in_c;
    for (int32_t c = 0; c < d->in_c; c++)
        for (int32_t o = c * multiplier; o < (c + 1) * multiplier; o++)
            acc[c] = output_says(d, a, place, o, acc[c]);
}

/* G of one weight: over all positions, ascending, g (x - zx). */
static float gather(const fe_geometry *d, const float *g, const int8_t *x, int32_t tap, int32_t o)
{
    const int32_t c = d->groups == d->out_c ? o : o / (d->out_c / d->in_c); /* each its own, or as many outputs a channel */
    float sum = 0.0f;
    for (int32_t oy = 0; oy < d->out_h; oy++) {
        const int32_t y = oy * d->stride_h - d->pad_top + tap / d->k_w;
        if (y < 0 || y >= d->in_h)
            continue;
        for (int32_t ox = 0; ox < d->out_w; ox++) {
            const int32_t column = ox * d->stride_w - d->pad_left + tap % d->k_w;
            if (column < 0 || column >= d->in_w)
                continue;
            sum += g[(oy * d->out_w + ox) * d->out_c + o] *
                   (float)(x[(y * d->in_w + column) * d->in_c + c] - d->zero_x);
        }
    }
    return sum;
}

/* w -= rate * G for the trained outputs.   w: s8 [K][trained]. */
void fe_depthwise_f32_update(const fe_geometry *d, const fe_update *u, const float *g, const int8_t *x, int8_t *w)
{
    for (int32_t o = 0; o < d->trained; o++) {
        const fe_real rate = fe_rate_of(u, o);
        for (int32_t tap = 0; tap < d->k_h * d->k_w; tap++) {
            const int32_t i = tap * d->trained + o;
            const float sum = gather(d, g, x, tap, o);
            fe_step_row_f32(u, rate, (uint32_t)i, w + i, &sum, 1);
        }
    }
}

#endif

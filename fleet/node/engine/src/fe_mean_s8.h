/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FE_MEAN_S8_H
#define FE_MEAN_S8_H

#include "fe_backprop.h"

/* In the order of the plan's words. Sides of y that are 1 are means over those of x. scale: s_x / (s_y n). */
typedef struct {
    int32_t in_h, in_w, in_c;
    int32_t out_h, out_w, out_c;
    int32_t zero_x, zero_y;
    fe_real scale;
} fe_mean;

/* factor: 1/n in Q(exp); of fp32 gradients the bits of 1/n. */
typedef struct {
    int32_t in_h, in_w, in_c;
    int32_t out_h, out_w, out_c;
    int32_t factor, exp;
} fe_grad_mean;

void fe_mean_s8_forward(const fe_mean *d, const int8_t *x, int8_t *y);
fe_place_s8 fe_mean_s8_grad_place;
fe_place_f32 fe_mean_f32_grad_place;

/* The output that channel 0 of a place of the input goes to; channels follow it with fe_mean_step. */
static inline int32_t fe_mean_output(const fe_grad_mean *d, int32_t place)
{
    const int32_t y = d->in_h == d->out_h ? place / d->in_w : 0, x = d->in_w == d->out_w ? place % d->in_w : 0;
    return (y * d->out_w + x) * d->out_c;
}

static inline int32_t fe_mean_step(const fe_grad_mean *d)
{
    return d->in_c == d->out_c ? 1 : 0;
}

#endif

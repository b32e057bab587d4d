/* SPDX-License-Identifier: Apache-2.0
 *
 * Input gradients of one channel of a bottleneck, int8 with exponents that the plan knows.
 */
#include "fe_channels.h"

static int8_t shifted(int32_t acc, int32_t shift)
{
    return (int8_t)fe_clamp(fe_round_shift(acc, shift), -127, 127);
}

void fe_channel_project_s8(const fe_channel *v)
{
    const fe_back *l = &v->b->layer[FE_PROJECT];
    const fe_mask_step *mask = v->b->layer[FE_MIDDLE].mask;
    const fe_seen *g = &v->project;
    const fe_line w = fe_line_of(v->node, l->grad, v->c, v->b->s->channels);
    const uint16_t *r = fe_at(v->node, l->grad->r);
    const uint8_t *kept = mask == 0 ? 0 : fe_at(v->node, mask->mask);
    int8_t *e = (int8_t *)fe_at(v->node, l->grad->flow.e) + v->at;
    for (int32_t p = 0; p < g->places; p++, e += v->group) {
        int32_t acc = 0;
        for (int32_t o = 0; o < g->channels && fe_is_kept(kept, p * v->b->s->channels + v->c); o++) {
            const int32_t t = fe_seen_s8(g, p, o);
            if (t != 0)
                acc += fe_round_shift(t * (int32_t)r[o], l->grad->r_shift) * w.w[o * w.apart];
        }
        *e = shifted(acc, l->grad->flow.shift);
    }
}

/* The taps that read one place. g: the plane of the outputs. */
static int32_t taps_s8(const fe_geometry *d, fe_line w, const int8_t *g, int32_t group, int32_t place, int32_t r,
                       int32_t shift)
{
    int32_t acc = 0;
    for (int32_t ky = 0; ky < d->k_h; ky++) {
        const int32_t oy = fe_output_under(place / d->in_w + d->pad_top - ky, d->stride_h, d->out_h);
        for (int32_t kx = 0; oy >= 0 && kx < d->k_w; kx++) {
            const int32_t ox = fe_output_under(place % d->in_w + d->pad_left - kx, d->stride_w, d->out_w);
            if (ox >= 0)
                acc += fe_round_shift(g[(oy * d->out_w + ox) * group] * r, shift) * w.w[(ky * d->k_w + kx) * w.apart];
        }
    }
    return acc;
}

void fe_channel_middle_s8(const fe_channel *v)
{
    const fe_grad_step *s = v->b->layer[FE_MIDDLE].grad;
    const fe_mask_step *mask = v->b->layer[FE_EXPAND].mask;
    const fe_line w = fe_line_of(v->node, s, v->c, v->b->s->channels);
    const int32_t r = ((const uint16_t *)fe_at(v->node, s->r))[v->c];
    const uint8_t *kept = mask == 0 ? 0 : fe_at(v->node, mask->mask);
    const int8_t *g = (const int8_t *)fe_at(v->node, s->flow.g) + v->at;
    int8_t *e = (int8_t *)fe_at(v->node, s->flow.e) + v->at;
    for (int32_t p = 0; p < s->d.in_h * s->d.in_w; p++, e += v->group) {
        const int32_t sees = fe_is_kept(kept, p * v->b->s->channels + v->c);
        *e = shifted(sees ? taps_s8(&s->d, w, g, v->group, p, r, s->r_shift) : 0, s->flow.shift);
    }
}

void fe_channel_expand_s8(const fe_channel *v)
{
    const fe_grad_step *s = v->b->layer[FE_EXPAND].grad;
    const int32_t na = s->d.trained, nb = s->d.in_c - na;
    const fe_weights w = fe_weights_at(v->node, s->w_trained, s->w_frozen);
    const int32_t r = ((const uint16_t *)fe_at(v->node, s->r))[v->c];
    const int8_t *g = (const int8_t *)fe_at(v->node, s->flow.g) + v->at;
    int32_t *acc = fe_at(v->node, s->flow.acc);
    for (int32_t p = 0; p < s->d.in_h * s->d.in_w; p++, acc += s->d.in_c) {
        const int32_t t = fe_round_shift(g[p * v->group] * r, s->r_shift);
        if (t == 0)
            continue;
        for (int32_t i = 0; i < na; i++)
            acc[i] += t * w.trained[v->c * na + i];
        for (int32_t i = 0; i < nb; i++)
            acc[na + i] += t * w.frozen[v->c * nb + i];
    }
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Input gradients of one channel of a bottleneck in fp32. Channels ascend, so every sum has the order of SPEC.md,
 * "Gradients in fp32".
 */
#include "fe_channels.h"

#if FE_FLOAT

void fe_channel_project_f32(const fe_channel *v)
{
    const fe_back *l = &v->b->layer[FE_PROJECT];
    const fe_mask_step *mask = v->b->layer[FE_MIDDLE].mask;
    const fe_seen *g = &v->project;
    const fe_line w = fe_line_of(v->node, l->grad, v->c, v->b->s->channels);
    const float *scale = fe_at(v->node, l->grad->r);
    const uint8_t *kept = mask == 0 ? 0 : fe_at(v->node, mask->mask);
    float *e = (float *)fe_at(v->node, l->grad->flow.e) + v->at;
    for (int32_t p = 0; p < g->places; p++, e += v->group) {
        float acc = 0.0f;
        for (int32_t o = 0; o < g->channels && fe_is_kept(kept, p * v->b->s->channels + v->c); o++) {
            const float t = fe_seen_f32(g, p, o);
            if (t != 0.0f)
                acc += t * scale[o] * (float)w.w[o * w.apart];
        }
        *e = acc;
    }
}

/* The taps that read one place, ascending. g: the plane of the outputs. */
static float taps_f32(const fe_geometry *d, fe_line w, const float *g, int32_t group, int32_t place, float scale)
{
    float acc = 0.0f;
    for (int32_t ky = 0; ky < d->k_h; ky++) {
        const int32_t oy = fe_output_under(place / d->in_w + d->pad_top - ky, d->stride_h, d->out_h);
        for (int32_t kx = 0; oy >= 0 && kx < d->k_w; kx++) {
            const int32_t ox = fe_output_under(place % d->in_w + d->pad_left - kx, d->stride_w, d->out_w);
            if (ox >= 0)
                acc += g[(oy * d->out_w + ox) * group] * scale * (float)w.w[(ky * d->k_w + kx) * w.apart];
        }
    }
    return acc;
}

void fe_channel_middle_f32(const fe_channel *v)
{
    const fe_grad_step *s = v->b->layer[FE_MIDDLE].grad;
    const fe_mask_step *mask = v->b->layer[FE_EXPAND].mask;
    const fe_line w = fe_line_of(v->node, s, v->c, v->b->s->channels);
    const float scale = ((const float *)fe_at(v->node, s->r))[v->c];
    const uint8_t *kept = mask == 0 ? 0 : fe_at(v->node, mask->mask);
    const float *g = (const float *)fe_at(v->node, s->flow.g) + v->at;
    float *e = (float *)fe_at(v->node, s->flow.e) + v->at;
    for (int32_t p = 0; p < s->d.in_h * s->d.in_w; p++, e += v->group)
        *e = fe_is_kept(kept, p * v->b->s->channels + v->c) ? taps_f32(&s->d, w, g, v->group, p, scale) : 0.0f;
}

void fe_channel_expand_f32(const fe_channel *v)
{
    const fe_grad_step *s = v->b->layer[FE_EXPAND].grad;
    const int32_t na = s->d.trained, nb = s->d.in_c - na;
    const fe_weights w = fe_weights_at(v->node, s->w_trained, s->w_frozen);
    const float scale = ((const float *)fe_at(v->node, s->r))[v->c];
    const float *g = (const float *)fe_at(v->node, s->flow.g) + v->at;
    float *e = fe_at(v->node, s->flow.e);
    for (int32_t p = 0; p < s->d.in_h * s->d.in_w; p++, e += s->d.in_c) {
        const float t = g[p * v->group] * scale;
        if (g[p * v->group] == 0.0f)
            continue;
        for (int32_t i = 0; i < na; i++)
            e[i] += t * (float)w.trained[v->c * na + i];
        for (int32_t i = 0; i < nb; i++)
            e[na + i] += t * (float)w.frozen[v->c * nb + i];
    }
}

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading a group of channels, and what a plan could say wrong about it.
 */
#include "fe_bottleneck.h"

#include "fe_fit.h"

enum { MOST_CHANNELS = 65535 };

/* The reference of the gradient that a step reads; 0 for a step that has none. */
static int32_t read_by(const fe_step *step)
{
    const void *s = step;
    switch (step->op) {
    case FE_MASK:
        return ((const fe_mask_step *)s)->g;
    case FE_GRAD_CONV:
    case FE_GRAD_DEPTHWISE:
        return ((const fe_grad_step *)s)->flow.g;
    case FE_UPDATE_CONV:
    case FE_UPDATE_DEPTHWISE:
        return ((const fe_update_step *)s)->g;
    case FE_UPDATE_BIAS:
        return ((const fe_bias_step *)s)->g;
    default:
        return 0;
    }
}

/* The gradients of the three layers: the first one, and what becomes of it. */
static int gradients_of(const fe_channels_step *s, int32_t *g)
{
    const fe_step *step = fe_following(&s->step);
    for (int32_t i = 0; i < s->count; i++, step = fe_following(step)) {
        const fe_flow *f = &((const fe_grad_step *)(const void *)step)->flow;
        if (step->op == FE_GRAD_CONV && g[FE_PROJECT] == 0) {
            g[FE_PROJECT] = f->g;
            g[FE_MIDDLE] = f->e;
        } else if (step->op == FE_GRAD_DEPTHWISE) {
            g[FE_EXPAND] = f->e;
        }
    }
    return g[FE_PROJECT] != 0 && g[FE_MIDDLE] != 0 && g[FE_PROJECT] != g[FE_MIDDLE] &&
           g[FE_EXPAND] != g[FE_PROJECT] && g[FE_EXPAND] != g[FE_MIDDLE];
}

/* Steps of one layer in their order. */
enum { AT_MASK, AT_GRAD, AT_UPDATE, AT_BIAS, AT_ALL };

/* Puts a step where it belongs. Returns its number among all that there may be, -1 where there is no such. */
static int32_t put(fe_bottleneck *b, int32_t layer, const fe_step *step)
{
    const int32_t by_channel = layer == FE_MIDDLE;
    fe_back *at = &b->layer[layer];
    const void *s = step;
    switch (step->op) {
    case FE_MASK:
        at->mask = s;
        return layer * AT_ALL + AT_MASK;
    case FE_GRAD_CONV:
    case FE_GRAD_DEPTHWISE:
        at->grad = s;
        return by_channel == (step->op == FE_GRAD_DEPTHWISE) ? layer * AT_ALL + AT_GRAD : -1;
    case FE_UPDATE_BIAS:
        at->bias = s;
        return layer * AT_ALL + AT_BIAS;
    default: /* FE_UPDATE_CONV, FE_UPDATE_DEPTHWISE: any other reads no gradient */
        at->update = s;
        return by_channel == (step->op == FE_UPDATE_DEPTHWISE) ? layer * AT_ALL + AT_UPDATE : -1;
    }
}

int fe_read_bottleneck(const fe_channels_step *s, fe_bottleneck *to)
{
    const fe_step *step = fe_following(&s->step);
    int32_t g[FE_BACK_LAYERS] = {0}, last = -1;
    for (int32_t l = 0; l < FE_BACK_LAYERS; l++) {
        to->layer[l].mask = 0;
        to->layer[l].grad = 0;
        to->layer[l].update = 0;
        to->layer[l].bias = 0;
    }
    to->s = s;
    if (!gradients_of(s, g))
        return 0;
    for (int32_t i = 0; i < s->count; i++, step = fe_following(step)) {
        const int32_t from = read_by(step);
        int32_t l = 0, number;
        while (l < FE_BACK_LAYERS && (from == 0 || from != g[l]))
            l++;
        number = l < FE_BACK_LAYERS ? put(to, l, step) : -1;
        if (number <= last)
            return 0;
        last = number;
    }
    return 1;
}

/* Places of the input and of the output. */
static int64_t places_in(const fe_geometry *d)
{
    return (int64_t)d->in_h * d->in_w;
}

static int64_t places_out(const fe_geometry *d)
{
    return (int64_t)d->out_h * d->out_w;
}

/* One tap, and as many outputs as inputs; or one output that stands for all, where a mean passes it back. */
static int is_pointwise(const fe_geometry *d)
{
    return d->k_h == 1 && d->k_w == 1 && d->stride_h == 1 && d->stride_w == 1 && d->pad_top == 0 &&
           d->pad_left == 0 && d->groups == 1;
}

/* The gradient of a layer's input says its sizes, has room, as a plane or whole, and where it is int8 a shift. */
static int flows(const fe_plan *p, const fe_grad_step *s, int64_t channels)
{
    const fe_flow *f = &s->flow;
    const int floats = p->gradients == FE_FP32;
    return f->places == places_in(&s->d) && f->channels == s->d.in_c &&
           fe_writable(p, f->e, (floats ? 4 : 1) * places_in(&s->d) * channels, floats ? 4 : 1) &&
           (floats || (f->shift >= 0 && f->shift <= 31));
}

/* The geometry of what a layer has, NULL where it has neither or both differ in what counts. The weight gradient may
 * read fewer channels, and see all places where the other sees one. */
static const fe_geometry *geometry_of(const fe_back *l)
{
    const fe_geometry *a = l->grad != 0 ? &l->grad->d : 0, *b = l->update != 0 ? &l->update->d : 0;
    if (a == 0 || b == 0)
        return a != 0 ? a : b;
    return a->in_h == b->in_h && a->in_w == b->in_w && a->out_h == b->out_h && a->out_w == b->out_w &&
                   a->out_c == b->out_c && a->k_h == b->k_h && a->k_w == b->k_w && a->stride_h == b->stride_h &&
                   a->stride_w == b->stride_w && a->pad_top == b->pad_top && a->pad_left == b->pad_left
               ? a
               : 0;
}

/* Masks and biases are as large as the gradient. */
static int sizes_fit(const fe_back *l, int64_t places, int32_t channels)
{
    const int64_t size = places * channels;
    return (l->mask == 0 || (l->mask->size == size && l->mask->mask != 0)) &&
           (l->bias == 0 || (l->bias->positions == places && l->bias->channels == channels && l->bias->b != 0));
}

/* Only channels that are there train. */
static int trains(const fe_back *l, int32_t most)
{
    return (l->grad == 0 || l->grad->d.trained <= most) && (l->update == 0 || l->update->d.trained <= most);
}

static int project_fits(const fe_plan *p, const fe_bottleneck *b)
{
    const fe_back *l = &b->layer[FE_PROJECT];
    const fe_geometry *d = geometry_of(l);
    return d != 0 && l->grad != 0 && trains(l, b->s->channels) && is_pointwise(d) && d->in_c == b->s->channels &&
           (places_out(d) == places_in(d) || places_out(d) == 1) && sizes_fit(l, places_in(d), d->out_c) &&
           fe_readable(p, l->grad->flow.g, fe_gradient_bytes(p) * places_out(d) * d->out_c, fe_gradient_bytes(p)) &&
           flows(p, l->grad, b->s->group);
}

/* The depthwise layer, which may pass nothing on or have nothing to train. */
static int middle_fits(const fe_plan *p, const fe_bottleneck *b)
{
    const fe_back *l = &b->layer[FE_MIDDLE];
    const fe_geometry *d = geometry_of(l), *after = &b->layer[FE_PROJECT].grad->d;
    if (!sizes_fit(l, places_in(after), b->s->channels) || (d == 0 && (l->grad != 0 || l->update != 0)))
        return 0;
    return d == 0 ||
           (trains(l, b->s->channels) && (l->grad == 0 || d->in_c == b->s->channels) &&
            d->out_c == b->s->channels && d->out_h == after->in_h && d->out_w == after->in_w &&
            (l->grad == 0 || flows(p, l->grad, b->s->group)));
}

/* The first layer: its gradient is the whole of its input's. */
static int expand_fits(const fe_plan *p, const fe_bottleneck *b)
{
    const fe_back *l = &b->layer[FE_EXPAND], *middle = &b->layer[FE_MIDDLE];
    const fe_geometry *d = geometry_of(l), *after = middle->grad != 0 ? &middle->grad->d : 0;
    if (after == 0)
        return l->mask == 0 && l->grad == 0 && l->update == 0 && l->bias == 0;
    if (!sizes_fit(l, places_in(after), b->s->channels) || (d == 0 && (l->grad != 0 || l->update != 0)))
        return 0;
    if (d == 0)
        return 1;
    return trains(l, d->in_c) && is_pointwise(d) && d->out_c == b->s->channels && d->out_h == after->in_h &&
           d->out_w == after->in_w && places_in(d) == places_out(d) &&
           (l->grad == 0 ||
            (flows(p, l->grad, d->in_c) &&
             (p->gradients == FE_FP32 || fe_writable(p, l->grad->flow.acc, 4 * places_in(d) * d->in_c, 4))));
}

int fe_channels_fit(const fe_plan *p, const fe_channels_step *s)
{
    fe_bottleneck b;
    return s->channels >= 1 && s->channels <= MOST_CHANNELS && s->group >= 1 && s->group <= s->channels &&
           fe_read_bottleneck(s, &b) && project_fits(p, &b) && middle_fits(p, &b) && expand_fits(p, &b);
}

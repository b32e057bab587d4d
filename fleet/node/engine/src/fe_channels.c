/* SPDX-License-Identifier: Apache-2.0
 *
 * The driver of a group of channels: round by round the input gradient, then the update of each layer, on planes; what
 * the first layer adds to the gradient of the block's input becomes that gradient at the end.
 */
#include "fe_channels.h"

#include "fe_block.h"
#include "fe_lanes.h"

/* What the steps of the last layer see of the gradient, which stays as it is. */
static fe_seen seen_of(const fe_node *node, const fe_back *l)
{
    const fe_geometry *d = &l->grad->d;
    fe_seen g;
    g.g = fe_at(node, l->grad->flow.g);
    g.kept = l->mask == 0 ? 0 : fe_at(node, l->mask->mask);
    g.places = d->in_h * d->in_w;
    g.channels = d->out_c;
    g.apart = d->out_h * d->out_w == g.places ? d->out_c : 0;
    return g;
}

/* Exponents of the planes: they follow from the plan's shifts alone. */
static void put_exponents(const fe_node *node, const fe_bottleneck *b)
{
    int32_t *k = fe_exponents(node);
    for (int32_t l = 0; l < FE_EXPAND && k != 0; l++) {
        const fe_grad_step *s = b->layer[l].grad;
        if (s != 0)
            k[s->flow.ek] = k[s->flow.gk] + s->r_exp - s->flow.shift;
    }
}

/* The gradient of the block's input begins with what waits for it; int8 sums begin at 0. */
static void begin(const fe_node *node, const fe_flow *f)
{
    const int32_t size = f->places * f->channels;
#if FE_FLOAT
    if (fe_is_float(node)) {
        const float *waiting = fe_at(node, f->waiting);
        float *e = fe_at(node, f->e);
        for (int32_t i = 0; i < size; i++)
            e[i] = waiting == 0 ? 0.0f : waiting[i];
        return;
    }
#endif
    fe_clear_s32(fe_at(node, f->acc), size);
}

/* Place by place upwards: e may begin where the sums do, or lie over what waits. */
static void finish(const fe_node *node, const fe_grad_step *s)
{
    const fe_flow *f = &s->flow;
    int32_t *k = fe_exponents(node), *acc = fe_at(node, f->acc), after = k[f->gk] + s->r_exp;
    const int32_t before = after, k_waiting = k[f->waiting_k];
    const int8_t *waiting = fe_at(node, f->waiting);
    int8_t *e = fe_at(node, f->e);
    for (int32_t p = 0; p < f->places; p++, e += f->channels, acc += f->channels) {
        if (waiting != 0)
            after = fe_merge(f->channels, waiting + p * f->channels, k_waiting, acc, before);
        fe_shift_s8(f->channels, acc, f->shift, e);
    }
    k[f->ek] = after - f->shift;
}

static void pass_back(const fe_channel *v, int32_t layer)
{
#if FE_FLOAT
    if (fe_is_float(v->node)) {
        if (layer == FE_PROJECT)
            fe_channel_project_f32(v);
        else if (layer == FE_MIDDLE)
            fe_channel_middle_f32(v);
        else
            fe_channel_expand_f32(v);
        return;
    }
#endif
    if (layer == FE_PROJECT)
        fe_channel_project_s8(v);
    else if (layer == FE_MIDDLE)
        fe_channel_middle_s8(v);
    else
        fe_channel_expand_s8(v);
}

/* Channels first to end - 1 through one layer. */
static void run_layer(fe_channel *v, int32_t layer, fe_span round, const fe_course *course, uint64_t step_key)
{
    const fe_back *l = &v->b->layer[layer];
    for (v->c = round.first, v->at = 0; l->grad != 0 && v->c < round.end; v->c++, v->at++)
        pass_back(v, layer);
    if (l->update != 0) {
        const fe_update u = fe_weights_update(v->node, l->update, course, step_key);
        for (v->c = round.first, v->at = 0; v->c < round.end; v->c++, v->at++)
            fe_channel_weights(v, layer, &u);
    }
    if (layer != FE_PROJECT && l->bias != 0) {
        const fe_update u = fe_bias_update(v->node, l->bias, course);
        for (v->c = round.first, v->at = 0; v->c < round.end; v->c++, v->at++)
            fe_channel_bias(v, layer, &u);
    }
}

FE_ALONE void run_all(const fe_node *node, const fe_channels_step *s, const fe_course *course, uint64_t step_key,
                      fe_ahead *ahead)
{
    fe_bottleneck b;
    fe_channel v;
    fe_span round = {0, 0};
    fe_read_bottleneck(s, &b);
    v.node = node;
    v.b = &b;
    v.project = seen_of(node, &b.layer[FE_PROJECT]);
    v.group = s->group;
    v.ahead = ahead;
    put_exponents(node, &b);
    if (b.layer[FE_PROJECT].bias != 0) {
        const fe_update u = fe_bias_update(node, b.layer[FE_PROJECT].bias, course);
        fe_project_biases(node, &v.project, b.layer[FE_PROJECT].bias, &u);
    }
    if (b.layer[FE_EXPAND].grad != 0)
        begin(node, &b.layer[FE_EXPAND].grad->flow);
    for (; round.first < s->channels; round.first = round.end) {
        round.end = round.first + s->group < s->channels ? round.first + s->group : s->channels;
        for (int32_t layer = 0; layer < FE_BACK_LAYERS; layer++)
            run_layer(&v, layer, round, course, step_key);
    }
    if (b.layer[FE_EXPAND].grad != 0 && !fe_is_float(node))
        finish(node, b.layer[FE_EXPAND].grad);
}

void fe_run_channels(const fe_node *node, const fe_channels_step *s, const fe_course *course, uint64_t step_key)
{
    fe_ahead ahead;
    ahead.first = ahead.count = 0;
    run_all(node, s, course, step_key, &ahead);
}

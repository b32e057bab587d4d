/* SPDX-License-Identifier: Apache-2.0
 *
 * The plan interpreter: each step of a plan is one call of one operator. Updates are in fe_run_update.c, operators
 * without weights in fe_run_maps.c.
 */
#include "fe_run.h"

#include "fe_block.h"
#include "fe_channels.h"
#include "fe_conv_s8.h"
#include "fe_dense_s8.h"
#include "fe_depthwise_s8.h"
#include "fe_pool_s8.h"
#include "fe_rows.h"

fe_weights fe_weights_at(const fe_node *node, int32_t trained, int32_t frozen)
{
    fe_weights w;
    w.trained = fe_at(node, trained);
    w.frozen = fe_at(node, frozen);
    return w;
}

fe_reals fe_reals_at(const fe_node *node, int32_t ref, int32_t count)
{
    fe_reals table;
    table.mant = fe_at(node, ref);
    table.exp = (const int8_t *)(const void *)(table.mant + count);
    return table;
}

void fe_run_layer(const fe_node *node, const fe_layer_step *s)
{
    const fe_weights w = fe_weights_at(node, s->w_trained, s->w_frozen);
    const int32_t *b = fe_at(node, s->bias);
    const fe_reals scale = fe_reals_at(node, s->scale, s->d.out_c);
    const int8_t *x = fe_at(node, s->x);
    void *y = fe_at(node, s->y), *mask = fe_at(node, s->mask);
    if (FE_RUNS(FE_CONV) && s->step.op == FE_CONV)
        fe_conv_s8_forward(&s->d, x, w, b, scale, y, mask);
    else if (FE_RUNS(FE_DEPTHWISE) && s->step.op == FE_DEPTHWISE)
        fe_depthwise_s8_forward(&s->d, x, w, b, scale, y, mask);
    else if (FE_RUNS(FE_DENSE) && s->step.op == FE_DENSE)
        fe_dense_s8_forward(&s->d, x, w, b, scale, y, mask);
    else if (FE_RUNS(FE_LOGITS))
        fe_dense_s8_logits(&s->d, x, w, b, scale, y);
}

void fe_run_in_place(const fe_node *node, const fe_in_place_step *s)
{
    const fe_weights w = fe_weights_at(node, s->w_trained, s->w_frozen);
    const fe_reals scale = fe_reals_at(node, s->scale, s->d.out_c);
    fe_depthwise_s8_in_place(&s->d, fe_at(node, s->x), w, fe_at(node, s->bias), scale, fe_at(node, s->plane),
                             fe_at(node, s->mask));
}

void fe_run_add(const fe_node *node, const fe_add_step *s)
{
    fe_add_s8_forward(&s->d, fe_at(node, s->x), fe_at(node, s->x2), fe_at(node, s->y), fe_at(node, s->mask));
}

void fe_run_pool(const fe_node *node, const fe_pool_step *s)
{
    fe_pool_s8_forward(s->positions, s->channels, fe_at(node, s->x), fe_at(node, s->y));
}

void fe_run_mask(const fe_node *node, const fe_mask_step *s)
{
#if FE_FLOAT
    if (fe_header(node)->gradients == FE_FP32) {
        fe_mask_f32(s->size, fe_at(node, s->mask), fe_at(node, s->g));
        return;
    }
#endif
    fe_mask_s8(s->size, fe_at(node, s->mask), fe_at(node, s->g));
}

/* Sums of a whole map, to be blocked: operators that scatter are faster than a driver that asks place by place. */
static int32_t is_dynamic(const fe_node *node, const fe_flow *flow)
{
    return (!FE_FLOAT || fe_header(node)->gradients == FE_INT8) && (!FE_STATIC || flow->shift < 0);
}

void fe_run_grad_pool(const fe_node *node, const fe_grad_pool_step *s)
{
    fe_operands a = {0};
    fe_pool_gradient d;
    a.g = fe_at(node, s->flow.g);
    d.positions = s->flow.places;
    d.channels = s->flow.channels;
    d.factor = s->factor;
    if (is_dynamic(node, &s->flow)) {
        fe_pool_s8_grad_in(&d, a.g, fe_at(node, s->flow.acc));
        fe_exponents(node)[s->flow.k] = fe_exponents(node)[s->flow.gk] + s->exp;
    } else {
        fe_backprop(node, &s->flow, fe_pool_s8_grad_place, FE_F32(fe_pool_f32_grad_place), &d, &a, s->exp);
    }
}

void fe_run_grad_add(const fe_node *node, const fe_grad_add_step *s)
{
    const fe_repeat *d = &s->d;
    const int32_t size = d->out_h * d->out_w * d->out_c;
    fe_operands a = {0};
    a.g = fe_at(node, s->flow.g);
    if (is_dynamic(node, &s->flow) && size == s->flow.places * s->flow.channels) {
        fe_add_s8_grad_in(size, a.g, fe_at(node, s->flow.acc));
        fe_exponents(node)[s->flow.k] = fe_exponents(node)[s->flow.gk];
    } else {
        fe_backprop(node, &s->flow, fe_add_s8_grad_place, FE_F32(fe_add_f32_grad_place), d, &a, 0);
    }
}

/* Whole maps at once; a dense layer has one place only. */
static void run_scatter(const fe_node *node, const fe_grad_step *s, const fe_operands *a)
{
    int32_t *k = fe_exponents(node);
    fe_gradient gr;
    gr.r = a->table;
    gr.r_shift = a->shift;
    if (FE_RUNS(FE_GRAD_CONV) && s->step.op == FE_GRAD_CONV)
        fe_conv_s8_grad_in(&s->d, a->g, a->w, &gr, fe_at(node, s->flow.acc));
    else if (FE_RUNS(FE_GRAD_DEPTHWISE))
        fe_depthwise_s8_grad_in(&s->d, a->g, a->w, &gr, fe_at(node, s->flow.acc));
    k[s->flow.k] = k[s->flow.gk] + s->r_exp;
}

#if FE_PAIRS
/* By a kernel that takes the whole map, whatever the exponents. 0: there is none for it. */
FE_ALONE int32_t run_whole(const fe_node *node, const fe_grad_step *s)
{
    const int32_t depthwise = FE_RUNS(FE_GRAD_DEPTHWISE) && s->step.op == FE_GRAD_DEPTHWISE;
    fe_gradient gr;
    fe_settled to;
    if (fe_is_float(node) || !depthwise || !fe_depthwise_s8_grad_in_fours(&s->d, s->r_shift))
        return 0;
    gr.r = fe_at(node, s->r);
    gr.r_shift = s->r_shift;
    to = fe_settled_of(node, &s->flow, s->r_exp);
    fe_depthwise_s8_grad_fours(&s->d, fe_at(node, s->flow.g), fe_weights_at(node, s->w_trained, s->w_frozen), &gr, &to);
    fe_end_settled(node, &s->flow, &to);
    return 1;
}
#endif

FE_ALONE void run_grad(const fe_node *node, const fe_grad_step *s)
{
    const fe_flow *f = &s->flow;
    fe_operands a = {0};
    a.g = fe_at(node, f->g);
    a.w = fe_weights_at(node, s->w_trained, s->w_frozen);
    a.table = fe_at(node, s->r);
    a.shift = s->r_shift;
    if (FE_RUNS(FE_GRAD_DENSE) && s->step.op == FE_GRAD_DENSE)
        fe_backprop(node, f, fe_dense_s8_grad_place, FE_F32(fe_dense_f32_grad_place), &s->d, &a, s->r_exp);
    else if (is_dynamic(node, f))
        run_scatter(node, s, &a);
    else if (FE_RUNS(FE_GRAD_CONV) && s->step.op == FE_GRAD_CONV)
        fe_backprop(node, f, fe_conv_s8_grad_place, FE_F32(fe_conv_f32_grad_place), &s->d, &a, s->r_exp);
    else if (FE_RUNS(FE_GRAD_DEPTHWISE))
        fe_backprop(node, f, fe_depthwise_s8_grad_place, FE_F32(fe_depthwise_f32_grad_place), &s->d, &a, s->r_exp);
}

void fe_run_grad(const fe_node *node, const fe_grad_step *s)
{
#if FE_PAIRS
    if (run_whole(node, s))
        return;
#endif
    run_grad(node, s);
}

static void copy(const int8_t *from, int8_t *to, int32_t size)
{
    for (int32_t i = 0; i < size; i++)
        to[i] = from[i];
}

void fe_run_move(const fe_node *node, const fe_move_step *s)
{
    int32_t *k = fe_exponents(node);
    void *from = fe_at(node, s->from), *to = fe_at(node, s->to);
    if (s->step.op == FE_BLOCK) {
        k[s->to_k] = fe_block_s8(s->size, from, k[s->from_k], to);
    } else if (s->step.op == FE_MERGE) {
        k[s->to_k] = fe_merge(s->size, from, k[s->from_k], to, k[s->to_k]);
    } else {
        k[s->to_k] = k[s->from_k];
        copy(from, to, s->size);
    }
}

void fe_run_operator(const fe_node *node, const fe_step *step)
{
    const void *s = step;
    switch (step->op) {
    case FE_CONV:
    case FE_DEPTHWISE:
    case FE_LOGITS:
    case FE_DENSE:
        if (FE_RUNS(FE_CONV) || FE_RUNS(FE_DEPTHWISE) || FE_RUNS(FE_LOGITS) || FE_RUNS(FE_DENSE))
            fe_run_layer(node, s);
        break;
    case FE_DEPTHWISE_IN_PLACE:
        if (FE_RUNS(FE_DEPTHWISE_IN_PLACE))
            fe_run_in_place(node, s);
        break;
    case FE_ADD:
        if (FE_RUNS(FE_ADD))
            fe_run_add(node, s);
        break;
    case FE_POOL:
        if (FE_RUNS(FE_POOL))
            fe_run_pool(node, s);
        break;
    default:
        fe_run_map(node, s);
        break;
    }
}

void fe_run_step(const fe_node *node, const fe_step *step, const fe_course *course, uint64_t step_key)
{
    const void *s = step;
    switch (step->op) {
    case FE_ROWS:
        if (FE_RUNS(FE_ROWS))
            fe_run_rows(node, s);
        break;
    case FE_CHANNELS:
        if (FE_RUNS(FE_CHANNELS))
            fe_run_channels(node, s, course, step_key);
        break;
    case FE_MASK:
        if (FE_RUNS(FE_MASK))
            fe_run_mask(node, s);
        break;
    case FE_GRAD_CONV:
    case FE_GRAD_DEPTHWISE:
    case FE_GRAD_DENSE:
        if (FE_RUNS(FE_GRAD_CONV) || FE_RUNS(FE_GRAD_DEPTHWISE) || FE_RUNS(FE_GRAD_DENSE))
            fe_run_grad(node, s);
        break;
    case FE_GRAD_ADD:
        if (FE_RUNS(FE_GRAD_ADD))
            fe_run_grad_add(node, s);
        break;
    case FE_GRAD_POOL:
        if (FE_RUNS(FE_GRAD_POOL))
            fe_run_grad_pool(node, s);
        break;
    case FE_COPY:
    case FE_MERGE:
    case FE_BLOCK:
        if (FE_RUNS(FE_COPY) || FE_RUNS(FE_MERGE) || FE_RUNS(FE_BLOCK))
            fe_run_move(node, s);
        break;
    case FE_UPDATE_CONV:
    case FE_UPDATE_DEPTHWISE:
    case FE_UPDATE_DENSE:
    case FE_UPDATE_BIAS:
    case FE_APPLY:
    case FE_APPLY_BIAS:
        fe_run_update(node, s, course, step_key);
        break;
    default:
        fe_run_operator(node, s);
        break;
    }
}

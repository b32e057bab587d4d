/* SPDX-License-Identifier: Apache-2.0
 *
 * The plan interpreter: each step of a plan is one call of one operator.
 */
#include "fe_block.h"
#include "fe_conv_s8.h"
#include "fe_dense_s8.h"
#include "fe_depthwise_s8.h"
#include "fe_plan.h"
#include "fe_pool_s8.h"
#include "fe_softmax_ce.h"

static fe_weights weights_at(const fe_node *node, int32_t trained, int32_t frozen)
{
    fe_weights w;
    w.trained = fe_at(node, trained);
    w.frozen = fe_at(node, frozen);
    return w;
}

static fe_reals reals_at(const fe_node *node, int32_t ref, int32_t count)
{
    fe_reals table;
    table.mant = fe_at(node, ref);
    table.exp = (const int8_t *)(const void *)(table.mant + count);
    return table;
}

static int32_t *exponents(const fe_node *node)
{
    return fe_at(node, fe_header(node)->exponents);
}

static void run_layer(const fe_node *node, const fe_layer_step *s)
{
    const fe_weights w = weights_at(node, s->w_trained, s->w_frozen);
    const int32_t *b = fe_at(node, s->bias);
    const fe_reals scale = reals_at(node, s->scale, s->d.out_c);
    const int8_t *x = fe_at(node, s->x);
    if (s->step.op == FE_CONV)
        fe_conv_s8_forward(&s->d, x, w, b, scale, fe_at(node, s->y), fe_at(node, s->mask));
    else if (s->step.op == FE_DEPTHWISE)
        fe_depthwise_s8_forward(&s->d, x, w, b, scale, fe_at(node, s->y), fe_at(node, s->mask));
    else
        fe_dense_s8_logits(&s->d, x, w, b, scale, fe_at(node, s->y));
}

static void run_add(const fe_node *node, const fe_add_step *s)
{
    fe_add_s8_forward(&s->d, fe_at(node, s->x), fe_at(node, s->x2), fe_at(node, s->y), fe_at(node, s->mask));
}

static void run_pool(const fe_node *node, const fe_pool_step *s)
{
    fe_pool_s8_forward(s->positions, s->channels, fe_at(node, s->x), fe_at(node, s->y));
}

static void run_grad_pool(const fe_node *node, const fe_grad_pool_step *s)
{
    int32_t *k = exponents(node);
    fe_pool_s8_grad_in(s->positions, s->channels, s->factor, fe_at(node, s->g), fe_at(node, s->acc));
    k[s->k] = k[s->gk] + s->exp;
}

static void run_grad(const fe_node *node, const fe_grad_step *s)
{
    int32_t *k = exponents(node);
    const fe_weights w = weights_at(node, s->w_trained, s->w_frozen);
    const int8_t *g = fe_at(node, s->g);
    fe_gradient gr = {0};
    gr.r = fe_at(node, s->r);
    gr.r_shift = s->r_shift;
    if (s->step.op == FE_GRAD_CONV)
        fe_conv_s8_grad_in(&s->d, g, w, &gr, fe_at(node, s->acc));
    else if (s->step.op == FE_GRAD_DEPTHWISE)
        fe_depthwise_s8_grad_in(&s->d, g, w, &gr, fe_at(node, s->acc));
    else
        fe_dense_s8_grad_in(&s->d, g, w, &gr, fe_at(node, s->acc));
    k[s->k] = k[s->gk] + s->r_exp;
}

static void copy(const int8_t *from, int8_t *to, int32_t size)
{
    for (int32_t i = 0; i < size; i++)
        to[i] = from[i];
}

static void run_move(const fe_node *node, const fe_move_step *s)
{
    int32_t *k = exponents(node);
    void *from = fe_at(node, s->from), *to = fe_at(node, s->to);
    if (s->step.op == FE_BLOCK) {
        k[s->to_k] = fe_block_s8(s->size, from, k[s->from_k], to);
    } else if (s->step.op == FE_MERGE) {
        k[s->to_k] = fe_merge(s->size, from, k[s->from_k], to, k[s->to_k]);
    } else {
        k[s->to_k] = k[s->from_k];
        if (s->step.op == FE_COPY)
            copy(from, to, s->size);
        else
            fe_add_s8_grad_in(s->size, from, to);
    }
}

static void run_update(const fe_node *node, const fe_update_step *s, const fe_course *course, uint64_t step_key)
{
    const int8_t *g = fe_at(node, s->g), *x = fe_at(node, s->x);
    int8_t *w = fe_at(node, s->w);
    fe_gradient gr = {0};
    fe_update u;
    gr.weight_rate = reals_at(node, s->rate, s->d.out_c);
    u.key = fe_absorb(step_key, (uint64_t)s->layer);
    u.rate = course->rate;
    u.k = exponents(node)[s->gk];
    if (s->step.op == FE_UPDATE_CONV)
        fe_conv_s8_update(&s->d, &u, &gr, g, x, w, fe_at(node, s->row));
    else if (s->step.op == FE_UPDATE_DEPTHWISE)
        fe_depthwise_s8_update(&s->d, &u, &gr, g, x, w);
    else
        fe_dense_s8_update(&s->d, &u, &gr, g, x, w, fe_at(node, s->row));
}

static void run_bias(const fe_node *node, const fe_bias_step *s, const fe_course *course)
{
    fe_update u;
    u.key = 0; /* biases round to nearest */
    u.rate = course->rate;
    u.k = exponents(node)[s->gk];
    fe_step_biases(&u, reals_at(node, s->rate, s->channels), fe_at(node, s->g), s->positions, s->channels,
                   fe_at(node, s->b));
}

void fe_run_step(const fe_node *node, const fe_step *step, const fe_course *course, uint64_t step_key)
{
    const void *s = step;
    switch (step->op) {
    case FE_CONV:
    case FE_DEPTHWISE:
    case FE_DENSE:
        run_layer(node, s);
        break;
    case FE_ADD:
        run_add(node, s);
        break;
    case FE_POOL:
        run_pool(node, s);
        break;
    case FE_MASK:
        fe_mask_s8(((const fe_mask_step *)s)->size, fe_at(node, ((const fe_mask_step *)s)->mask),
                   fe_at(node, ((const fe_mask_step *)s)->g));
        break;
    case FE_GRAD_CONV:
    case FE_GRAD_DEPTHWISE:
    case FE_GRAD_DENSE:
        run_grad(node, s);
        break;
    case FE_GRAD_POOL:
        run_grad_pool(node, s);
        break;
    case FE_GRAD_ADD:
    case FE_COPY:
    case FE_MERGE:
    case FE_BLOCK:
        run_move(node, s);
        break;
    case FE_UPDATE_CONV:
    case FE_UPDATE_DEPTHWISE:
    case FE_UPDATE_DENSE:
        run_update(node, s, course, step_key);
        break;
    case FE_UPDATE_BIAS:
        run_bias(node, s, course);
        break;
    default:
        break; /* fe_check_plan refuses any other */
    }
}

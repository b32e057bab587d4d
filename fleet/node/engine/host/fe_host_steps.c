/* SPDX-License-Identifier: Apache-2.0
 *
 * Which function runs a step: one of the executor's, or the interpreter.
 */
#include "fe_executor.h"

void fe_interpret(const fe_host *h, const fe_host_step *step)
{
    fe_run_step(&h->node, step->plan, h->course, h->key);
}

/* Steps of the way back with gradients in fp32. */
static void prepare_f32(fe_prepare *p, fe_host_step *step)
{
    switch (step->plan->op) {
    case FE_GRAD_CONV:
        fe_prepare_conv_grad_f32(p, step);
        break;
    case FE_GRAD_DEPTHWISE:
        fe_prepare_depthwise_grad_f32(p, step);
        break;
    case FE_UPDATE_CONV:
        fe_prepare_conv_update_f32(p, step);
        break;
    case FE_UPDATE_DEPTHWISE:
        fe_prepare_depthwise_update_f32(p, step);
        break;
    case FE_GRAD_DENSE:
    case FE_UPDATE_DENSE:
    case FE_UPDATE_BIAS:
    case FE_MASK:
        fe_prepare_map_f32(p, step);
        break;
    default:
        break;
    }
}

static void prepare_s8(fe_prepare *p, fe_host_step *step)
{
    switch (step->plan->op) {
    case FE_GRAD_CONV:
        fe_prepare_conv_grad(p, step);
        break;
    case FE_GRAD_DEPTHWISE:
        fe_prepare_depthwise_grad(p, step);
        break;
    case FE_GRAD_DENSE:
        fe_prepare_dense_grad(p, step);
        break;
    case FE_UPDATE_CONV:
        fe_prepare_conv_update(p, step);
        break;
    case FE_UPDATE_DEPTHWISE:
        fe_prepare_depthwise_update(p, step);
        break;
    case FE_UPDATE_DENSE:
        fe_prepare_dense_update(p, step);
        break;
    case FE_UPDATE_BIAS:
        fe_prepare_bias(p, step);
        break;
    case FE_GRAD_POOL:
    case FE_GRAD_AVERAGE_POOL:
        fe_prepare_pool(p, step);
        break;
    case FE_MASK:
    case FE_BLOCK:
    case FE_MERGE:
    case FE_COPY:
        fe_prepare_map(step);
        break;
    default:
        break;
    }
}

void fe_prepare_step(fe_prepare *p, fe_host_step *step)
{
    p->borrowed = p->lent;
    step->run = fe_interpret;
    switch (step->plan->op) {
    case FE_ROWS:
        fe_prepare_rows(p, step);
        break;
    case FE_CHANNELS:
        fe_prepare_channels(p, step);
        break;
    case FE_DEPTHWISE_IN_PLACE:
        fe_prepare_in_place(p, step);
        break;
    case FE_CONV:
        fe_prepare_conv(p, step);
        break;
    case FE_DEPTHWISE:
        fe_prepare_depthwise(p, step);
        break;
    case FE_DENSE:
    case FE_LOGITS:
        fe_prepare_dense(p, step);
        break;
    case FE_ADD:
        fe_prepare_add(step);
        break;
    case FE_POOL:
    case FE_AVERAGE_POOL:
        fe_prepare_pool(p, step);
        break;
    default:
        if (fe_header(p->node)->gradients == FE_FP32)
            prepare_f32(p, step);
        else
            prepare_s8(p, step);
        break;
    }
}

void fe_prepare_inner(fe_prepare *p, fe_host *host, const int32_t *words, int32_t apart)
{
    const fe_prepare outside = *p;
    p->node = &host->node;
    p->lent = p->borrowed;
    for (int32_t i = 0; i < host->count; i++) {
        fe_host_step step = {0};
        step.plan = (const void *)(words + i * apart);
        fe_prepare_step(p, &step);
        if (!fe_counting(p))
            host->steps[i] = step;
    }
    p->node = outside.node;
    p->lent = outside.lent;
}

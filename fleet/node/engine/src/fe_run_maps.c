/* SPDX-License-Identifier: Apache-2.0
 *
 * The plan interpreter's steps of operators without weights.
 */
#include "fe_map_steps.h"

void fe_run_mul(const fe_node *node, const fe_mul_step *s)
{
    fe_mul_s8_forward(&s->d, fe_at(node, s->x), fe_at(node, s->x2), fe_at(node, s->y), fe_at(node, s->mask));
}

void fe_run_window(const fe_node *node, const fe_window_step *s)
{
    if (FE_RUNS(FE_AVERAGE_POOL) && s->step.op == FE_AVERAGE_POOL)
        fe_average_pool_s8_forward(&s->d, fe_at(node, s->x), fe_at(node, s->y), fe_at(node, s->mask));
    else if (FE_RUNS(FE_MAX_POOL))
        fe_max_pool_s8_forward(&s->d, fe_at(node, s->x), fe_at(node, s->y), fe_at(node, s->mask));
}

void fe_run_mean(const fe_node *node, const fe_mean_over_step *s)
{
    fe_mean_s8_forward(&s->d, fe_at(node, s->x), fe_at(node, s->y));
}

void fe_run_moving(const fe_node *node, const fe_moving_step *s)
{
    fe_move_s8_forward(&s->d, fe_at(node, s->x), fe_at(node, s->y));
}

void fe_run_resize(const fe_node *node, const fe_resize_step *s)
{
    fe_resize_s8_forward(&s->d, fe_at(node, s->places), fe_at(node, s->x), fe_at(node, s->y));
}

void fe_run_table(const fe_node *node, const fe_table_step *s)
{
    fe_table_s8_forward(s->size, fe_at(node, s->table), fe_at(node, s->x), fe_at(node, s->y));
}

void fe_run_softmax(const fe_node *node, const fe_softmax_step *s)
{
    const int32_t *exps = fe_at(node, s->exps);
    fe_softmax_s8_forward(s->positions, s->channels, exps, fe_at(node, s->x), fe_at(node, s->y));
}

#if FE_FLOAT
void fe_run_edge(const fe_node *node, const fe_edge_step *s)
{
    if (FE_RUNS(FE_QUANTIZE) && s->step.op == FE_QUANTIZE)
        fe_quantize_f32(&s->d, fe_at(node, s->x), fe_at(node, s->y));
    else if (FE_RUNS(FE_DEQUANTIZE))
        fe_dequantize_f32(&s->d, fe_at(node, s->x), fe_at(node, s->y));
}
#endif

void fe_run_grad_mul(const fe_node *node, const fe_grad_mul_step *s)
{
    fe_operands a = {0};
    a.g = fe_at(node, s->flow.g);
    a.x2 = fe_at(node, s->other);
    fe_backprop(node, &s->flow, fe_mul_s8_grad_place, FE_F32(fe_mul_f32_grad_place), &s->d, &a, s->d.exp);
}

void fe_run_grad_window(const fe_node *node, const fe_grad_window_step *s)
{
    fe_operands a = {0};
    a.g = fe_at(node, s->flow.g);
    a.x = fe_at(node, s->x);
    if (FE_RUNS(FE_GRAD_AVERAGE_POOL) && s->step.op == FE_GRAD_AVERAGE_POOL)
        fe_backprop(node, &s->flow, fe_average_pool_s8_grad_place, FE_F32(fe_average_pool_f32_grad_place), &s->d, &a,
                    s->d.exp);
    else if (FE_RUNS(FE_GRAD_MAX_POOL))
        fe_backprop(node, &s->flow, fe_max_pool_s8_grad_place, FE_F32(fe_max_pool_f32_grad_place), &s->d, &a, 0);
}

void fe_run_grad_mean(const fe_node *node, const fe_grad_mean_step *s)
{
    fe_operands a = {0};
    a.g = fe_at(node, s->flow.g);
    fe_backprop(node, &s->flow, fe_mean_s8_grad_place, FE_F32(fe_mean_f32_grad_place), &s->d, &a, s->d.exp);
}

void fe_run_grad_moving(const fe_node *node, const fe_grad_moving_step *s)
{
    fe_operands a = {0};
    a.g = fe_at(node, s->flow.g);
    fe_backprop(node, &s->flow, fe_move_s8_grad_place, FE_F32(fe_move_f32_grad_place), &s->d, &a, 0);
}

void fe_run_grad_resize(const fe_node *node, const fe_grad_resize_step *s)
{
    fe_operands a = {0};
    a.g = fe_at(node, s->flow.g);
    a.table = fe_at(node, s->places);
    fe_backprop(node, &s->flow, fe_resize_s8_grad_place, FE_F32(fe_resize_f32_grad_place), &s->d, &a, 0);
}

void fe_run_grad_table(const fe_node *node, const fe_grad_table_step *s)
{
    fe_operands a = {0};
    a.g = fe_at(node, s->flow.g);
    a.x = fe_at(node, s->x);
    a.table = fe_at(node, s->slopes);
    fe_backprop(node, &s->flow, fe_table_s8_grad_place, FE_F32(fe_table_f32_grad_place), &s->d, &a, s->d.exp);
}

static void run_forward(const fe_node *node, const fe_step *step)
{
    const void *s = step;
    switch (step->op) {
    case FE_MUL:
        if (FE_RUNS(FE_MUL))
            fe_run_mul(node, s);
        break;
    case FE_AVERAGE_POOL:
    case FE_MAX_POOL:
        if (FE_RUNS(FE_AVERAGE_POOL) || FE_RUNS(FE_MAX_POOL))
            fe_run_window(node, s);
        break;
    case FE_MEAN:
        if (FE_RUNS(FE_MEAN))
            fe_run_mean(node, s);
        break;
    case FE_MOVE:
        if (FE_RUNS(FE_MOVE))
            fe_run_moving(node, s);
        break;
    case FE_RESIZE:
        if (FE_RUNS(FE_RESIZE))
            fe_run_resize(node, s);
        break;
    case FE_TABLE:
        if (FE_RUNS(FE_TABLE))
            fe_run_table(node, s);
        break;
    case FE_SOFTMAX:
        if (FE_RUNS(FE_SOFTMAX))
            fe_run_softmax(node, s);
        break;
#if FE_FLOAT
    case FE_QUANTIZE:
    case FE_DEQUANTIZE:
        if (FE_RUNS(FE_QUANTIZE) || FE_RUNS(FE_DEQUANTIZE))
            fe_run_edge(node, s);
        break;
#endif
    default:
        break; /* fe_check_plan refuses any other */
    }
}

void fe_run_map(const fe_node *node, const fe_step *step)
{
    const void *s = step;
    switch (step->op) {
    case FE_GRAD_MUL:
        if (FE_RUNS(FE_GRAD_MUL))
            fe_run_grad_mul(node, s);
        break;
    case FE_GRAD_AVERAGE_POOL:
    case FE_GRAD_MAX_POOL:
        if (FE_RUNS(FE_GRAD_AVERAGE_POOL) || FE_RUNS(FE_GRAD_MAX_POOL))
            fe_run_grad_window(node, s);
        break;
    case FE_GRAD_MEAN:
        if (FE_RUNS(FE_GRAD_MEAN))
            fe_run_grad_mean(node, s);
        break;
    case FE_GRAD_MOVE:
        if (FE_RUNS(FE_GRAD_MOVE))
            fe_run_grad_moving(node, s);
        break;
    case FE_GRAD_RESIZE:
        if (FE_RUNS(FE_GRAD_RESIZE))
            fe_run_grad_resize(node, s);
        break;
    case FE_GRAD_TABLE:
        if (FE_RUNS(FE_GRAD_TABLE))
            fe_run_grad_table(node, s);
        break;
    default:
        run_forward(node, step);
        break;
    }
}

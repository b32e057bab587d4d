/* SPDX-License-Identifier: Apache-2.0
 *
 * The plan interpreter's steps that change trained values.
 */
#include "fe_conv_s8.h"
#include "fe_dense_s8.h"
#include "fe_depthwise_s8.h"
#include "fe_run.h"

/* What every update of a recipe shares. */
static fe_update update_of(const fe_node *node, const fe_course *course, int32_t velocity, int32_t sum)
{
    const fe_plan *plan = fe_header(node);
    fe_update u = {0};
    u.rate = course->rate;
    u.rule = plan->rule;
    u.momentum = plan->momentum;
    u.velocity = fe_at(node, velocity);
    u.sum = fe_at(node, sum);
    return u;
}

#if FE_FLOAT
static void update_f32(const fe_node *node, const fe_update_step *s, const fe_update *u)
{
    const float *g = fe_at(node, s->g);
    const int8_t *x = fe_at(node, s->x);
    int8_t *w = fe_at(node, s->w);
    if (FE_RUNS(FE_UPDATE_CONV) && s->step.op == FE_UPDATE_CONV)
        fe_conv_f32_update(&s->d, u, g, x, w, fe_at(node, s->row));
    else if (FE_RUNS(FE_UPDATE_DEPTHWISE) && s->step.op == FE_UPDATE_DEPTHWISE)
        fe_depthwise_f32_update(&s->d, u, g, x, w);
    else if (FE_RUNS(FE_UPDATE_DENSE))
        fe_dense_f32_update(&s->d, u, g, x, w, fe_at(node, s->row));
}
#endif

/* Of an int8 gradient; floats have none. */
static int32_t exponent_of(const fe_node *node, int32_t slot)
{
    const int32_t *k = fe_exponents(node);
    return k == 0 ? 0 : k[slot];
}

static void update_s8(const fe_node *node, const fe_update_step *s, const fe_update *u)
{
    const int8_t *g = fe_at(node, s->g), *x = fe_at(node, s->x);
    int8_t *w = fe_at(node, s->w);
    if (FE_RUNS(FE_UPDATE_CONV) && s->step.op == FE_UPDATE_CONV)
        fe_conv_s8_update(&s->d, u, g, x, w, fe_at(node, s->row));
    else if (FE_RUNS(FE_UPDATE_DEPTHWISE) && s->step.op == FE_UPDATE_DEPTHWISE)
        fe_depthwise_s8_update(&s->d, u, g, x, w);
    else if (FE_RUNS(FE_UPDATE_DENSE))
        fe_dense_s8_update(&s->d, u, g, x, w, fe_at(node, s->row));
}

fe_update fe_weights_update(const fe_node *node, const fe_update_step *s, const fe_course *course, uint64_t step_key)
{
    fe_update u = update_of(node, course, s->velocity, s->sum);
    u.rates = fe_reals_at(node, s->rate, s->d.out_c);
    u.key = fe_absorb(step_key, (uint64_t)s->layer);
    u.kept = fe_at(node, s->kept);
    u.k = exponent_of(node, s->gk);
    return u;
}

fe_update fe_bias_update(const fe_node *node, const fe_bias_step *s, const fe_course *course)
{
    fe_update u = update_of(node, course, s->velocity, s->sum);
    u.rates = fe_reals_at(node, s->rate, s->channels);
    u.k = exponent_of(node, s->gk);
    return u;
}

void fe_run_weights(const fe_node *node, const fe_update_step *s, const fe_course *course, uint64_t step_key)
{
    const fe_update u = fe_weights_update(node, s, course, step_key);
#if FE_FLOAT
    if (fe_is_float(node)) {
        update_f32(node, s, &u);
        return;
    }
#endif
    update_s8(node, s, &u);
}

void fe_run_biases(const fe_node *node, const fe_bias_step *s, const fe_course *course)
{
    const fe_update u = fe_bias_update(node, s, course);
#if FE_FLOAT
    if (fe_is_float(node)) {
        fe_step_biases_f32(&u, fe_at(node, s->g), s->positions, s->channels, fe_at(node, s->b));
        return;
    }
#endif
    fe_step_biases(&u, fe_at(node, s->g), s->positions, s->channels, fe_at(node, s->b));
}

void fe_run_apply(const fe_node *node, const fe_apply_step *s, const fe_course *course, uint64_t step_key)
{
    fe_update u = update_of(node, course, s->velocity, s->sum);
    u.key = fe_absorb(step_key, (uint64_t)s->layer);
    u.kept = fe_at(node, s->kept);
    fe_apply_weights(&u, fe_at(node, s->w), s->size);
}

void fe_run_apply_bias(const fe_node *node, const fe_apply_bias_step *s, const fe_course *course)
{
    const fe_update u = update_of(node, course, s->velocity, s->sum);
    fe_apply_biases(&u, fe_at(node, s->b), s->size);
}

void fe_run_update(const fe_node *node, const fe_step *step, const fe_course *course, uint64_t step_key)
{
    const void *s = step;
    switch (step->op) {
    case FE_UPDATE_BIAS:
        if (FE_RUNS(FE_UPDATE_BIAS))
            fe_run_biases(node, s, course);
        break;
    case FE_APPLY:
        if (FE_RUNS(FE_APPLY))
            fe_run_apply(node, s, course, step_key);
        break;
    case FE_APPLY_BIAS:
        if (FE_RUNS(FE_APPLY_BIAS))
            fe_run_apply_bias(node, s, course);
        break;
    default:
        if (FE_RUNS(FE_UPDATE_CONV) || FE_RUNS(FE_UPDATE_DEPTHWISE) || FE_RUNS(FE_UPDATE_DENSE))
            fe_run_weights(node, s, course, step_key);
        break;
    }
}

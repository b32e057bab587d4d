/* SPDX-License-Identifier: Apache-2.0
 *
 * One node: reset, infer, train. The forward pass of a plan ends at its loss; training goes on
 * from there unless the loss has nothing left to say.
 */
#include "fe_float.h"
#include "fe_softmax_ce.h"
#include "fe_squared.h"
#include "fe_steps.h"

static void copy_bytes(const uint8_t *from, uint8_t *to, int32_t count)
{
    for (int32_t i = 0; i < count; i++)
        to[i] = from[i];
}

void fe_reset(const fe_node *node)
{
    const fe_plan *plan = fe_header(node);
    copy_bytes(fe_at(node, plan->first_values), node->state, plan->value_bytes);
    fe_begin(node);
}

void fe_begin(const fe_node *node)
{
    const fe_plan *plan = fe_header(node);
    for (int32_t i = plan->value_bytes; i < plan->state_bytes; i++)
        node->state[i] = 0;
#if FE_FLOAT
    if (plan->rule == FE_LATENT && plan->weights > 0)
        fe_begin_latents((const int8_t *)node->state, (float *)(void *)(node->state + plan->value_bytes),
                         plan->weights);
#endif
}

int8_t *fe_input(const fe_node *node)
{
    if (fe_is_streamed(node))
        return 0;
    return fe_at(node, fe_header(node)->input);
}

void fe_forward(const fe_node *node)
{
    fe_forward_steps(node);
}

/* The node with this input in its place. */
static fe_node given(const fe_node *node, const void *x)
{
    fe_node with = *node;
    if (fe_is_streamed(node))
        with.window = x;
    else
        copy_bytes(x, (uint8_t *)fe_input(node), fe_header(node)->input_bytes);
    return with;
}

const void *fe_infer(const fe_node *node, const void *x)
{
    const fe_node with = given(node, x);
    fe_forward(&with);
    return fe_at(node, fe_header(node)->output);
}

#if FE_FLOAT
/* Float gradients from the whole numbers that a softmax left in their place. Same bytes, one after the other. */
static void to_float(int32_t size, int32_t *g)
{
    for (int32_t i = 0; i < size; i++) {
        union {
            float value;
            int32_t bits;
        } both;
        both.value = (float)g[i] * fe_power_of_two(-15);
        g[i] = both.bits;
    }
}
#endif

/* Softmax and its gradient. Returns 0 when every gradient is 0: the step changes nothing. */
static int32_t run_softmax(const fe_node *node, const fe_loss_step *s, const fe_course *course, int32_t label,
                           uint32_t *p_true)
{
    int32_t *g = fe_at(node, s->acc);
    int32_t any = 0;
    *p_true = fe_softmax_ce(s->classes, fe_at(node, s->logits), course->own, label, g);
    for (int32_t c = 0; c < s->classes; c++)
        any |= g[c];
#if FE_FLOAT
    if (fe_header(node)->gradients == FE_FP32) {
        to_float(s->classes, g);
        return any;
    }
#endif
    fe_exponents(node)[s->k] = 15;
    return any;
}

static int32_t run_squared(const fe_node *node, const fe_squared_step *s, const int8_t *answer, uint32_t *error)
{
    const int8_t *y = fe_at(node, s->y);
#if FE_FLOAT
    if (fe_header(node)->gradients == FE_FP32) {
        *error = fe_squared_f32(s->size, y, answer, fe_float_of((uint32_t)s->factor), fe_at(node, s->acc));
        return *error != 0;
    }
#endif
    *error = fe_squared_s8(s->size, y, answer, s->factor, fe_at(node, s->acc));
    fe_exponents(node)[s->k] = s->exp;
    return *error != 0;
}

int32_t fe_run_loss(const fe_node *node, const fe_course *course, const fe_goal *goal, uint32_t *loss)
{
    const void *s = fe_loss_of(node);
    if (FE_RUNS(FE_LOSS) && goal->answer == 0)
        return run_softmax(node, s, course, goal->label, loss);
    return FE_RUNS(FE_LOSS_SQUARED) ? run_squared(node, s, goal->answer, loss) : 0;
}

int32_t fe_ends_batch(const fe_node *node, const fe_course *course)
{
    return course->step % (uint32_t)fe_header(node)->batch == 0;
}

static void learn(const fe_node *node, fe_course *course, const fe_goal *goal, uint32_t *loss)
{
    const uint64_t key = fe_absorb(course->key, course->step);
    uint32_t value;
    fe_forward(node);
    course->step++;
    if (fe_run_loss(node, course, goal, &value) != 0)
        fe_backward_steps(node, course, key);
    if (fe_ends_batch(node, course))
        fe_batch_steps(node, course, key);
    if (loss != 0)
        *loss = value;
}

void fe_close_batch(const fe_node *node, const fe_course *course)
{
    if (!fe_ends_batch(node, course))
        fe_batch_steps(node, course, fe_absorb(course->key, course->step - 1u));
}

static int32_t loss_code(const fe_node *node)
{
    const fe_step *loss = fe_loss_of(node);
    return loss == 0 ? 0 : loss->op;
}

fe_status fe_check_goal(const fe_node *node, const fe_course *course, const fe_goal *goal)
{
    const int32_t label = goal->label;
    if (loss_code(node) != (goal->answer == 0 ? FE_LOSS : FE_LOSS_SQUARED))
        return FE_BAD_PLAN;
    if (goal->answer == 0 && (label < 0 || label >= fe_header(node)->classes ||
                              (course->own[label >> 3] >> (label & 7) & 1) == 0))
        return FE_BAD_LABEL;
    return FE_OK;
}

static fe_status step_towards(const fe_node *node, fe_course *course, const fe_goal *goal, uint32_t *loss)
{
    const fe_status status = fe_check_goal(node, course, goal);
    if (status == FE_OK)
        learn(node, course, goal, loss);
    return status;
}

fe_status fe_train_step(const fe_node *node, fe_course *course, int32_t label, uint32_t *p_true)
{
    const fe_goal goal = {label, 0};
    return step_towards(node, course, &goal, p_true);
}

fe_status fe_fit_step(const fe_node *node, fe_course *course, const int8_t *answer, uint32_t *error)
{
    const fe_goal goal = {0, answer};
    return step_towards(node, course, &goal, error);
}

fe_status fe_train_part(const fe_node *node, fe_course *course, const int8_t *windows, const uint8_t *labels,
                        const int32_t *order, int32_t count, uint32_t *p_true)
{
    const int32_t bytes = fe_header(node)->input_bytes;
    for (int32_t i = 0; i < count; i++) {
        const fe_node with = given(node, windows + (intptr_t)order[i] * bytes);
        const fe_status status = fe_train_step(&with, course, labels[order[i]], p_true == 0 ? 0 : p_true + i);
        if (status != FE_OK)
            return status;
    }
    return FE_OK;
}

fe_status fe_train(const fe_node *node, fe_course *course, const int8_t *windows, const uint8_t *labels,
                   const int32_t *order, int32_t count, uint32_t *p_true)
{
    const fe_status status = fe_train_part(node, course, windows, labels, order, count, p_true);
    if (status == FE_OK && count > 0)
        fe_close_batch(node, course);
    return status;
}

fe_status fe_fit_part(const fe_node *node, fe_course *course, const int8_t *windows, const int8_t *answers,
                      const int32_t *order, int32_t count, uint32_t *errors)
{
    const fe_plan *plan = fe_header(node);
    for (int32_t i = 0; i < count; i++) {
        const fe_node with = given(node, windows + (intptr_t)order[i] * plan->input_bytes);
        const fe_status status = fe_fit_step(&with, course, answers + (intptr_t)order[i] * plan->output_bytes,
                                             errors == 0 ? 0 : errors + i);
        if (status != FE_OK)
            return status;
    }
    return FE_OK;
}

fe_status fe_fit(const fe_node *node, fe_course *course, const int8_t *windows, const int8_t *answers,
                 const int32_t *order, int32_t count, uint32_t *errors)
{
    const fe_status status = fe_fit_part(node, course, windows, answers, order, count, errors);
    if (status == FE_OK && count > 0)
        fe_close_batch(node, course);
    return status;
}

void fe_infer_many(const fe_node *node, const int8_t *windows, int32_t count, void *outputs)
{
    const fe_plan *plan = fe_header(node);
    uint8_t *to = outputs;
    for (int32_t i = 0; i < count; i++, windows += plan->input_bytes, to += plan->output_bytes)
        copy_bytes(fe_infer(node, windows), to, plan->output_bytes);
}

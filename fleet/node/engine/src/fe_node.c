/* SPDX-License-Identifier: Apache-2.0
 *
 * One node: reset, infer, train. The forward pass of a plan ends at its loss; training goes on
 * from there unless the loss has nothing left to say.
 */
#include "fe_plan.h"
#include "fe_softmax_ce.h"

static const fe_step *next_step(const fe_step *step)
{
    return (const fe_step *)(const void *)((const int32_t *)(const void *)step + step->words);
}

static const fe_step *step_at(const fe_node *node, int32_t word)
{
    return (const fe_step *)(const void *)(node->plan + word);
}

static void copy_bytes(const uint8_t *from, uint8_t *to, int32_t count)
{
    for (int32_t i = 0; i < count; i++)
        to[i] = from[i];
}

void fe_reset(const fe_node *node)
{
    const fe_plan *plan = fe_header(node);
    copy_bytes(fe_at(node, plan->first_values), node->state, plan->state_bytes);
}

int8_t *fe_input(const fe_node *node)
{
    return fe_at(node, fe_header(node)->input);
}

static void forward(const fe_node *node)
{
    const fe_step *loss = step_at(node, fe_header(node)->loss_word);
    const fe_step *s = step_at(node, (int32_t)(sizeof(fe_plan) / sizeof(int32_t)));
    for (; s != loss; s = next_step(s))
        fe_run_step(node, s, 0, 0);
}

static void load_input(const fe_node *node, const int8_t *x)
{
    copy_bytes((const uint8_t *)x, (uint8_t *)fe_input(node), fe_header(node)->input_bytes);
}

const int16_t *fe_infer(const fe_node *node, const int8_t *x)
{
    load_input(node, x);
    forward(node);
    return fe_at(node, fe_header(node)->logits);
}

/* Loss and its gradient. Returns 0 when every gradient is 0: the step changes nothing. */
static int32_t run_loss(const fe_node *node, const fe_course *course, int32_t label, uint32_t *p_true)
{
    const fe_loss_step *s = (const void *)step_at(node, fe_header(node)->loss_word);
    int32_t *g = fe_at(node, s->acc);
    int32_t *k = fe_at(node, fe_header(node)->exponents);
    int32_t any = 0;
    const uint32_t p = fe_softmax_ce(s->classes, fe_at(node, s->logits), course->own, label, g);
    if (p_true != 0)
        *p_true = p;
    for (int32_t c = 0; c < s->classes; c++)
        any |= g[c];
    k[s->k] = 15;
    return any;
}

fe_status fe_train_step(const fe_node *node, fe_course *course, int32_t label, uint32_t *p_true)
{
    const fe_plan *plan = fe_header(node);
    const int32_t *end = node->plan + plan->words;
    const uint64_t key = fe_absorb(course->key, course->step);
    const fe_step *s = step_at(node, plan->loss_word);
    if (label < 0 || label >= plan->classes || (course->own[label >> 3] >> (label & 7) & 1) == 0)
        return FE_BAD_LABEL;
    forward(node);
    course->step++;
    if (run_loss(node, course, label, p_true) == 0)
        return FE_OK;
    for (s = next_step(s); (const int32_t *)(const void *)s != end; s = next_step(s))
        fe_run_step(node, s, course, key);
    return FE_OK;
}

fe_status fe_train(const fe_node *node, fe_course *course, const int8_t *windows, const uint8_t *labels,
                   const int32_t *order, int32_t count, uint32_t *p_true)
{
    const int32_t bytes = fe_header(node)->input_bytes;
    for (int32_t i = 0; i < count; i++) {
        fe_status status;
        load_input(node, windows + order[i] * bytes);
        status = fe_train_step(node, course, labels[order[i]], p_true == 0 ? 0 : p_true + i);
        if (status != FE_OK)
            return status;
    }
    return FE_OK;
}

void fe_infer_many(const fe_node *node, const int8_t *windows, int32_t count, int16_t *logits)
{
    const fe_plan *plan = fe_header(node);
    for (int32_t i = 0; i < count; i++) {
        const int16_t *z = fe_infer(node, windows + i * plan->input_bytes);
        for (int32_t c = 0; c < plan->classes; c++)
            logits[i * plan->classes + c] = z[c];
    }
}

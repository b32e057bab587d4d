/* SPDX-License-Identifier: Apache-2.0
 *
 * The passes of a plan: its steps from one word to another. A static project has its own, generated ones.
 */
#include "fe_steps.h"

#if !FE_PROFILE_STATIC

/* A group's steps belong to it. */
static const fe_step *next_step(const fe_step *step)
{
    for (int32_t inner = fe_inner_steps(step); inner > 0; inner--)
        step = fe_following(step);
    return fe_following(step);
}

static const fe_step *step_at(const fe_node *node, int32_t word)
{
    return (const fe_step *)(const void *)(node->plan + word);
}

static void run(const fe_node *node, int32_t from, int32_t to, const fe_course *course, uint64_t key)
{
    const fe_step *end = step_at(node, to);
    for (const fe_step *s = step_at(node, from); s != end; s = next_step(s))
        fe_run_step(node, s, course, key);
}

void fe_forward_steps(const fe_node *node)
{
    run(node, (int32_t)(sizeof(fe_plan) / sizeof(int32_t)), fe_header(node)->loss_word, 0, 0);
}

void fe_backward_steps(const fe_node *node, const fe_course *course, uint64_t key)
{
    const fe_plan *plan = fe_header(node);
    run(node, plan->loss_word + step_at(node, plan->loss_word)->words, plan->apply_word, course, key);
}

void fe_batch_steps(const fe_node *node, const fe_course *course, uint64_t key)
{
    run(node, fe_header(node)->apply_word, fe_header(node)->words, course, key);
}

const fe_step *fe_loss_of(const fe_node *node)
{
    const fe_plan *plan = fe_header(node);
    return plan->loss_word == plan->words ? 0 : step_at(node, plan->loss_word);
}

#endif

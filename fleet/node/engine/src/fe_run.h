/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FE_RUN_H
#define FE_RUN_H

#include "fe_plan.h"

fe_weights fe_weights_at(const fe_node *node, int32_t trained, int32_t frozen);
fe_reals fe_reals_at(const fe_node *node, int32_t ref, int32_t count);

/* What a step is to learn: a class, or an answer s8 of the output's size. */
typedef struct {
    int32_t label;
    const int8_t *answer;
} fe_goal;

/* Whether the plan has a loss for this goal, and the course its class. */
fe_status fe_check_goal(const fe_node *node, const fe_course *course, const fe_goal *goal);

/* The loss of the maps in place, and its gradient. 0: every gradient is 0. */
int32_t fe_run_loss(const fe_node *node, const fe_course *course, const fe_goal *goal, uint32_t *loss);

/* Whether the last step was the last one of a batch. */
int32_t fe_ends_batch(const fe_node *node, const fe_course *course);

/* What an update of weights or biases is about. */
fe_update fe_weights_update(const fe_node *node, const fe_update_step *s, const fe_course *course, uint64_t step_key);
fe_update fe_bias_update(const fe_node *node, const fe_bias_step *s, const fe_course *course);

/* A step of a training pass that changes trained values. */
void fe_run_update(const fe_node *node, const fe_step *step, const fe_course *course, uint64_t step_key);

#endif

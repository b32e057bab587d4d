/* SPDX-License-Identifier: Apache-2.0
 *
 * The passes of a node, and its steps by their structs. A plan's passes go through its words (fe_pass.c); those of a
 * static project are generated calls of the functions below, in data/steps.c.
 */
#ifndef FE_STEPS_H
#define FE_STEPS_H

#include "fe_channels.h"
#include "fe_map_steps.h"
#include "fe_rows.h"
#include "fe_run.h"

/* All steps before the loss; those behind it; those that end a batch. key: of this training step. */
void fe_forward_steps(const fe_node *node);
void fe_backward_steps(const fe_node *node, const fe_course *course, uint64_t key);
void fe_batch_steps(const fe_node *node, const fe_course *course, uint64_t key);

/* A fe_loss_step or fe_squared_step; NULL where nothing trains. */
const fe_step *fe_loss_of(const fe_node *node);

/* Forward, operators with weights and what goes with them: fe_run.c. */
void fe_run_layer(const fe_node *node, const fe_layer_step *s);
void fe_run_in_place(const fe_node *node, const fe_in_place_step *s);
void fe_run_add(const fe_node *node, const fe_add_step *s);
void fe_run_pool(const fe_node *node, const fe_pool_step *s);

/* Backward: fe_run.c. */
void fe_run_mask(const fe_node *node, const fe_mask_step *s);
void fe_run_grad(const fe_node *node, const fe_grad_step *s);
void fe_run_grad_pool(const fe_node *node, const fe_grad_pool_step *s);
void fe_run_grad_add(const fe_node *node, const fe_grad_add_step *s);
void fe_run_move(const fe_node *node, const fe_move_step *s);

/* Operators without weights: fe_run_maps.c. */
void fe_run_mul(const fe_node *node, const fe_mul_step *s);
void fe_run_window(const fe_node *node, const fe_window_step *s);
void fe_run_mean(const fe_node *node, const fe_mean_over_step *s);
void fe_run_moving(const fe_node *node, const fe_moving_step *s);
void fe_run_resize(const fe_node *node, const fe_resize_step *s);
void fe_run_table(const fe_node *node, const fe_table_step *s);
void fe_run_softmax(const fe_node *node, const fe_softmax_step *s);
#if FE_FLOAT
void fe_run_edge(const fe_node *node, const fe_edge_step *s);
#endif
void fe_run_grad_mul(const fe_node *node, const fe_grad_mul_step *s);
void fe_run_grad_window(const fe_node *node, const fe_grad_window_step *s);
void fe_run_grad_mean(const fe_node *node, const fe_grad_mean_step *s);
void fe_run_grad_moving(const fe_node *node, const fe_grad_moving_step *s);
void fe_run_grad_resize(const fe_node *node, const fe_grad_resize_step *s);
void fe_run_grad_table(const fe_node *node, const fe_grad_table_step *s);

/* What changes trained values: fe_run_update.c. */
void fe_run_weights(const fe_node *node, const fe_update_step *s, const fe_course *course, uint64_t step_key);
void fe_run_biases(const fe_node *node, const fe_bias_step *s, const fe_course *course);
void fe_run_apply(const fe_node *node, const fe_apply_step *s, const fe_course *course, uint64_t step_key);
void fe_run_apply_bias(const fe_node *node, const fe_apply_bias_step *s, const fe_course *course);

#endif

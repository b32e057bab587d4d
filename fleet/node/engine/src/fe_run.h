/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FE_RUN_H
#define FE_RUN_H

#include "fe_plan.h"

fe_weights fe_weights_at(const fe_node *node, int32_t trained, int32_t frozen);
fe_reals fe_reals_at(const fe_node *node, int32_t ref, int32_t count);

/* A step of a training pass that changes trained values. */
void fe_run_update(const fe_node *node, const fe_step *step, const fe_course *course, uint64_t step_key);

#endif

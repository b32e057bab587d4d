/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FE_ROWS_H
#define FE_ROWS_H

#include "fe_plan.h"

/* All rows of every step of a group. */
void fe_run_rows(const fe_node *node, const fe_rows_step *s);

/* Whether a group that is in form can run: steps that know rows, each reading what the one it names makes, in windows
 * with room for every row as it comes. */
int fe_rows_fit(const fe_plan *p, const fe_rows_step *s);

#endif

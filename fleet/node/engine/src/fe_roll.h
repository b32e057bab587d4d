/* SPDX-License-Identifier: Apache-2.0
 *
 * A group of rows while it runs: which rows are there, and what each step reads next.
 */
#ifndef FE_ROLL_H
#define FE_ROLL_H

#include "fe_map_steps.h"

/* Of each step: rows made; the lowest row that anybody still reads. */
typedef struct {
    const fe_rows_step *s;
    int16_t made[FE_GROUP_MOST], low[FE_GROUP_MOST];
} fe_roll;

/* How a step goes down its maps: rows, and bytes of a row. */
typedef struct {
    int32_t in_h, in_line, out_h, out_line;
    int32_t taps, stride, pad;
} fe_slope;

/* A step that makes one row. */
typedef union {
    fe_step step;
    fe_layer_step layer;
    fe_add_step add;
    fe_window_step window;
    fe_moving_step move;
    int32_t words[sizeof(fe_layer_step) / sizeof(int32_t)];
} fe_row_step;

/* Words of such a step: x, then x2 of an Add, then y, then the mask of any but a move. */
enum { FE_ROW_X = 2 };

static inline int32_t fe_row_y(const fe_step *step)
{
    return step->op == FE_ADD ? FE_ROW_X + 2 : FE_ROW_X + 1;
}

static inline const fe_step *fe_roll_step(const fe_roll *r, int32_t i)
{
    const fe_step *step = fe_following(&r->s->step); /* walked to: where each lies would be stack that no group has */
    while (i-- > 0)
        step = fe_following(step);
    return step;
}

static inline const fe_row_form *fe_roll_forms(const fe_roll *r)
{
    return (const fe_row_form *)(const void *)(r->s + 1);
}

static inline int32_t fe_least(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

/* A window's rows: those made, less those below low. */
static inline int32_t fe_rows_held(const fe_roll *r, int32_t i)
{
    return r->made[i] - fe_least(r->low[i], r->made[i]);
}

void fe_begin_roll(const fe_rows_step *s, fe_roll *r);

/* The geometry of a convolution, a depthwise layer or a pool. */
const fe_geometry *fe_row_geometry(const fe_step *step);

void fe_slope_of(const fe_step *step, fe_slope *to);

/* The lowest row that the next row of a step reads, and the end of those it reads. */
fe_span fe_next_reads(const fe_roll *r, int32_t i);

/* The step that makes the next row of step i, `place` rows into its output, of the rows that are there. */
void fe_lay_row(const fe_roll *r, int32_t i, int32_t place, fe_row_step *to);

/* Every row of every step. node: NULL only counts. 0: a window has no room for its next row. */
int fe_roll_all(const fe_node *node, fe_roll *r);

#endif

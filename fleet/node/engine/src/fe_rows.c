/* SPDX-License-Identifier: Apache-2.0
 *
 * Steps forward that run together, row by row: what lies between them exists only as far as somebody still reads it.
 * A window holds rows low, low + 1, ... of its map from its first byte on.
 */
#include "fe_rows.h"

#include "fe_lanes.h"
#include "fe_roll.h"

/* Bytes from `by` on to the beginning. */
static void move_down(int8_t *to, int32_t by, int32_t count)
{
    int32_t b = 0;
#if FE_PAIRS
    for (; by >= 4 && b + 4 <= count; b += 4) {
        const int32_t word = fe_load4(to + by + b);
        __builtin_memcpy(to + b, &word, sizeof word);
    }
#endif
    for (; b < count; b++)
        to[b] = to[b + by];
}

/* Rows of a step's output. Apart, so that what it needs is not on the stack while a row is made. */
FE_ALONE int32_t rows_of(const fe_roll *r, int32_t i)
{
    fe_slope d;
    fe_slope_of(fe_roll_step(r, i), &d);
    return d.out_h;
}

/* Drops rows that no step reads any more. Moves have read a row as soon as it is there. */
static void drop(const fe_node *node, fe_roll *r, int32_t i)
{
    const fe_step *step = fe_roll_step(r, i);
    const int32_t held = fe_rows_held(r, i);
    int32_t low = INT16_MAX, gone;
    for (int32_t j = i + 1; j < r->s->count; j++)
        if ((fe_roll_forms(r)[j].x_from == i || fe_roll_forms(r)[j].x2_from == i) && fe_roll_step(r, j)->op != FE_MOVE)
            low = fe_least(low, fe_next_reads(r, j).first);
    r->low[i] = (int16_t)low;
    gone = held - fe_rows_held(r, i);
    if (node != 0 && gone > 0) {
        int8_t *to = fe_at(node, ((const int32_t *)(const void *)step)[fe_row_y(step)]);
        fe_slope d;
        fe_slope_of(step, &d);
        move_down(to, gone * d.out_line, (held - gone) * d.out_line);
    }
}

/* The next row of a step. 0: its window has no room for it. */
static int make(const fe_node *node, fe_roll *r, int32_t i)
{
    const int32_t rows = fe_roll_forms(r)[i].rows, place = rows > 0 ? fe_rows_held(r, i) : r->made[i];
    fe_row_step step;
    if (rows > 0 && place >= rows)
        return 0;
    if (node != 0) {
        fe_lay_row(r, i, place, &step);
        fe_run_operator(node, &step.step);
    }
    r->made[i]++;
    return 1;
}

/* From a step up to one that lacks nothing for its next row. */
FE_ALONE int32_t ready(const fe_roll *r, int32_t i)
{
    for (;;) {
        const int32_t x = fe_roll_forms(r)[i].x_from, x2 = fe_roll_forms(r)[i].x2_from, end = fe_next_reads(r, i).end;
        if (x >= 0 && r->made[x] < end)
            i = x;
        else if (x2 >= 0 && r->made[x2] < end)
            i = x2;
        else
            return i;
    }
}

static void drop_read(const fe_node *node, fe_roll *r, int32_t from)
{
    if (from >= 0 && fe_roll_forms(r)[from].rows > 0)
        drop(node, r, from);
}

/* One row, the moves that read it, and what is dropped then. */
static int advance(const fe_node *node, fe_roll *r, int32_t i)
{
    int room = make(node, r, i);
    for (int32_t j = i + 1; j < r->s->count; j++)
        if (fe_roll_forms(r)[j].x_from == i && fe_roll_step(r, j)->op == FE_MOVE)
            room &= make(node, r, j);
    drop_read(node, r, fe_roll_forms(r)[i].x_from);
    drop_read(node, r, fe_roll_forms(r)[i].x2_from);
    return room;
}

int fe_roll_all(const fe_node *node, fe_roll *r)
{
    for (int32_t i = r->s->count - 1; i >= 0; i--)
        while (r->made[i] < rows_of(r, i))
            if (!advance(node, r, ready(r, i)))
                return 0;
    return 1;
}

void fe_run_rows(const fe_node *node, const fe_rows_step *s)
{
    fe_roll r;
    fe_begin_roll(s, &r);
    fe_roll_all(node, &r);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * What a group of rows reads next, and the step that makes one row of a map: the ordinary step, on the rows there as if
 * they were the whole map.
 */
#include "fe_roll.h"

void fe_begin_roll(const fe_rows_step *s, fe_roll *r)
{
    r->s = s;
    for (int32_t i = 0; i < s->count; i++)
        r->made[i] = r->low[i] = 0;
}

static int is_pool(const fe_step *step)
{
    return step->op == FE_AVERAGE_POOL || step->op == FE_MAX_POOL;
}

const fe_geometry *fe_row_geometry(const fe_step *step)
{
    const void *s = step;
    return is_pool(step) ? &((const fe_window_step *)s)->d : &((const fe_layer_step *)s)->d;
}

void fe_slope_of(const fe_step *step, fe_slope *to)
{
    const void *s = step;
    if (step->op == FE_ADD) {
        const fe_pair *p = &((const fe_add_step *)s)->d.p;
        *to = (fe_slope){p->h, p->x_h, p->h, p->w * p->c, 1, 1, 0};
    } else if (step->op == FE_MOVE) {
        const fe_move *d = &((const fe_moving_step *)s)->d;
        *to = (fe_slope){d->h, d->x_h, d->h, d->y_h, 1, 1, 0};
    } else {
        const fe_geometry *d = fe_row_geometry(step);
        const int32_t in_line = d->in_w * d->in_c, out_line = d->out_w * d->out_c;
        *to = (fe_slope){d->in_h, in_line, d->out_h, out_line, d->k_h, d->stride_h, d->pad_top};
    }
}

fe_span fe_next_reads(const fe_roll *r, int32_t i)
{
    fe_slope d;
    fe_span span;
    fe_slope_of(fe_roll_step(r, i), &d);
    span.first = span.end = d.in_h;
    if (r->made[i] < d.out_h) {
        const int32_t first = r->made[i] * d.stride - d.pad, end = first + d.taps;
        span.first = first < 0 ? 0 : fe_least(first, d.in_h);
        span.end = end < span.first ? span.first : fe_least(end, d.in_h);
    }
    return span;
}

/* Bytes from the beginning of what a step reads to a row of it. */
static int32_t bytes_to(const fe_roll *r, int32_t from, int32_t row, int32_t line)
{
    const int32_t low = from >= 0 && fe_roll_forms(r)[from].rows > 0 ? r->low[from] : 0;
    return row > low ? (row - low) * line : 0;
}

/* Rows of the map that lie above `first` become padding. */
static void lay_window(const fe_slope *d, fe_span rows, int32_t row, fe_geometry *to)
{
    const int32_t above = rows.first - (row * d->stride - d->pad);
    to->in_h = rows.end - rows.first;
    to->out_h = 1;
    to->pad_top = above > 0 ? above : 0;
}

void fe_lay_row(const fe_roll *r, int32_t i, int32_t place, fe_row_step *to)
{
    const fe_step *step = fe_roll_step(r, i);
    const fe_span rows = fe_next_reads(r, i);
    const int32_t y = fe_row_y(step);
    fe_slope d;
    fe_slope_of(step, &d);
    for (int32_t w = 0; w < step->words; w++)
        to->words[w] = ((const int32_t *)(const void *)step)[w];
    to->words[FE_ROW_X] += bytes_to(r, fe_roll_forms(r)[i].x_from, rows.first, d.in_line);
    to->words[y] += place * d.out_line;
    if (step->op != FE_MOVE && to->words[y + 1] != 0)
        to->words[y + 1] += r->made[i] * d.out_line / 8;
    if (step->op == FE_ADD) {
        to->words[FE_ROW_X + 1] += bytes_to(r, fe_roll_forms(r)[i].x2_from, rows.first, d.in_line);
        to->add.d.p.h = 1;
    } else if (step->op == FE_MOVE) {
        to->move.d.h = 1;
    } else {
        lay_window(&d, rows, r->made[i], is_pool(step) ? &to->window.d : &to->layer.d);
    }
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a group of rows can run: what a plan could say wrong about it.
 */
#include "fe_roll.h"
#include "fe_rows.h"

enum { MOST_BYTES = 0x0FFFFFFF };

/* A map of these sides has an address for each of its bytes. */
static int is_map(int32_t h, int32_t w, int32_t c)
{
    return fe_is_group_side(h) && fe_is_group_side(w) && c >= 1 && c <= MOST_BYTES / w / h;
}

/* Sums of two maps of one shape. */
static int adds(const fe_pair *p)
{
    const int32_t line = is_map(p->h, p->w, p->c) ? p->w * p->c : 0;
    return line > 0 && p->x_h == line && p->x2_h == line && p->x_w == p->c && p->x2_w == p->c && p->x_c == 1 &&
           p->x2_c == 1;
}

/* The first c of more channels. */
static int slices(const fe_move *d)
{
    return is_map(d->h, d->w, d->c) && is_map(d->h, d->w, d->x_w) && d->c <= d->x_w && d->x_h == d->w * d->x_w &&
           d->y_w == d->c && d->y_h == d->w * d->c && d->x_c == 1 && d->y_c == 1 && d->x_at == 0 && d->y_at == 0 &&
           d->fill == 0;
}

static int rolls(const fe_geometry *d)
{
    return is_map(d->in_h, d->in_w, d->in_c) && is_map(d->out_h, d->out_w, d->out_c) && fe_is_group_side(d->k_h) &&
           fe_is_group_side(d->stride_h) && (d->pad_top == 0 || fe_is_group_side(d->pad_top));
}

static int knows_rows(const fe_step *step)
{
    const void *s = step;
    switch (step->op) {
    case FE_ADD:
        return adds(&((const fe_add_step *)s)->d.p);
    case FE_MOVE:
        return slices(&((const fe_moving_step *)s)->d);
    case FE_CONV:
    case FE_DEPTHWISE:
    case FE_AVERAGE_POOL:
    case FE_MAX_POOL:
        return rolls(fe_row_geometry(step));
    default:
        return 0;
    }
}

/* What a step reads at `x` is made there by an earlier one with the same sides, or lies outside. A move reads a step's. */
static int follows(const fe_roll *r, int32_t i, int32_t from, int32_t x, const fe_slope *d)
{
    const fe_step *step = fe_roll_step(r, i), *maker;
    fe_slope source;
    if (from == -1)
        return step->op != FE_MOVE;
    if (from < 0 || from >= i || fe_roll_step(r, from)->op == FE_MOVE)
        return 0;
    maker = fe_roll_step(r, from);
    fe_slope_of(maker, &source);
    return source.out_h == d->in_h && source.out_line == d->in_line &&
           ((const int32_t *)(const void *)step)[x] == ((const int32_t *)(const void *)maker)[fe_row_y(maker)];
}

/* Output and mask lie in the arena with all their rows, and rows of a mask begin with a byte. */
static int has_places(const fe_plan *p, const fe_step *step, int32_t rows, const fe_slope *d)
{
    const int32_t *words = (const int32_t *)(const void *)step, y = fe_row_y(step);
    if (words[FE_ROW_X] == 0 || words[y - 1] == 0 || rows < 0 || rows > d->out_h)
        return 0;
    if (step->op == FE_MOVE && rows != 0)
        return 0;
    if (step->op != FE_MOVE && words[y + 1] != 0 &&
        (d->out_line % 8 != 0 || !fe_lies_in_arena(p, words[y + 1], d->out_h * d->out_line / 8)))
        return 0;
    return fe_lies_in_arena(p, words[y], (rows > 0 ? rows : d->out_h) * d->out_line);
}

int fe_rows_fit(const fe_plan *p, const fe_rows_step *s)
{
    fe_roll r;
    fe_begin_roll(s, &r);
    for (int32_t i = 0; i < s->count; i++) {
        const fe_step *step = fe_roll_step(&r, i);
        const fe_row_form *form = &fe_roll_forms(&r)[i];
        fe_slope d;
        if (!knows_rows(step))
            return 0;
        fe_slope_of(step, &d);
        if (!follows(&r, i, form->x_from, FE_ROW_X, &d) || !has_places(p, step, form->rows, &d))
            return 0;
        if (step->op == FE_ADD ? !follows(&r, i, form->x2_from, FE_ROW_X + 1, &d) : form->x2_from != -1)
            return 0;
    }
    return fe_roll_all(0, &r);
}

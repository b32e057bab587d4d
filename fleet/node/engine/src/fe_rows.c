/* SPDX-License-Identifier: Apache-2.0
 *
 * Steps forward that run together, row by row: what lies between them exists only as far as somebody still reads it.
 *
 * A window holds rows low, low + 1, ... of its map from its first byte on. A step's row is made by the ordinary function
 * of its operator, on the rows there as if they were the whole map. Then what nobody reads any more is dropped.
 */
#include "fe_rows.h"

#include "fe_map_steps.h"

typedef struct {
    const fe_rows_step *s;
    const fe_row_form *form;
    uint16_t at[FE_GROUP_MOST];                    /* words from s to each step */
    int16_t made[FE_GROUP_MOST], low[FE_GROUP_MOST]; /* rows there, less those below low */
} fe_roll;

/* How a step goes down its maps: rows, and bytes of a row. */
typedef struct {
    int32_t in_h, in_line, out_h, out_line;
    int32_t taps, stride, pad;
} fe_slope;

/* A step with other places and heights. */
typedef union {
    fe_step step;
    fe_layer_step layer;
    fe_add_step add;
    fe_window_step window;
    fe_moving_step move;
    int32_t words[sizeof(fe_layer_step) / sizeof(int32_t)];
} fe_row_step;

static const fe_step *step_of(const fe_roll *r, int32_t i)
{
    return (const fe_step *)(const void *)((const int32_t *)(const void *)r->s + r->at[i]);
}

static fe_roll roll_of(const fe_rows_step *s)
{
    fe_roll r;
    int32_t at = s->step.words;
    r.s = s;
    r.form = (const fe_row_form *)(const void *)(s + 1);
    for (int32_t i = 0; i < s->count; i++) {
        r.at[i] = (uint16_t)at;
        r.made[i] = r.low[i] = 0;
        at += step_of(&r, i)->words;
    }
    return r;
}

static int is_window(int32_t op)
{
    return op == FE_AVERAGE_POOL || op == FE_MAX_POOL;
}

static const fe_geometry *geometry_of(const fe_step *step)
{
    const void *s = step;
    return is_window(step->op) ? &((const fe_window_step *)s)->d : &((const fe_layer_step *)s)->d;
}

static fe_slope slope_of(const fe_step *step)
{
    const void *s = step;
    if (step->op == FE_ADD) {
        const fe_pair *p = &((const fe_add_step *)s)->d.p;
        return (fe_slope){p->h, p->x_h, p->h, p->w * p->c, 1, 1, 0};
    } else if (step->op == FE_MOVE) {
        const fe_move *d = &((const fe_moving_step *)s)->d;
        return (fe_slope){d->h, d->x_h, d->h, d->y_h, 1, 1, 0};
    } else {
        const fe_geometry *d = geometry_of(step);
        const int32_t in_line = d->in_w * d->in_c, out_line = d->out_w * d->out_c;
        return (fe_slope){d->in_h, in_line, d->out_h, out_line, d->k_h, d->stride_h, d->pad_top};
    }
}

static int32_t least(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

/* The lowest row that the next row of a step reads, and the end of those it reads. */
static fe_span reads(const fe_roll *r, int32_t i)
{
    const fe_slope d = slope_of(step_of(r, i));
    const int32_t first = r->made[i] * d.stride - d.pad, end = first + d.taps;
    fe_span span = {d.in_h, d.in_h};
    if (r->made[i] < d.out_h) {
        span.first = first < 0 ? 0 : least(first, d.in_h);
        span.end = end < span.first ? span.first : least(end, d.in_h);
    }
    return span;
}

/* Drops rows that no step reads any more. Moves read a row as soon as it is there. */
static void drop(const fe_node *node, fe_roll *r, int32_t i)
{
    const int32_t line = slope_of(step_of(r, i)).out_line, made = r->made[i];
    int32_t low = slope_of(step_of(r, i)).out_h, from;
    for (int32_t j = i + 1; j < r->s->count; j++)
        if ((r->form[j].x_from == i || r->form[j].x2_from == i) && step_of(r, j)->op != FE_MOVE)
            low = least(low, reads(r, j).first);
    from = least(low, made) - least(r->low[i], made);
    if (node != 0 && from > 0) {
        const int32_t *words = (const int32_t *)(const void *)step_of(r, i);
        int8_t *to = fe_at(node, words[words[0] == FE_ADD ? 4 : 3]);
        for (int32_t b = 0; b < (made - least(low, made)) * line; b++)
            to[b] = to[b + from * line];
    }
    r->low[i] = (int16_t)low;
}

/* Bytes from the beginning of what step i reads, x or x2, to a row of it. */
static int32_t bytes_to(const fe_roll *r, int32_t from, int32_t row, int32_t line)
{
    const int32_t low = from >= 0 && r->form[from].rows > 0 ? r->low[from] : 0;
    return row > low ? (row - low) * line : 0;
}

/* Row made[i] of a step; its place lies `place` rows into its output. */
static void run_row(const fe_node *node, const fe_roll *r, int32_t i, int32_t place)
{
    const fe_step *step = step_of(r, i);
    const fe_slope d = slope_of(step);
    const fe_span span = reads(r, i);
    const int32_t above = r->made[i] * d.stride - d.pad, is_add = step->op == FE_ADD;
    fe_row_step s;
    for (int32_t w = 0; w < step->words; w++)
        s.words[w] = ((const int32_t *)(const void *)step)[w];
    s.words[2] += bytes_to(r, r->form[i].x_from, span.first, d.in_line);
    s.words[3 + is_add] += place * d.out_line;
    if (is_add) {
        s.words[3] += bytes_to(r, r->form[i].x2_from, span.first, d.in_line);
        s.add.d.p.h = 1;
    }
    if (step->op == FE_MOVE) {
        s.move.d.h = 1;
    } else {
        s.words[4 + is_add] += s.words[4 + is_add] != 0 ? r->made[i] * d.out_line / 8 : 0;
        if (!is_add) {
            fe_geometry *g = is_window(step->op) ? &s.window.d : &s.layer.d;
            g->in_h = span.end - span.first;
            g->out_h = 1;
            g->pad_top = above < span.first ? span.first - above : 0;
        }
    }
    fe_run_operator(node, &s.step);
}

/* The next row of a step. 0: its window has no room for it. */
static int make(const fe_node *node, fe_roll *r, int32_t i)
{
    const int32_t rows = r->form[i].rows, made = r->made[i];
    const int32_t place = rows > 0 ? made - least(r->low[i], made) : made;
    if (rows > 0 && place >= rows)
        return 0;
    if (node != 0)
        run_row(node, r, i, place);
    r->made[i]++;
    return 1;
}

/* From a step up to one that lacks nothing for its next row. */
static int32_t ready(const fe_roll *r, int32_t i)
{
    for (;;) {
        const int32_t x = r->form[i].x_from, x2 = r->form[i].x2_from, end = reads(r, i).end;
        if (x >= 0 && r->made[x] < end)
            i = x;
        else if (x2 >= 0 && r->made[x2] < end)
            i = x2;
        else
            return i;
    }
}

/* One row, the moves that read it, and what is dropped then. */
static int advance(const fe_node *node, fe_roll *r, int32_t i)
{
    const int32_t x = r->form[i].x_from, x2 = r->form[i].x2_from;
    int room = make(node, r, i);
    for (int32_t j = i + 1; j < r->s->count; j++)
        if (r->form[j].x_from == i && step_of(r, j)->op == FE_MOVE)
            room &= make(node, r, j);
    if (x >= 0 && r->form[x].rows > 0)
        drop(node, r, x);
    if (x2 >= 0 && r->form[x2].rows > 0)
        drop(node, r, x2);
    return room;
}

/* node: NULL only counts. 0: a window has no room for its next row. */
static int roll(const fe_node *node, fe_roll *r)
{
    for (int32_t i = r->s->count - 1; i >= 0; i--)
        while (r->made[i] < slope_of(step_of(r, i)).out_h)
            if (!advance(node, r, ready(r, i)))
                return 0;
    return 1;
}

void fe_run_rows(const fe_node *node, const fe_rows_step *s)
{
    fe_roll r = roll_of(s);
    roll(node, &r);
}

enum { MOST_SIDE = 8192, MOST_BYTES = 0x0FFFFFFF };

static int is_side(int32_t v)
{
    return v >= 1 && v <= MOST_SIDE;
}

static int is_near(int32_t v)
{
    return v >= 0 && v <= MOST_SIDE;
}

/* A map of these sides has an address for each of its bytes. */
static int is_map(int32_t h, int32_t w, int32_t c)
{
    return is_side(h) && is_side(w) && c >= 1 && c <= MOST_BYTES / w / h;
}

/* Sums of two maps of one shape. */
static int adds(const fe_pair *p)
{
    const int32_t whole = is_map(p->h, p->w, p->c) ? p->w * p->c : 0;
    return whole > 0 && p->x_h == whole && p->x2_h == whole && p->x_w == p->c && p->x2_w == p->c && p->x_c == 1 &&
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
    return is_map(d->in_h, d->in_w, d->in_c) && is_map(d->out_h, d->out_w, d->out_c) && is_side(d->k_h) &&
           is_side(d->stride_h) && is_near(d->pad_top);
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
        return rolls(geometry_of(step));
    default:
        return 0;
    }
}

/* What step i reads lies outside, or is made by an earlier step with the same sides. */
static int follows(const fe_roll *r, int32_t i, int32_t from)
{
    const fe_slope d = slope_of(step_of(r, i));
    fe_slope source;
    if (from == -1)
        return step_of(r, i)->op != FE_MOVE;
    if (from < 0 || from >= i || step_of(r, from)->op == FE_MOVE)
        return 0;
    source = slope_of(step_of(r, from));
    return source.out_h == d.in_h && source.out_line == d.in_line;
}

/* An output in the arena, with all its rows there. */
static int has_place(const fe_plan *p, int32_t ref, int32_t rows, int32_t line)
{
    const int32_t offset = ref & 0x0FFFFFFF;
    return ref >> 28 == FE_ARENA && rows * line <= p->arena_bytes - offset;
}

static int fits(const fe_plan *p, const fe_roll *r, int32_t i)
{
    const fe_step *step = step_of(r, i);
    const fe_row_form *form = &r->form[i];
    const int32_t *words = (const int32_t *)(const void *)step, is_add = step->op == FE_ADD;
    fe_slope d;
    if (!knows_rows(step) || !follows(r, i, form->x_from) || (is_add ? !follows(r, i, form->x2_from) : form->x2_from != -1))
        return 0;
    d = slope_of(step);
    if (words[2] == 0 || (is_add && words[3] == 0) || form->rows < 0 || form->rows > d.out_h ||
        (step->op == FE_MOVE && form->rows != 0))
        return 0;
    if (step->op != FE_MOVE && words[4 + is_add] != 0 && d.out_line % 8 != 0)
        return 0;
    return has_place(p, words[3 + is_add], form->rows > 0 ? form->rows : d.out_h, d.out_line);
}

int fe_rows_fit(const fe_plan *p, const fe_rows_step *s)
{
    fe_roll r = roll_of(s);
    for (int32_t i = 0; i < s->count; i++)
        if (!fits(p, &r, i))
            return 0;
    return roll(0, &r);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Groups of rows. A computer has room for the maps between the steps, so the steps run one after the other, each as fast
 * as elsewhere, on copies of what enters the group. What leaves it has the same bytes.
 */
#include "fe_executor.h"
#include "fe_roll.h"

typedef struct {
    int8_t *plan, *own; /* a map's place in the arena, and here */
    int64_t bytes;
} fe_crossing;

typedef struct {
    fe_host host; /* of the group's steps, over an arena of its own */
    fe_crossing *in, *out;
    int32_t enter, leave;
} fe_group;

enum { WORDS = sizeof(fe_layer_step) / sizeof(int32_t) };

/* A group while it is laid out. */
typedef struct {
    fe_prepare *p;
    fe_group group;
    fe_crossing in[2 * FE_GROUP_MOST], out[2 * FE_GROUP_MOST];
    int32_t places[FE_GROUP_MOST]; /* of outputs, as references */
    int64_t used;                  /* of its arena */
} fe_layout;

/* Bytes of a map that a step reads, and of the one it makes. */
static int64_t input_bytes(const fe_step *step)
{
    fe_slope d;
    fe_slope_of(step, &d);
    return (int64_t)d.in_h * d.in_line;
}

static int64_t output_bytes(const fe_step *step)
{
    fe_slope d;
    fe_slope_of(step, &d);
    return (int64_t)d.out_h * d.out_line;
}

/* Where a step finds an input here. A window that is streamed, and a constant, are found where they are. */
static int32_t input_at(fe_layout *l, int32_t ref, int32_t from, int64_t bytes)
{
    int32_t own;
    if (from >= 0 || ref >> 28 != FE_ARENA)
        return from >= 0 ? l->places[from] : ref;
    own = fe_place_for(&l->used, bytes);
    l->in[l->group.enter++] = (fe_crossing){fe_at(l->p->node, ref), fe_at(&l->group.host.node, own), bytes};
    return own;
}

static int32_t output_at(fe_layout *l, int32_t ref, int64_t bytes, int leaves)
{
    const int32_t own = fe_place_for(&l->used, bytes);
    if (leaves)
        l->out[l->group.leave++] = (fe_crossing){fe_at(l->p->node, ref), fe_at(&l->group.host.node, own), bytes};
    return own;
}

/* Words of a step with its places here. */
static void lay(fe_layout *l, const fe_step *step, const fe_row_form *form, int32_t i, int32_t *words)
{
    const int32_t y = fe_row_y(step), mask = y + 1;
    __builtin_memcpy(words, step, sizeof(int32_t) * (size_t)step->words);
    words[FE_ROW_X] = input_at(l, words[FE_ROW_X], form->x_from, input_bytes(step));
    if (step->op == FE_ADD)
        words[FE_ROW_X + 1] = input_at(l, words[FE_ROW_X + 1], form->x2_from, input_bytes(step));
    l->places[i] = output_at(l, words[y], output_bytes(step), form->rows == 0);
    words[y] = l->places[i];
    if (step->op != FE_MOVE && words[mask] != 0)
        words[mask] = output_at(l, words[mask], (output_bytes(step) + 7) / 8, 1);
}

/* Lays out every step. words: NULL while bytes are counted. */
static void lay_all(fe_layout *l, const fe_rows_step *s, int32_t *words)
{
    const fe_row_form *forms = (const void *)(s + 1);
    const fe_step *step = fe_following(&s->step);
    int32_t own[WORDS];
    l->used = l->group.enter = l->group.leave = 0;
    for (int32_t i = 0; i < s->count; i++, step = fe_following(step))
        lay(l, step, &forms[i], i, words == 0 ? own : words + i * WORDS);
}

static void run(const fe_host *h, const fe_host_step *step)
{
    fe_group *g = step->kept;
    g->host.changed = h->changed;
    for (int32_t i = 0; i < g->enter; i++)
        __builtin_memcpy(g->in[i].own, g->in[i].plan, (size_t)g->in[i].bytes);
    for (int32_t i = 0; i < g->host.count; i++)
        g->host.steps[i].run(&g->host, &g->host.steps[i]);
    for (int32_t i = 0; i < g->leave; i++)
        __builtin_memcpy(g->out[i].plan, g->out[i].own, (size_t)g->out[i].bytes);
}

void fe_prepare_rows(fe_prepare *p, fe_host_step *step)
{
    const fe_rows_step *s = (const void *)step->plan;
    int32_t counted[FE_GROUP_MOST * WORDS], *words;
    fe_layout l = {0};
    fe_group *kept = fe_hold(p, sizeof(*kept));
    l.p = p;
    l.group.host.node = *p->node;
    l.group.host.kernels = p->kernels;
    l.group.host.count = s->count;
    l.group.host.steps = fe_hold(p, s->count * (int64_t)sizeof(fe_host_step));
    l.group.in = fe_hold(p, sizeof l.in);
    l.group.out = fe_hold(p, sizeof l.out);
    words = fe_hold(p, (int64_t)sizeof counted);
    lay_all(&l, s, 0);
    if (fe_counting(p)) {
        fe_borrow(p, l.used);
        words = counted;
    } else {
        l.group.host.node.arena = fe_borrow(p, l.used);
    }
    lay_all(&l, s, words);
    fe_prepare_inner(p, &l.group.host, words, WORDS);
    step->run = run;
    step->kept = kept;
    if (fe_counting(p))
        return;
    __builtin_memcpy(l.group.in, l.in, sizeof l.in);
    __builtin_memcpy(l.group.out, l.out, sizeof l.out);
    *kept = l.group;
}

void fe_prepare_in_place(fe_prepare *p, fe_host_step *step)
{
    enum { BEFORE = (sizeof(fe_rows_step) + sizeof(fe_row_form)) / sizeof(int32_t) };
    const fe_step *plan = step->plan;
    int32_t alone[BEFORE + WORDS] = {FE_ROWS, BEFORE, 1, 0, -1, -1, FE_DEPTHWISE, WORDS};
    __builtin_memcpy(alone + BEFORE + 2, (const int32_t *)(const void *)plan + 2, sizeof(int32_t) * (WORDS - 2));
    step->plan = (const void *)alone;
    fe_prepare_rows(p, step);
    step->plan = plan;
}

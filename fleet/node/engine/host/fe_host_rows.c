/* SPDX-License-Identifier: Apache-2.0
 *
 * Groups of rows. A computer has room for the maps between the steps, so the steps run one after the other, each as fast
 * as elsewhere, on copies of what enters the group. What leaves it has the same bytes.
 */
#include "fe_executor.h"
#include "fe_map_steps.h"

typedef struct {
    int8_t *plan, *own; /* a map's place in the arena, and here */
    int64_t bytes;
} fe_crossing;

typedef struct {
    fe_host host; /* of the group's steps, over an arena of its own */
    fe_crossing *in, *out;
    int32_t enter, leave;
} fe_group;

enum { WORDS = sizeof(fe_layer_step) / sizeof(int32_t), X = 2 };

/* A group while it is laid out. */
typedef struct {
    fe_prepare *p;
    fe_group group;
    fe_crossing in[2 * FE_GROUP_MOST], out[2 * FE_GROUP_MOST];
    int32_t places[FE_GROUP_MOST]; /* of outputs, as references */
    int64_t used;                  /* of its arena */
} fe_layout;

static int32_t place_for(fe_layout *l, int64_t bytes)
{
    const int32_t ref = (int32_t)((uint32_t)FE_ARENA << 28 | (uint32_t)l->used);
    l->used += (bytes + 63) / 64 * 64;
    return ref;
}

static const fe_geometry *geometry_of(const fe_step *step)
{
    const void *s = step;
    const int pools = step->op == FE_AVERAGE_POOL || step->op == FE_MAX_POOL;
    return pools ? &((const fe_window_step *)s)->d : &((const fe_layer_step *)s)->d;
}

static int64_t input_bytes(const fe_step *step)
{
    const void *s = step;
    if (step->op == FE_ADD) {
        const fe_pair *d = &((const fe_add_step *)s)->d.p;
        return (int64_t)d->h * d->w * d->c;
    }
    if (step->op == FE_MOVE) {
        const fe_move *d = &((const fe_moving_step *)s)->d;
        return (int64_t)d->h * d->x_h;
    }
    return (int64_t)geometry_of(step)->in_h * geometry_of(step)->in_w * geometry_of(step)->in_c;
}

static int64_t output_bytes(const fe_step *step)
{
    const void *s = step;
    if (step->op == FE_ADD)
        return input_bytes(step);
    if (step->op == FE_MOVE) {
        const fe_move *d = &((const fe_moving_step *)s)->d;
        return (int64_t)d->h * d->y_h;
    }
    return (int64_t)fe_positions(geometry_of(step)) * geometry_of(step)->out_c;
}

/* Where a step finds an input here. A window that is streamed, and a constant, are found where they are. */
static int32_t input_at(fe_layout *l, int32_t ref, int32_t from, int64_t bytes)
{
    int32_t own;
    if (from >= 0 || ref >> 28 != FE_ARENA)
        return from >= 0 ? l->places[from] : ref;
    own = place_for(l, bytes);
    l->in[l->group.enter++] = (fe_crossing){fe_at(l->p->node, ref), fe_at(&l->group.host.node, own), bytes};
    return own;
}

static int32_t output_at(fe_layout *l, int32_t ref, int64_t bytes, int leaves)
{
    const int32_t own = place_for(l, bytes);
    if (leaves)
        l->out[l->group.leave++] = (fe_crossing){fe_at(l->p->node, ref), fe_at(&l->group.host.node, own), bytes};
    return own;
}

/* Words of a step with its places here. */
static void lay(fe_layout *l, const fe_step *step, const fe_row_form *form, int32_t i, int32_t *words)
{
    const int32_t is_add = step->op == FE_ADD, y = X + 1 + is_add, mask = y + 1;
    __builtin_memcpy(words, step, sizeof(int32_t) * (size_t)step->words);
    words[X] = input_at(l, words[X], form->x_from, input_bytes(step));
    if (is_add)
        words[X + 1] = input_at(l, words[X + 1], form->x2_from, input_bytes(step));
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

static void prepare_steps(fe_layout *l, const fe_rows_step *s, const int32_t *words)
{
    fe_prepare *p = l->p;
    const fe_prepare outside = *p;
    p->node = &l->group.host.node;
    p->lent = p->borrowed;
    for (int32_t i = 0; i < s->count; i++) {
        fe_host_step step = {0};
        step.plan = (const void *)(words + i * WORDS);
        fe_prepare_step(p, &step);
        if (!fe_counting(p))
            l->group.host.steps[i] = step;
    }
    p->node = outside.node;
    p->lent = outside.lent;
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
    prepare_steps(&l, s, words);
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

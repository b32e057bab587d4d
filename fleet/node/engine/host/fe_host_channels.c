/* SPDX-License-Identifier: Apache-2.0
 *
 * Groups of channels. A computer has room for the gradients between the layers, so the steps run one after the other,
 * each as fast as elsewhere, on a copy of the arena with room behind it. What leaves the group has the same bytes.
 */
#include "fe_bottleneck.h"
#include "fe_executor.h"

enum { WORDS = sizeof(fe_grad_step) / sizeof(int32_t) };

typedef struct {
    fe_host host;        /* of the group's steps, over an arena of its own */
    uint8_t *plan;       /* the plan's arena */
    int64_t bytes;       /* of it */
    const void *arrives; /* the gradient of the block's output */
    uint8_t *g;          /* its own here, where the group masks it or all places have the same; else NULL */
    int64_t place_bytes; /* of one place of it */
    int32_t places, once;
    uint8_t *out, *e; /* the gradient that leaves the group: its place in the plan's arena, and here */
    int64_t out_bytes;
} fe_group;

/* A group while it is laid out. from, to: gradients by their references in the plan and here; first that of the
 * block's output, then what each layer makes. */
typedef struct {
    fe_prepare *p;
    fe_bottleneck b;
    fe_group group;
    int32_t from[FE_BACK_LAYERS], to[FE_BACK_LAYERS + 1];
    int64_t used; /* of its arena */
} fe_layout;

/* The gradient that a step reads. */
static int32_t moved(const fe_layout *l, int32_t ref)
{
    for (int32_t i = 0; i < FE_BACK_LAYERS; i++)
        if (ref != 0 && l->from[i] == ref)
            return l->to[i];
    return ref;
}

static int64_t width_of(const fe_layout *l)
{
    return fe_is_float(l->p->node) ? 4 : 1;
}

/* Whole maps for what the group has as planes, and for what enters and leaves it if that is not to be touched. */
static void lay_gradients(fe_layout *l)
{
    const fe_back *project = &l->b.layer[FE_PROJECT];
    const fe_geometry *d = &project->grad->d;
    const int64_t width = width_of(l);
    l->group.places = d->in_h * d->in_w;
    l->group.once = d->out_h * d->out_w != l->group.places;
    l->group.place_bytes = d->out_c * width;
    for (int32_t i = 0; i < FE_BACK_LAYERS; i++) {
        const fe_grad_step *s = l->b.layer[i].grad;
        if (s == 0)
            continue;
        l->to[i + 1] = fe_place_for(&l->used, (int64_t)s->flow.places * s->flow.channels * width);
        if (i < FE_EXPAND) {
            l->from[i + 1] = s->flow.e;
        } else {
            l->group.out = fe_at(l->p->node, s->flow.e);
            l->group.out_bytes = (int64_t)s->flow.places * s->flow.channels * width;
        }
    }
    if (project->mask == 0 && !l->group.once)
        return;
    l->from[0] = project->grad->flow.g;
    l->to[0] = fe_place_for(&l->used, l->group.places * l->group.place_bytes);
}

/* What waits stays where it is. What leaves may lie over it in the plan, and so over what arrives: its layer tells. */
static void lay_grad(fe_layout *l, const void *step, fe_grad_step *s)
{
    int32_t layer = 0;
    while (l->b.layer[layer].grad != step)
        layer++;
    s->flow.acc = width_of(l) == 1 ? fe_place_for(&l->used, 4 * (int64_t)s->flow.channels) : 0;
    s->flow.g = moved(l, s->flow.g);
    s->flow.e = l->to[layer + 1];
}

/* Words of a step with its places here. */
static void lay(fe_layout *l, const fe_step *step, int32_t *words)
{
    void *s = words;
    fe_geometry *d = 0;
    __builtin_memcpy(words, step, sizeof(int32_t) * (size_t)step->words);
    switch (step->op) {
    case FE_MASK:
        ((fe_mask_step *)s)->g = moved(l, ((const fe_mask_step *)s)->g);
        return;
    case FE_UPDATE_BIAS:
        ((fe_bias_step *)s)->g = moved(l, ((const fe_bias_step *)s)->g);
        return;
    case FE_GRAD_CONV:
    case FE_GRAD_DEPTHWISE:
        lay_grad(l, step, s);
        d = &((fe_grad_step *)s)->d;
        break;
    default:
        d = &((fe_update_step *)s)->d;
        ((fe_update_step *)s)->g = moved(l, ((const fe_update_step *)s)->g);
        ((fe_update_step *)s)->row = fe_place_for(&l->used, 4 * (int64_t)d->trained);
        break;
    }
    if (step->op == FE_GRAD_CONV || step->op == FE_UPDATE_CONV) {
        d->out_h = d->in_h; /* each place has its own gradient here */
        d->out_w = d->in_w;
    }
}

static void lay_all(fe_layout *l, const fe_channels_step *s, int32_t *words)
{
    const fe_step *step = fe_following(&s->step);
    l->used = (fe_header(l->p->node)->arena_bytes + 63) / 64 * 64;
    lay_gradients(l);
    for (int32_t i = 0; i < s->count; i++, step = fe_following(step))
        lay(l, step, words + i * WORDS);
}

static void run(const fe_host *h, const fe_host_step *step)
{
    fe_group *g = step->kept;
    const fe_plan *plan = fe_header(&h->node);
    __builtin_memcpy(g->host.node.arena, g->plan, (size_t)g->bytes);
    for (int32_t p = 0; g->g != 0 && p < g->places; p++) {
        const uint8_t *from = (const uint8_t *)g->arrives + (g->once ? 0 : p * g->place_bytes);
        __builtin_memcpy(g->g + p * g->place_bytes, from, (size_t)g->place_bytes);
    }
    g->host.changed = h->changed;
    g->host.course = h->course;
    g->host.key = h->key;
    for (int32_t i = 0; i < g->host.count; i++)
        g->host.steps[i].run(&g->host, &g->host.steps[i]);
    if (g->out != 0)
        __builtin_memcpy(g->out, g->e, (size_t)g->out_bytes);
    if (plan->exponent_count > 0)
        __builtin_memcpy(fe_exponents(&h->node), fe_exponents(&g->host.node), 4 * (size_t)plan->exponent_count);
}

void fe_prepare_channels(fe_prepare *p, fe_host_step *step)
{
    const fe_channels_step *s = (const void *)step->plan;
    int32_t counted[FE_GROUP_MOST * WORDS], *words;
    fe_layout l = {0};
    fe_group *kept = fe_hold(p, sizeof(*kept)), *g = &l.group;
    l.p = p;
    fe_read_bottleneck(s, &l.b);
    g->host.node = *p->node;
    g->host.kernels = p->kernels;
    g->host.count = s->count;
    g->host.steps = fe_hold(p, s->count * (int64_t)sizeof(fe_host_step));
    words = fe_hold(p, (int64_t)sizeof counted);
    words = fe_counting(p) ? counted : words;
    lay_all(&l, s, words);
    g->plan = p->node->arena;
    g->bytes = fe_header(p->node)->arena_bytes;
    g->arrives = fe_at(p->node, l.b.layer[FE_PROJECT].grad->flow.g);
    if (fe_counting(p))
        fe_borrow(p, l.used);
    else
        g->host.node.arena = fe_borrow(p, l.used);
    g->g = l.to[0] != 0 ? fe_at(&g->host.node, l.to[0]) : 0;
    g->e = g->out != 0 ? fe_at(&g->host.node, l.to[FE_BACK_LAYERS]) : 0;
    fe_prepare_inner(p, &g->host, words, WORDS);
    step->run = run;
    step->kept = kept;
    if (!fe_counting(p))
        *kept = l.group;
}

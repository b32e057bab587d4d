/* SPDX-License-Identifier: Apache-2.0
 *
 * A host over a plan: prepared steps, and the loops of fe_node.c over them.
 */
#include "fe_executor.h"

/* A step of a group, which runs with the group. */
static void rest(const fe_host *h, const fe_host_step *step)
{
    (void)h;
    (void)step;
}

/* Goes over the plan once; steps NULL: to count. Returns how many steps there are. */
static int32_t prepare(fe_prepare *p, fe_host *h, fe_host_step *steps)
{
    const fe_plan *plan = fe_header(p->node);
    int32_t count = 0, inner = 0; /* steps to come of a group */
    for (int32_t word = (int32_t)(sizeof(fe_plan) / sizeof(int32_t)); word < plan->words; count++) {
        fe_host_step step = {0};
        step.plan = (const fe_step *)(const void *)(p->node->plan + word);
        if (h != 0 && word == plan->loss_word)
            h->loss = count;
        if (h != 0 && word == plan->apply_word)
            h->apply = count;
        step.run = inner > 0 ? rest : fe_interpret;
        if (inner == 0 && p->kernels != 0)
            fe_prepare_step(p, &step);
        inner = inner > 0 ? inner - 1 : fe_inner_steps(step.plan);
        if (steps != 0)
            steps[count] = step;
        word += step.plan->words;
    }
    return count;
}

/* The node while bytes are counted: a streamed window is nowhere yet. */
static fe_node counted_node(const fe_node *node)
{
    fe_node n = *node;
    n.window = (const int8_t *)node->model;
    return n;
}

static int8_t *window_of(fe_prepare *p)
{
    return fe_is_streamed(p->node) ? fe_hold(p, fe_header(p->node)->input_bytes) : 0;
}

int64_t fe_host_bytes(const fe_node *node, int32_t variant)
{
    const fe_node counted = counted_node(node);
    fe_prepare p = {&counted, fe_host_kernels(variant), 0, 0, 0, 0, 0, 0};
    int32_t count;
    if (variant != FE_PLAIN && p.kernels == 0)
        return 0;
    count = prepare(&p, 0, 0);
    fe_hold(&p, sizeof(fe_host));
    fe_hold(&p, count * (int64_t)sizeof(fe_host_step));
    window_of(&p);
    return p.used + p.most;
}

fe_host *fe_host_create(const fe_node *node, int32_t variant, void *memory)
{
    const fe_node nowhere = counted_node(node);
    fe_prepare counted = {&nowhere, fe_host_kernels(variant), 0, 0, 0, 0, 0, 0}, p = counted;
    fe_host *h;
    const int32_t count = prepare(&counted, 0, 0);
    p.memory = memory;
    h = fe_hold(&p, sizeof(*h));
    h->steps = fe_hold(&p, count * (int64_t)sizeof(fe_host_step));
    h->node = *node;
    h->node.window = h->window = window_of(&p);
    p.node = &h->node;
    p.scratch = p.memory + p.used + counted.used;
    h->kernels = p.kernels;
    h->count = h->loss = h->apply = count;
    h->changed = 1;
    h->course = 0;
    h->key = 0;
    prepare(&p, h, h->steps);
    return h;
}

int32_t fe_host_fast_steps(const fe_host *h)
{
    int32_t fast = 0;
    for (int32_t i = 0; i < h->count; i++)
        fast += h->steps[i].run != fe_interpret && h->steps[i].run != rest;
    return fast;
}

static void run(const fe_host *h, int32_t from, int32_t to)
{
    for (const fe_host_step *s = h->steps + from; s < h->steps + to; s++)
        s->run(h, s);
}

/* Between the arena and what is remembered of a window. */
static void move_spans(const fe_host *h, const fe_memo *memo, uint8_t *map, int to_arena)
{
    for (int32_t i = 0; i < memo->count; i++) {
        uint8_t *at = h->node.arena + memo->spans[2 * i];
        const size_t bytes = (size_t)memo->spans[2 * i + 1];
        __builtin_memcpy(to_arena ? at : map, to_arena ? map : at, bytes);
        map += bytes;
    }
}

/* Every map of a window. */
static void forward(const fe_host *h, const int8_t *windows, int32_t window, const fe_memo *memo)
{
    const int64_t bytes = fe_header(&h->node)->input_bytes;
    if (h->window != 0) /* steps behind those remembered may read it */
        __builtin_memcpy(h->window, windows + window * bytes, (size_t)bytes);
    if (memo != 0 && memo->known[window]) {
        move_spans(h, memo, memo->maps + (int64_t)window * memo->bytes, 1);
        run(h, memo->steps, h->loss);
        return;
    }
    if (h->window == 0)
        __builtin_memcpy(fe_input(&h->node), windows + window * bytes, (size_t)bytes);
    if (memo != 0) {
        run(h, 0, memo->steps);
        move_spans(h, memo, memo->maps + (int64_t)window * memo->bytes, 0);
        memo->known[window] = 1;
    }
    run(h, memo != 0 ? memo->steps : 0, h->loss);
}

static void learn(fe_host *h, fe_course *course, const fe_goal *goal, uint32_t *loss)
{
    uint32_t value;
    h->course = course;
    h->key = fe_absorb(course->key, course->step);
    course->step++;
    if (fe_run_loss(&h->node, course, goal, &value) != 0)
        run(h, h->loss + 1, h->apply);
    if (fe_ends_batch(&h->node, course))
        run(h, h->apply, h->count);
    if (loss != 0)
        *loss = value;
}

fe_status fe_host_learn(fe_host *h, fe_course *course, const fe_lesson *l)
{
    const int64_t bytes = fe_header(&h->node)->output_bytes;
    for (int32_t i = 0; i < l->count; i++) {
        const int32_t window = l->order[i];
        const fe_goal goal = {l->labels == 0 ? 0 : l->labels[window],
                              l->answers == 0 ? 0 : l->answers + window * bytes};
        const fe_status status = fe_check_goal(&h->node, course, &goal);
        if (status != FE_OK)
            return status;
        h->changed = 1;
        forward(h, l->windows, window, l->memo);
        learn(h, course, &goal, l->losses == 0 ? 0 : l->losses + i);
    }
    if (l->close && l->count > 0 && !fe_ends_batch(&h->node, course)) {
        h->key = fe_absorb(course->key, course->step - 1u);
        run(h, h->apply, h->count);
    }
    return FE_OK;
}

int8_t *fe_host_input(const fe_host *h)
{
    return h->window != 0 ? h->window : fe_input(&h->node);
}

void fe_host_forward(fe_host *h)
{
    h->changed = 1;
    run(h, 0, h->loss);
}

void fe_host_infer_many(fe_host *h, const int8_t *windows, int32_t count, void *outputs, const fe_memo *memo)
{
    const fe_plan *plan = fe_header(&h->node);
    uint8_t *to = outputs;
    for (int32_t i = 0; i < count; i++, to += plan->output_bytes) {
        h->changed = i == 0;
        forward(h, windows, i, memo);
        __builtin_memcpy(to, fe_at(&h->node, plan->output), (size_t)plan->output_bytes);
    }
}

void fe_host_repeat(fe_host *h, const fe_course *course, int32_t step, int32_t times)
{
    h->course = course;
    for (int32_t i = 0; i < times; i++)
        h->steps[step].run(h, h->steps + step);
}

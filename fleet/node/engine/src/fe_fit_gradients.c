/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether losses, and steps that take gradients through operators without weights, can run.
 */
#include "fe_fit.h"
#include "fe_map_steps.h"

enum { MOST_FACTOR = 1 << 23 }; /* times a gradient of 127 it stays below 2^31 */

/* A factor of int8 gradients; of fp32 ones it holds the bits of a float. */
static int is_factor(const fe_plan *p, int32_t factor)
{
    return fe_gradient_bytes(p) == 4 || (factor >= 0 && factor <= MOST_FACTOR);
}

static int loss(const fe_plan *p, const fe_loss_step *s)
{
    return s->classes == p->classes && s->classes > 0 && fe_readable(p, s->logits, 2 * (int64_t)s->classes, 2) &&
           fe_writable(p, s->acc, 4 * (int64_t)s->classes, 4);
}

static int squared(const fe_plan *p, const fe_squared_step *s)
{
    return s->size > 0 && s->size <= p->output_bytes && is_factor(p, s->factor) && fe_readable(p, s->y, s->size, 1) &&
           fe_writable(p, s->acc, 4 * (int64_t)s->size, 4);
}

static int mask(const fe_plan *p, const fe_mask_step *s, int32_t seen)
{
    const int32_t bytes = fe_gradient_bytes(p);
    return s->size > 0 && s->mask != 0 && fe_mask_lies(p, s->mask, s->size) &&
           ((seen & FE_SEEN_GRADIENTS) != 0 || fe_writable(p, s->g, (int64_t)bytes * s->size, bytes));
}

/* COPY takes int8 to int8, MERGE int8 to sums, BLOCK sums to int8. */
static int pass(const fe_plan *p, const fe_move_step *s)
{
    const int32_t from = s->step.op == FE_BLOCK ? 4 : 1, to = s->step.op == FE_MERGE ? 4 : 1;
    return s->size > 0 && fe_gradient_bytes(p) == 1 && fe_readable(p, s->from, (int64_t)from * s->size, from) &&
           fe_writable(p, s->to, (int64_t)to * s->size, to);
}

static int add(const fe_plan *p, const fe_grad_add_step *s)
{
    const fe_repeat *d = &s->d;
    return fe_repeats_into(d) && fe_flow_fits(p, &s->flow, fe_volume(d->out_h, d->out_w, d->out_c),
                                              fe_volume(d->in_h, d->in_w, 1), d->in_c, 0);
}

static int pool(const fe_plan *p, const fe_grad_pool_step *s)
{
    const fe_flow *f = &s->flow;
    return fe_volume(f->places, 1, f->channels) > 0 && is_factor(p, s->factor) &&
           fe_flow_fits(p, f, f->channels, f->places, f->channels, 0);
}

static int mul(const fe_plan *p, const fe_grad_mul_step *s)
{
    const fe_grad_mul *m = &s->d;
    const fe_repeat *d = &m->d;
    if (!fe_repeats_into(d) || m->other_h < 0 || m->other_w < 0 || m->other_c < 0 || !fe_is_byte(m->zero))
        return 0;
    return fe_readable(p, s->other,
                       (int64_t)(d->out_h - 1) * m->other_h + (int64_t)(d->out_w - 1) * m->other_w +
                           (int64_t)(d->out_c - 1) * m->other_c + 1,
                       1) &&
           fe_flow_fits(p, &s->flow, fe_volume(d->out_h, d->out_w, d->out_c), fe_volume(d->in_h, d->in_w, 1), d->in_c,
                        0);
}

static int window(const fe_plan *p, const fe_grad_window_step *s)
{
    const fe_geometry *d = &s->d.d;
    const int64_t in = fe_is_geometry(d) ? fe_volume(d->in_h, d->in_w, d->in_c) : -1;
    return in > 0 && d->in_c == d->out_c && s->d.exp >= 0 && s->d.exp <= 30 &&
           (s->step.op == FE_GRAD_AVERAGE_POOL || fe_readable(p, s->x, in, 1)) &&
           fe_flow_fits(p, &s->flow, fe_volume(d->out_h, d->out_w, d->out_c), fe_volume(d->in_h, d->in_w, 1), d->in_c,
                        0);
}

static int mean(const fe_plan *p, const fe_grad_mean_step *s)
{
    const fe_grad_mean *d = &s->d;
    const fe_repeat back = {d->out_h, d->out_w, d->out_c, d->in_h, d->in_w, d->in_c};
    return fe_repeats_into(&back) && is_factor(p, d->factor) &&
           fe_flow_fits(p, &s->flow, fe_volume(d->out_h, d->out_w, d->out_c), fe_volume(d->in_h, d->in_w, 1), d->in_c,
                        0);
}

/* The way of a copy back: the gradient lies where the copy does. */
static int move(const fe_plan *p, const fe_grad_moving_step *s)
{
    const fe_move *d = &s->d;
    if (fe_volume(d->h, d->w, d->c) < 0 || d->y_at < 0 || d->y_h < 0 || d->y_w < 0 || d->y_c < 0)
        return 0;
    return fe_flow_fits(p, &s->flow,
                        d->y_at + (int64_t)(d->h - 1) * d->y_h + (int64_t)(d->w - 1) * d->y_w +
                            (int64_t)(d->c - 1) * d->y_c + 1,
                        fe_volume(d->h, d->w, 1), d->c, 0);
}

static int resize(const fe_plan *p, const fe_grad_resize_step *s)
{
    const fe_resize *d = &s->d;
    const int64_t out = fe_volume(d->out_h, d->out_w, d->c), places = fe_volume(d->in_h, d->in_w, 1);
    return places > 0 && fe_lies_in(p, FE_MODEL, s->places, 2 * ((int64_t)d->out_h + d->out_w), 2) &&
           fe_flow_fits(p, &s->flow, out, places, d->c, 0);
}

static int table(const fe_plan *p, const fe_grad_table_step *s)
{
    const fe_flow *f = &s->flow;
    const int64_t size = fe_volume(f->places, 1, f->channels);
    return size > 0 && fe_lies_in(p, FE_MODEL, s->slopes, 512, 2) && fe_readable(p, s->x, size, 1) &&
           fe_flow_fits(p, f, size, f->places, s->d.channels, 0);
}

int fe_map_gradient_fits(const fe_plan *p, const fe_step *step, int32_t seen)
{
    const void *s = step;
    switch (step->op) {
    case FE_LOSS:
        return FE_RUNS(FE_LOSS) && loss(p, s);
    case FE_LOSS_SQUARED:
        return FE_RUNS(FE_LOSS_SQUARED) && squared(p, s);
    case FE_MASK:
        return FE_RUNS(FE_MASK) && mask(p, s, seen);
    case FE_COPY:
    case FE_MERGE:
    case FE_BLOCK:
        return (FE_RUNS(FE_COPY) || FE_RUNS(FE_MERGE) || FE_RUNS(FE_BLOCK)) && pass(p, s);
    case FE_GRAD_ADD:
        return FE_RUNS(FE_GRAD_ADD) && add(p, s);
    case FE_GRAD_POOL:
        return FE_RUNS(FE_GRAD_POOL) && pool(p, s);
    case FE_GRAD_MUL:
        return FE_RUNS(FE_GRAD_MUL) && mul(p, s);
    case FE_GRAD_AVERAGE_POOL:
    case FE_GRAD_MAX_POOL:
        return (FE_RUNS(FE_GRAD_AVERAGE_POOL) || FE_RUNS(FE_GRAD_MAX_POOL)) && window(p, s);
    case FE_GRAD_MEAN:
        return FE_RUNS(FE_GRAD_MEAN) && mean(p, s);
    case FE_GRAD_MOVE:
        return FE_RUNS(FE_GRAD_MOVE) && move(p, s);
    case FE_GRAD_RESIZE:
        return FE_RUNS(FE_GRAD_RESIZE) && resize(p, s);
    case FE_GRAD_TABLE:
        return FE_RUNS(FE_GRAD_TABLE) && table(p, s);
    default:
        return 0;
    }
}

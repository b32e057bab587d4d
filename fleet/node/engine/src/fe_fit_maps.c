/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether forward steps of operators without weights can run.
 */
#include "fe_fit.h"
#include "fe_map_steps.h"

/* Values from the first to the last that so many steps along each side reach; -1 where one goes back or too far. */
static int64_t reach(int32_t at, int32_t h, int32_t w, int32_t c, int32_t step_h, int32_t step_w, int32_t step_c)
{
    if (at < 0 || at > FE_MOST_BYTES || fe_volume(h, w, c) < 0 || step_h < 0 || step_w < 0 || step_c < 0)
        return -1;
    return at + (int64_t)(h - 1) * step_h + (int64_t)(w - 1) * step_w + (int64_t)(c - 1) * step_c + 1;
}

/* Two maps over a third. */
static int pair_lies(const fe_plan *p, const fe_pair *d, const int32_t *refs, int32_t seen)
{
    const int64_t x = reach(0, d->h, d->w, d->c, d->x_h, d->x_w, d->x_c);
    const int64_t x2 = reach(0, d->h, d->w, d->c, d->x2_h, d->x2_w, d->x2_c), y = fe_volume(d->h, d->w, d->c);
    return ((seen & FE_SEEN_X) != 0 || fe_readable(p, refs[0], x, 1)) &&
           ((seen & FE_SEEN_X2) != 0 || fe_readable(p, refs[1], x2, 1)) &&
           ((seen & FE_SEEN_Y) != 0 || (fe_writable(p, refs[2], y, 1) && fe_mask_lies(p, refs[3], y)));
}

static int add(const fe_plan *p, const fe_add_step *s, int32_t seen)
{
    const fe_add *d = &s->d;
    return fe_is_byte(d->zero_x) && fe_is_byte(d->zero_x2) && fe_is_byte(d->zero_y) && fe_is_clip(d->low, d->high) &&
           fe_is_scale(d->scale_x) && fe_is_scale(d->scale_x2) && fe_is_scale(d->scale_y) &&
           pair_lies(p, &d->p, &s->x, seen);
}

static int mul(const fe_plan *p, const fe_mul_step *s)
{
    const fe_mul *d = &s->d;
    return fe_is_byte(d->zero_x) && fe_is_byte(d->zero_x2) && fe_is_byte(d->zero_y) && fe_is_clip(d->low, d->high) &&
           fe_is_scale(d->scale) && pair_lies(p, &d->p, &s->x, 0);
}

static int window(const fe_plan *p, const fe_window_step *s, int32_t seen)
{
    const fe_geometry *d = &s->d;
    const int64_t out = fe_volume(d->out_h, d->out_w, d->out_c);
    return fe_is_geometry(d) && d->in_c == d->out_c &&
           ((seen & FE_SEEN_X) != 0 || fe_readable(p, s->x, fe_volume(d->in_h, d->in_w, d->in_c), 1)) &&
           ((seen & FE_SEEN_Y) != 0 || (fe_writable(p, s->y, out, 1) && fe_mask_lies(p, s->mask, out)));
}

static int pool(const fe_plan *p, const fe_pool_step *s)
{
    return fe_readable(p, s->x, fe_volume(s->positions, 1, s->channels), 1) && fe_writable(p, s->y, s->channels, 1);
}

static int mean(const fe_plan *p, const fe_mean_over_step *s)
{
    const fe_mean *d = &s->d;
    const fe_repeat back = {d->out_h, d->out_w, d->out_c, d->in_h, d->in_w, d->in_c};
    return fe_repeats_into(&back) && fe_is_byte(d->zero_x) && fe_is_byte(d->zero_y) && fe_is_scale(d->scale) &&
           fe_readable(p, s->x, fe_volume(d->in_h, d->in_w, d->in_c), 1) &&
           fe_writable(p, s->y, fe_volume(d->out_h, d->out_w, d->out_c), 1);
}

static int move(const fe_plan *p, const fe_moving_step *s, int32_t seen)
{
    const fe_move *d = &s->d;
    const int64_t x = reach(d->x_at, d->h, d->w, d->c, d->x_h, d->x_w, d->x_c);
    const int64_t y = reach(d->y_at, d->h, d->w, d->c, d->y_h, d->y_w, d->y_c);
    return ((seen & FE_SEEN_X) != 0 || fe_readable(p, s->x, x, 1)) && fe_writable(p, s->y, y, 1) &&
           (d->fill == 0 || fe_writable(p, s->y, d->size, 1));
}

static int resize(const fe_plan *p, const fe_resize_step *s)
{
    const fe_resize *d = &s->d;
    return fe_readable(p, s->x, fe_volume(d->in_h, d->in_w, d->c), 1) &&
           fe_writable(p, s->y, fe_volume(d->out_h, d->out_w, d->c), 1) &&
           fe_lies_in(p, FE_MODEL, s->places, 2 * ((int64_t)d->out_h + d->out_w), 2);
}

static int table(const fe_plan *p, const fe_table_step *s)
{
    return s->size > 0 && fe_lies_in(p, FE_MODEL, s->table, 256, 1) && fe_readable(p, s->x, s->size, 1) &&
           fe_writable(p, s->y, s->size, 1);
}

enum { MOST_SHARES = 4095 }; /* sums of as many exponentials in Q19 stay below 2^31 */

/* Exponentials are found by how far a value lies below the largest: none may be written over before that. */
static int softmax(const fe_plan *p, const fe_softmax_step *s)
{
    const int64_t size = fe_volume(s->positions, 1, s->channels);
    return (s->y <= s->x || s->y - (int64_t)s->x >= size) && s->channels <= MOST_SHARES && fe_lies_in(p, FE_MODEL, s->exps, 1024, 4) && fe_readable(p, s->x, size, 1) &&
           fe_writable(p, s->y, size, 1);
}

#if FE_FLOAT
static int edge(const fe_plan *p, const fe_edge_step *s)
{
    const int32_t from = s->step.op == FE_QUANTIZE ? 4 : 1, to = 5 - from;
    return s->d.size > 0 && fe_readable(p, s->x, (int64_t)from * s->d.size, from) &&
           fe_writable(p, s->y, (int64_t)to * s->d.size, to);
}
#endif

int fe_map_fits(const fe_plan *p, const fe_step *step, int32_t seen)
{
    const void *s = step;
    switch (step->op) {
    case FE_ADD:
        return FE_RUNS(FE_ADD) && add(p, s, seen);
    case FE_POOL:
        return FE_RUNS(FE_POOL) && pool(p, s);
    case FE_MUL:
        return FE_RUNS(FE_MUL) && mul(p, s);
    case FE_AVERAGE_POOL:
    case FE_MAX_POOL:
        return (FE_RUNS(FE_AVERAGE_POOL) || FE_RUNS(FE_MAX_POOL)) && window(p, s, seen);
    case FE_MEAN:
        return FE_RUNS(FE_MEAN) && mean(p, s);
    case FE_MOVE:
        return FE_RUNS(FE_MOVE) && move(p, s, seen);
    case FE_RESIZE:
        return FE_RUNS(FE_RESIZE) && resize(p, s);
    case FE_TABLE:
        return FE_RUNS(FE_TABLE) && table(p, s);
    case FE_SOFTMAX:
        return FE_RUNS(FE_SOFTMAX) && softmax(p, s);
#if FE_FLOAT
    case FE_QUANTIZE:
    case FE_DEQUANTIZE:
        return (FE_RUNS(FE_QUANTIZE) || FE_RUNS(FE_DEQUANTIZE)) && edge(p, s);
#endif
    default:
        return 0;
    }
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether steps of operators with weights can run.
 */
#include "fe_fit.h"

static int is_side(int32_t v)
{
    return v >= 1 && v <= FE_MOST_SIDE;
}

/* Every window begins on the map or in the padding before it. */
static int begins_inside(int32_t in, int32_t out, int32_t stride, int32_t pad)
{
    return pad >= 0 && pad <= FE_MOST_SIDE && (int64_t)(out - 1) * stride - pad <= in;
}

int fe_is_geometry(const fe_geometry *d)
{
    return fe_volume(d->in_h, d->in_w, d->in_c) > 0 && fe_volume(d->out_h, d->out_w, d->out_c) > 0 && is_side(d->k_h) &&
           is_side(d->k_w) && is_side(d->stride_h) && is_side(d->stride_w) && d->groups >= 1 && d->trained >= 0 &&
           begins_inside(d->in_h, d->out_h, d->stride_h, d->pad_top) &&
           begins_inside(d->in_w, d->out_w, d->stride_w, d->pad_left) && fe_is_byte(d->zero_x) &&
           fe_is_byte(d->zero_y) && fe_is_clip(d->low, d->high);
}


/* Weights along the last axis, and how often that axis is repeated; -1 where the sides do not go together. */
typedef struct {
    int64_t rows;
    int32_t row;
} fe_shape;

static fe_shape shape_of(const fe_geometry *d, int32_t kind)
{
    fe_shape s = {-1, 0};
    if (kind == FE_DEPTHWISE) {
        if (d->out_c % d->in_c == 0 && (d->in_c == d->out_c || d->groups != d->out_c))
            s = (fe_shape){fe_volume(d->k_h, d->k_w, 1), d->out_c};
    } else if (kind == FE_DENSE) {
        if (d->in_h == 1 && d->in_w == 1 && d->out_h == 1 && d->out_w == 1)
            s = (fe_shape){d->out_c, d->in_c};
    } else if (d->in_c % d->groups == 0 && d->out_c % d->groups == 0) {
        s = (fe_shape){fe_volume(d->k_h, d->k_w, d->out_c), d->in_c / d->groups};
    }
    return s;
}

static int32_t kind_of(int32_t code)
{
    switch (code) {
    case FE_DEPTHWISE:
    case FE_DEPTHWISE_IN_PLACE:
    case FE_GRAD_DEPTHWISE:
    case FE_UPDATE_DEPTHWISE:
        return FE_DEPTHWISE;
    case FE_CONV:
    case FE_GRAD_CONV:
    case FE_UPDATE_CONV:
        return FE_CONV;
    default:
        return FE_DENSE;
    }
}

/* Both parts of a layer's weights. */
static int weights_lie(const fe_plan *p, const fe_geometry *d, int32_t kind, int32_t trained, int32_t frozen)
{
    const fe_shape s = shape_of(d, kind);
    const int32_t rest = s.row - d->trained;
    return s.rows > 0 && rest >= 0 && (d->trained == 0 || fe_lies_in(p, FE_STATE, trained, s.rows * d->trained, 1)) &&
           (rest == 0 || fe_lies_in(p, FE_MODEL, frozen, s.rows * rest, 1));
}

static int bias_lies(const fe_plan *p, int32_t ref, int32_t outputs)
{
    return ref >> 28 != FE_ARENA && fe_readable(p, ref, 4 * (int64_t)outputs, 4);
}

static int reals_lie(const fe_plan *p, int32_t ref, int32_t count)
{
    return fe_lies_in(p, FE_MODEL, ref, 5 * (int64_t)count, 4);
}

static int forward(const fe_plan *p, const fe_layer_step *s, int32_t seen)
{
    const fe_geometry *d = &s->d;
    const int64_t in = fe_volume(d->in_h, d->in_w, d->in_c), out = fe_volume(d->out_h, d->out_w, d->out_c);
    const int32_t bytes = s->step.op == FE_LOGITS ? 2 : 1;
    if (!fe_is_geometry(d) || !weights_lie(p, d, kind_of(s->step.op), s->w_trained, s->w_frozen) ||
        !bias_lies(p, s->bias, d->out_c) || !reals_lie(p, s->scale, d->out_c))
        return 0;
    if ((seen & FE_SEEN_X) == 0 && !fe_readable(p, s->x, in, 1))
        return 0;
    return (seen & FE_SEEN_Y) != 0 || (fe_writable(p, s->y, bytes * out, bytes) && fe_mask_lies(p, s->mask, out));
}

/* An output no larger than its input, one per channel. */
static int in_place(const fe_plan *p, const fe_in_place_step *s, int32_t seen)
{
    const fe_geometry *d = &s->d;
    return forward(p, (const void *)s, seen) && d->in_c == d->out_c && s->x == s->y &&
           fe_writable(p, s->x, fe_volume(d->in_h, d->in_w, d->in_c), 1) &&
           fe_writable(p, s->plane, fe_volume(d->out_h, d->out_w, 1), 1);
}

static int gradient(const fe_plan *p, const fe_grad_step *s, int32_t seen)
{
    const fe_geometry *d = &s->d;
    const int32_t bytes = fe_gradient_bytes(p) == 4 ? 4 : 2, kind = kind_of(s->step.op);
    return fe_is_geometry(d) && weights_lie(p, d, kind, s->w_trained, s->w_frozen) &&
           fe_lies_in(p, FE_MODEL, s->r, bytes * (int64_t)d->out_c, bytes) && s->r_shift >= 0 && s->r_shift <= 31 &&
           fe_flow_fits(p, &s->flow, fe_volume(d->out_h, d->out_w, d->out_c), fe_volume(d->in_h, d->in_w, 1), d->in_c,
                        seen);
}

/* What a rule keeps of so many weights. */
static int64_t kept_bytes(int32_t rule, int64_t count)
{
    switch (rule) {
    case FE_RESIDUAL4:
        return (count + 1) / 2;
    case FE_RESIDUAL8:
        return count;
    case FE_RESIDUAL16:
        return 2 * count;
    case FE_LATENT:
        return 4 * count;
    default:
        return 0;
    }
}

static int extra_lies(const fe_plan *p, int32_t ref, int64_t bytes, int32_t align)
{
    return ref == 0 || fe_lies_in(p, FE_STATE, ref, bytes, align);
}

static int extras_lie(const fe_plan *p, int32_t kept, int32_t velocity, int32_t sum, int64_t count)
{
    const int64_t bytes = kept_bytes(p->rule, count);
    const int32_t align = p->rule == FE_LATENT ? 4 : p->rule == FE_RESIDUAL16 ? 2 : 1;
    return (bytes == 0 ? kept == 0 : fe_lies_in(p, FE_STATE, kept, bytes, align)) &&
           extra_lies(p, velocity, 4 * count, 4) && extra_lies(p, sum, 4 * count, 4);
}

/* The channels that train are there: of a depthwise layer also in a map that holds only those. */
static int64_t trained_of(const fe_geometry *d, int32_t kind)
{
    if (kind == FE_DEPTHWISE) {
        const int is_slice = d->groups == d->out_c && d->trained <= d->in_c;
        return (is_slice || d->out_c % d->in_c == 0) && d->trained <= d->out_c ? fe_volume(d->k_h, d->k_w, d->trained)
                                                                              : -1;
    } else {
        const fe_shape s = shape_of(d, kind);
        return d->trained <= s.row && s.rows > 0 && s.rows <= FE_MOST_BYTES / (d->trained + 1) ? s.rows * d->trained
                                                                                              : -1;
    }
}

static int update(const fe_plan *p, const fe_update_step *s, int32_t seen)
{
    const fe_geometry *d = &s->d;
    const int32_t kind = kind_of(s->step.op), bytes = fe_gradient_bytes(p);
    const int64_t count = fe_is_geometry(d) ? trained_of(d, kind) : -1;
    if (count < 1 || !fe_lies_in(p, FE_STATE, s->w, count, 1) || !reals_lie(p, s->rate, d->out_c) ||
        !extras_lie(p, s->kept, s->velocity, s->sum, count) ||
        !fe_readable(p, s->x, fe_volume(d->in_h, d->in_w, d->in_c), 1))
        return 0;
    if ((seen & FE_SEEN_GRADIENTS) != 0)
        return 1;
    return fe_readable(p, s->g, bytes * fe_volume(d->out_h, d->out_w, d->out_c), bytes) &&
           (kind == FE_DEPTHWISE || fe_writable(p, s->row, 4 * fe_volume(d->k_h, d->k_w, d->trained), 4));
}

static int bias(const fe_plan *p, const fe_bias_step *s, int32_t seen)
{
    const int32_t bytes = fe_gradient_bytes(p);
    const int64_t size = fe_volume(s->positions, 1, s->channels);
    return size > 0 && fe_lies_in(p, FE_STATE, s->b, 4 * (int64_t)s->channels, 4) && reals_lie(p, s->rate, s->channels) &&
           extra_lies(p, s->velocity, 4 * (int64_t)s->channels, 4) && extra_lies(p, s->sum, 4 * (int64_t)s->channels, 4) &&
           ((seen & FE_SEEN_GRADIENTS) != 0 || fe_readable(p, s->g, bytes * size, bytes));
}

static int apply(const fe_plan *p, const fe_apply_step *s)
{
    return fe_volume(s->size, 1, 1) > 0 && fe_lies_in(p, FE_STATE, s->w, s->size, 1) && s->sum != 0 &&
           extras_lie(p, s->kept, s->velocity, s->sum, s->size);
}

static int apply_bias(const fe_plan *p, const fe_apply_bias_step *s)
{
    const int64_t bytes = 4 * fe_volume(s->size, 1, 1);
    return fe_lies_in(p, FE_STATE, s->b, bytes, 4) && s->sum != 0 && extra_lies(p, s->velocity, bytes, 4) &&
           extra_lies(p, s->sum, bytes, 4);
}

int fe_layer_fits(const fe_plan *p, const fe_step *step, int32_t seen)
{
    const void *s = step;
    switch (step->op) {
    case FE_DEPTHWISE_IN_PLACE:
        return FE_RUNS(FE_DEPTHWISE_IN_PLACE) && in_place(p, s, seen);
    case FE_GRAD_CONV:
    case FE_GRAD_DEPTHWISE:
    case FE_GRAD_DENSE:
        return gradient(p, s, seen);
    case FE_UPDATE_CONV:
    case FE_UPDATE_DEPTHWISE:
    case FE_UPDATE_DENSE:
        return update(p, s, seen);
    case FE_UPDATE_BIAS:
        return bias(p, s, seen);
    case FE_APPLY:
        return FE_RUNS(FE_APPLY) && apply(p, s);
    case FE_APPLY_BIAS:
        return FE_RUNS(FE_APPLY_BIAS) && apply_bias(p, s);
    default:
        return forward(p, s, seen);
    }
}

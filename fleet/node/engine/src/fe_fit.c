/* SPDX-License-Identifier: Apache-2.0
 *
 * What of a plan lies where. Steps of weighted operators are in fe_fit_layers.c, all others in fe_fit_maps.c and
 * fe_fit_gradients.c.
 */
#include "fe_fit.h"

int64_t fe_volume(int32_t h, int32_t w, int32_t c)
{
    if (h < 1 || w < 1 || c < 1 || h > FE_MOST_BYTES / w || (int64_t)h * w > FE_MOST_BYTES / c)
        return -1;
    return (int64_t)h * w * c;
}

static int32_t bytes_in(const fe_plan *p, int32_t region)
{
    switch (region) {
    case FE_MODEL:
        return p->model_bytes;
    case FE_STATE:
        return p->state_bytes;
    case FE_ARENA:
        return p->arena_bytes;
#if FE_STREAMED
    case FE_INPUT:
        return p->input >> 28 == FE_INPUT ? p->input_bytes : 0;
#endif
    default:
        return 0;
    }
}

int fe_lies_in(const fe_plan *p, int32_t region, int32_t ref, int64_t bytes, int32_t align)
{
    const int32_t offset = ref & FE_MOST_BYTES;
    return ref >> 28 == region && bytes >= 0 && offset % align == 0 && bytes <= bytes_in(p, region) - offset;
}

int fe_readable(const fe_plan *p, int32_t ref, int64_t bytes, int32_t align)
{
    return fe_lies_in(p, ref >> 28, ref, bytes, align);
}

int fe_writable(const fe_plan *p, int32_t ref, int64_t bytes, int32_t align)
{
    return fe_lies_in(p, FE_ARENA, ref, bytes, align);
}

int fe_mask_lies(const fe_plan *p, int32_t ref, int64_t bits)
{
    return ref == 0 || (bits >= 0 && fe_writable(p, ref, (bits + 7) / 8, 1));
}

int fe_repeats_into(const fe_repeat *d)
{
    return fe_volume(d->in_h, d->in_w, d->in_c) > 0 && fe_volume(d->out_h, d->out_w, d->out_c) > 0 &&
           (d->in_h == d->out_h || d->in_h == 1) && (d->in_w == d->out_w || d->in_w == 1) &&
           (d->in_c == d->out_c || d->in_c == 1);
}

int fe_flow_fits(const fe_plan *p, const fe_flow *f, int64_t size, int64_t places, int32_t channels, int32_t seen)
{
    const int32_t bytes = fe_gradient_bytes(p);
    const int64_t whole = places * channels;
    if (f->places != places || f->channels != channels || f->shift > 31 || whole < 1 || size < 1)
        return 0;
    if (f->waiting != 0 && !fe_readable(p, f->waiting, bytes * whole, bytes))
        return 0;
    if ((seen & FE_SEEN_GRADIENTS) != 0)
        return 1;
    if (!fe_readable(p, f->g, bytes * size, bytes))
        return 0;
    if (bytes == 1 && f->shift < 0)
        return fe_writable(p, f->acc, 4 * whole, 4);
    return fe_writable(p, f->e, bytes * whole, bytes) && (bytes == 4 || fe_writable(p, f->acc, 4 * (int64_t)channels, 4));
}

int fe_step_fits(const fe_plan *p, const fe_step *step, int32_t seen)
{
    switch (step->op) {
    case FE_CONV:
    case FE_DEPTHWISE:
    case FE_DEPTHWISE_IN_PLACE:
    case FE_DENSE:
    case FE_LOGITS:
    case FE_GRAD_CONV:
    case FE_GRAD_DEPTHWISE:
    case FE_GRAD_DENSE:
    case FE_UPDATE_CONV:
    case FE_UPDATE_DEPTHWISE:
    case FE_UPDATE_DENSE:
    case FE_UPDATE_BIAS:
    case FE_APPLY:
    case FE_APPLY_BIAS:
        return fe_layer_fits(p, step, seen);
    case FE_ADD:
    case FE_POOL:
    case FE_MUL:
    case FE_AVERAGE_POOL:
    case FE_MAX_POOL:
    case FE_MEAN:
    case FE_MOVE:
    case FE_RESIZE:
    case FE_TABLE:
    case FE_SOFTMAX:
    case FE_QUANTIZE:
    case FE_DEQUANTIZE:
        return fe_map_fits(p, step, seen);
    default:
        return fe_map_gradient_fits(p, step, seen);
    }
}

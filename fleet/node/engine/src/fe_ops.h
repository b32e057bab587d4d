/* SPDX-License-Identifier: Apache-2.0
 *
 * What the operators share: geometry as the plan stores it, split weights, masks, updates.
 * Letters: H W C map, O outputs, I inputs, K taps, P output positions.
 */
#ifndef FE_OPS_H
#define FE_OPS_H

#include <stdint.h>

#include "fe_int.h"
#include "fe_random.h"

/* Geometry of a convolution, in the order of the plan's words. */
typedef struct {
    int32_t in_h, in_w, in_c;
    int32_t out_h, out_w, out_c;
    int32_t k_h, k_w;
    int32_t stride_h, stride_w;
    int32_t pad_top, pad_left;
    int32_t zero_x, zero_y;
    int32_t trained;   /* the first `trained` channels of the last weight axis live in the state */
    int32_t groups;    /* of a convolution: output o reads the in_c / groups channels of group o / (out_c / groups) */
    int32_t low, high; /* what the output is clipped to, as int8 */
} fe_geometry;

/* Two maps over the places of a third: steps through each of them, 0 along a side that is repeated. */
typedef struct {
    int32_t h, w, c; /* of the result */
    int32_t x_h, x_w, x_c;
    int32_t x2_h, x2_w, x2_c;
} fe_pair;

/* A map that is repeated along its sides of 1 to fill another. */
typedef struct {
    int32_t in_h, in_w, in_c;
    int32_t out_h, out_w, out_c;
} fe_repeat;

/* A weight tensor in two parts, split along its last axis: [..][trained] and [..][rest]. */
typedef struct {
    int8_t *trained;
    const int8_t *frozen;
} fe_weights;

/* Per-channel reals: mant s32 [n], then exp s8 [n]. */
typedef struct {
    const int32_t *mant;
    const int8_t *exp;
} fe_reals;

/* Input-gradient factors of a layer: r u16 [O], and their shift. */
typedef struct {
    const uint16_t *r;
    int32_t r_shift;
} fe_gradient;

static inline fe_real fe_real_at(fe_reals table, int32_t i)
{
    fe_real v;
    v.mant = table.mant[i];
    v.exp = table.exp[i];
    return v;
}

/* y + zero clipped to low..high; sets bit i of mask when nothing was clipped. mask may be NULL. */
static inline int8_t fe_clip_s8(int32_t y, int32_t zero, int32_t low, int32_t high, uint8_t *mask, int32_t i)
{
    const int32_t clipped = fe_clamp(y, low - zero, high - zero);
    if (mask != 0 && clipped == y)
        mask[i >> 3] = (uint8_t)(mask[i >> 3] | 1u << (i & 7));
    return (int8_t)(clipped + zero);
}

/* Places [first, end) of a side of `out` that repeat place `at` of a side of `in`, which is 1 or as long. */
typedef struct {
    int32_t first, end;
} fe_span;

static inline fe_span fe_repeats(int32_t in, int32_t out, int32_t at)
{
    fe_span s;
    s.first = in == out ? at : 0;
    s.end = in == out ? at + 1 : out;
    return s;
}

static inline void fe_clear(uint8_t *bytes, int32_t count)
{
    for (int32_t i = 0; i < count; i++)
        bytes[i] = 0;
}

static inline void fe_clear_s32(int32_t *words, int32_t count)
{
    for (int32_t i = 0; i < count; i++)
        words[i] = 0;
}

/* The taps of one output position that fall on the map: rows [y0, y1), columns [x0, x1) of the kernel. Both may
 * be empty, but never one alone. */
typedef struct {
    int32_t y0, y1, x0, x1;
    int32_t in_y, in_x; /* input place of tap (0, 0), may be negative */
} fe_window;

static inline fe_window fe_window_at(const fe_geometry *d, int32_t oy, int32_t ox)
{
    fe_window v;
    v.in_y = oy * d->stride_h - d->pad_top;
    v.in_x = ox * d->stride_w - d->pad_left;
    v.y0 = v.in_y < 0 ? -v.in_y : 0;
    v.x0 = v.in_x < 0 ? -v.in_x : 0;
    v.y1 = d->in_h - v.in_y < d->k_h ? d->in_h - v.in_y : d->k_h;
    v.x1 = d->in_w - v.in_x < d->k_w ? d->in_w - v.in_x : d->k_w;
    if (v.y1 <= v.y0 || v.x1 <= v.x0)
        v.y0 = v.y1 = v.x0 = v.x1 = 0;
    return v;
}

/* The output whose tap 0 lies at `at` of the padded input less the tap: at / stride if it is one, else -1. */
static inline int32_t fe_output_under(int32_t at, int32_t stride, int32_t outputs)
{
    const int32_t o = at / stride;
    return at < 0 || o * stride != at || o >= outputs ? -1 : o;
}

/* Taps of one side under which an input place lies: the first, and how many; the output of the first. They lie a stride
 * apart, and so outputs go down one by one. */
typedef struct {
    int32_t first, count, output;
} fe_under;

static inline fe_under fe_under_of(int32_t at, int32_t pad, int32_t stride, int32_t taps, int32_t outputs)
{
    fe_under u;
    u.first = (at + pad) % stride;
    u.output = (at + pad) / stride;
    if (u.output >= outputs) { /* the first of them lie behind the last output */
        u.first += (u.output - outputs + 1) * stride;
        u.output = outputs - 1;
    }
    u.count = u.first < taps ? (taps - 1 - u.first) / stride + 1 : 0;
    u.count = u.count < u.output + 1 ? u.count : u.output + 1;
    return u;
}

/* sum (x - zx) w over n products. |sum| <= n * 255 * 127. */
static inline int32_t fe_dot(const int8_t *x, const int8_t *w, int32_t n, int32_t zero_x)
{
    int32_t acc = 0;
    for (int32_t i = 0; i < n; i++)
        acc += (int32_t)(int16_t)(x[i] - zero_x) * w[i];
    return acc;
}

#endif

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
    int32_t trained; /* the first `trained` channels of the last weight axis live in the state */
} fe_geometry;

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

/* Gradient side of a layer: input-gradient factors r u16 [O], their shift, the QAS rates. */
typedef struct {
    const uint16_t *r;
    int32_t r_shift;
    fe_reals weight_rate;
    fe_reals bias_rate;
} fe_gradient;

/* One step's context for updates of one layer. k: exponent of the output gradient. */
typedef struct {
    uint64_t key;
    fe_real rate;
    int32_t k;
} fe_update;

static inline fe_real fe_real_at(fe_reals table, int32_t i)
{
    fe_real v;
    v.mant = table.mant[i];
    v.exp = table.exp[i];
    return v;
}

/* y + zero clipped to int8; sets bit i of mask when nothing was clipped. mask may be NULL. */
static inline int8_t fe_clip_s8(int32_t y, int32_t zero, uint8_t *mask, int32_t i)
{
    const int32_t clipped = fe_clamp(y, -128 - zero, 127 - zero);
    if (mask != 0 && clipped == y)
        mask[i >> 3] = (uint8_t)(mask[i >> 3] | 1u << (i & 7));
    return (int8_t)(clipped + zero);
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

/* sum (x - zx) w over n products. |sum| <= n * 255 * 127. */
static inline int32_t fe_dot(const int8_t *x, const int8_t *w, int32_t n, int32_t zero_x)
{
    int32_t acc = 0;
    for (int32_t i = 0; i < n; i++)
        acc += (int32_t)(int16_t)(x[i] - zero_x) * w[i];
    return acc;
}

/* The rate of channel o in 16-bit fractions of a weight step: the shift for fe_round_shift64. */
static inline int32_t fe_weight_shift(fe_real rate, int32_t k)
{
    return 31 - rate.exp + k - 16;
}

/* w - rate * g, rounded stochastically by draw `index` of the layer. g != 0. */
static inline int8_t fe_step_weight(const fe_update *u, fe_real rate, uint32_t index, int8_t w, int32_t g)
{
    const int32_t q = fe_round_shift64((int64_t)g * rate.mant, fe_weight_shift(rate, u->k));
    const int32_t dither = (int32_t)(fe_draw(u->key, index) >> 16);
    return (int8_t)fe_clamp(w - ((q + dither) >> 16), -127, 127);
}

/* b - rate * g, rounded to nearest: the bias' step is fine enough. */
static inline int32_t fe_step_bias(const fe_update *u, fe_real rate, int32_t b, int32_t g)
{
    const int32_t limit = 1 << 30;
    const int32_t q = fe_round_shift64((int64_t)g * rate.mant, 31 - rate.exp + u->k);
    const int64_t stepped = (int64_t)b - q;
    return (int32_t)(stepped > limit ? limit : stepped < -limit ? -limit : stepped);
}

/* One row of weights from its gradients g s32 [n]; first: index of w[0] in the trained tensor. */
void fe_step_row(const fe_update *u, fe_real rate, uint32_t first, int8_t *w, const int32_t *g, int32_t n);

/* b[c] -= rate[c] * sum over positions of g[p][c].   g: s8 [positions][channels]. */
void fe_step_biases(const fe_update *u, fe_reals rates, const int8_t *g, int32_t positions, int32_t channels,
                    int32_t *b);

#endif

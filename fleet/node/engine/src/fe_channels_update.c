/* SPDX-License-Identifier: Apache-2.0
 *
 * Updates of what one channel of a bottleneck touches: a column of the last layer's weights, the channel's own of the
 * depthwise one, a row of the first one's. Sums in registers, so that no row of them is needed.
 */
#include "fe_channels.h"

/* G of one weight, s32 or float, into the machinery of every update. i: the weight's number. */
static void take_s8(const fe_update *u, fe_real rate, int32_t i, int8_t *w, int32_t sum)
{
    if (sum != 0 || fe_moves_all(u))
        fe_step_row(u, rate, (uint32_t)i, w + i, &sum, 1);
}

static void project_s8(const fe_channel *v, const fe_update_step *s, const fe_update *u, int8_t *w)
{
    const fe_seen *g = &v->project;
    const int8_t *x = (const int8_t *)fe_at(v->node, s->x) + v->c;
    for (int32_t o = 0; o < g->channels; o++) {
        int32_t sum = 0;
        for (int32_t p = 0; p < g->places; p++)
            sum += fe_seen_s8(g, p, o) * (x[p * s->d.in_c] - s->d.zero_x);
        take_s8(u, fe_rate_of(u, o), o * s->d.trained + v->c, w, sum);
    }
}

static void expand_s8(const fe_channel *v, const fe_update_step *s, const fe_update *u, int8_t *w)
{
    const int8_t *x = fe_at(v->node, s->x), *g = (const int8_t *)fe_at(v->node, s->g) + v->at;
    const fe_real rate = fe_rate_of(u, v->c);
    for (int32_t i = 0; i < s->d.trained; i++) {
        int32_t sum = 0;
        for (int32_t p = 0; p < s->d.out_h * s->d.out_w; p++)
            sum += g[p * v->group] * (x[p * s->d.in_c + i] - s->d.zero_x);
        take_s8(u, rate, v->c * s->d.trained + i, w, sum);
    }
}

/* Where the places lie that a tap sees: rows and columns of the outputs, and the input of the first. */
typedef struct {
    fe_span rows, columns;
    int32_t in; /* value of output (0, 0), which may lie outside */
} fe_tap;

/* Outputs whose tap at `at` of a side lies on the map. */
static fe_span outputs_of(int32_t at, int32_t stride, int32_t pad, int32_t in, int32_t out)
{
    const int32_t below = pad - at, above = in + pad - at;
    fe_span s;
    s.first = below > 0 ? (below + stride - 1) / stride : 0;
    s.end = above > 0 ? (above + stride - 1) / stride : 0;
    s.end = s.end < out ? s.end : out;
    return s;
}

static fe_tap tap_of(const fe_geometry *d, int32_t tap)
{
    const int32_t ky = tap / d->k_w, kx = tap % d->k_w;
    fe_tap t;
    t.rows = outputs_of(ky, d->stride_h, d->pad_top, d->in_h, d->out_h);
    t.columns = outputs_of(kx, d->stride_w, d->pad_left, d->in_w, d->out_w);
    t.in = (ky - d->pad_top) * d->in_w + kx - d->pad_left;
    return t;
}

static void middle_s8(const fe_channel *v, const fe_update_step *s, const fe_update *u, int8_t *w)
{
    const fe_geometry *d = &s->d;
    const int8_t *x = (const int8_t *)fe_at(v->node, s->x) + v->c, *g = (const int8_t *)fe_at(v->node, s->g) + v->at;
    const fe_real rate = fe_rate_of(u, v->c);
    for (int32_t tap = 0; tap < d->k_h * d->k_w; tap++) {
        const fe_tap t = tap_of(d, tap);
        int32_t sum = 0;
        for (int32_t oy = t.rows.first; oy < t.rows.end; oy++)
            for (int32_t ox = t.columns.first; ox < t.columns.end; ox++) {
                const int32_t in = t.in + oy * d->stride_h * d->in_w + ox * d->stride_w;
                sum += g[(oy * d->out_w + ox) * v->group] * (x[in * d->in_c] - d->zero_x);
            }
        take_s8(u, rate, tap * d->trained + v->c, w, sum);
    }
}

#if FE_FLOAT

static void take_f32(const fe_update *u, fe_real rate, int32_t i, int8_t *w, float sum)
{
    fe_step_row_f32(u, rate, (uint32_t)i, w + i, &sum, 1);
}

static void project_f32(const fe_channel *v, const fe_update_step *s, const fe_update *u, int8_t *w)
{
    const fe_seen *g = &v->project;
    const int8_t *x = (const int8_t *)fe_at(v->node, s->x) + v->c;
    for (int32_t o = 0; o < g->channels; o++) {
        float sum = 0.0f;
        for (int32_t p = 0; p < g->places; p++)
            sum += fe_seen_f32(g, p, o) * (float)(x[p * s->d.in_c] - s->d.zero_x);
        take_f32(u, fe_rate_of(u, o), o * s->d.trained + v->c, w, sum);
    }
}

static void expand_f32(const fe_channel *v, const fe_update_step *s, const fe_update *u, int8_t *w)
{
    const int8_t *x = fe_at(v->node, s->x);
    const float *g = (const float *)fe_at(v->node, s->g) + v->at;
    const fe_real rate = fe_rate_of(u, v->c);
    for (int32_t i = 0; i < s->d.trained; i++) {
        float sum = 0.0f;
        for (int32_t p = 0; p < s->d.out_h * s->d.out_w; p++)
            sum += g[p * v->group] * (float)(x[p * s->d.in_c + i] - s->d.zero_x);
        take_f32(u, rate, v->c * s->d.trained + i, w, sum);
    }
}

static void middle_f32(const fe_channel *v, const fe_update_step *s, const fe_update *u, int8_t *w)
{
    const fe_geometry *d = &s->d;
    const int8_t *x = (const int8_t *)fe_at(v->node, s->x) + v->c;
    const float *g = (const float *)fe_at(v->node, s->g) + v->at;
    const fe_real rate = fe_rate_of(u, v->c);
    for (int32_t tap = 0; tap < d->k_h * d->k_w; tap++) {
        const fe_tap t = tap_of(d, tap);
        float sum = 0.0f;
        for (int32_t oy = t.rows.first; oy < t.rows.end; oy++)
            for (int32_t ox = t.columns.first; ox < t.columns.end; ox++) {
                const int32_t in = t.in + oy * d->stride_h * d->in_w + ox * d->stride_w;
                sum += g[(oy * d->out_w + ox) * v->group] * (float)(x[in * d->in_c] - d->zero_x);
            }
        take_f32(u, rate, tap * d->trained + v->c, w, sum);
    }
}

static void weights_f32(const fe_channel *v, int32_t layer, const fe_update_step *s, const fe_update *u)
{
    int8_t *w = fe_at(v->node, s->w);
    if (layer == FE_PROJECT)
        project_f32(v, s, u, w);
    else if (layer == FE_MIDDLE)
        middle_f32(v, s, u, w);
    else
        expand_f32(v, s, u, w);
}

static float plane_sum_f32(const float *g, int32_t places, int32_t apart)
{
    float sum = 0.0f;
    for (int32_t p = 0; p < places; p++)
        sum += g[p * apart];
    return sum;
}

static float seen_sum_f32(const fe_seen *g, int32_t o)
{
    float sum = 0.0f;
    for (int32_t p = 0; p < g->places; p++)
        sum += fe_seen_f32(g, p, o);
    return sum;
}

#endif

void fe_channel_weights(const fe_channel *v, int32_t layer, const fe_update *u)
{
    const fe_update_step *s = v->b->layer[layer].update;
    int8_t *w = fe_at(v->node, s->w);
    if (layer != FE_EXPAND && v->c >= s->d.trained)
        return;
#if FE_FLOAT
    if (fe_is_float(v->node)) {
        weights_f32(v, layer, s, u);
        return;
    }
#endif
    if (layer == FE_PROJECT)
        project_s8(v, s, u, w);
    else if (layer == FE_MIDDLE)
        middle_s8(v, s, u, w);
    else
        expand_s8(v, s, u, w);
}

void fe_channel_bias(const fe_channel *v, int32_t layer, const fe_update *u)
{
    const fe_bias_step *s = v->b->layer[layer].bias;
    int32_t *b = (int32_t *)fe_at(v->node, s->b) + v->c, sum = 0;
    const int8_t *g;
#if FE_FLOAT
    if (fe_is_float(v->node)) {
        const float *e = fe_at(v->node, s->g);
        fe_step_bias_f32(u, v->c, plane_sum_f32(e + v->at, s->positions, v->group), b);
        return;
    }
#endif
    g = (const int8_t *)fe_at(v->node, s->g) + v->at;
    for (int32_t p = 0; p < s->positions; p++)
        sum += g[p * v->group];
    fe_step_bias(u, v->c, sum, b);
}

void fe_project_biases(const fe_node *node, const fe_seen *g, const fe_bias_step *s, const fe_update *u)
{
    int32_t *b = fe_at(node, s->b);
    for (int32_t o = 0; o < g->channels; o++) {
        int32_t sum = 0;
#if FE_FLOAT
        if (fe_is_float(node)) {
            fe_step_bias_f32(u, o, seen_sum_f32(g, o), b + o);
            continue;
        }
#endif
        for (int32_t p = 0; p < g->places; p++)
            sum += fe_seen_s8(g, p, o);
        fe_step_bias(u, o, sum, b + o);
    }
}

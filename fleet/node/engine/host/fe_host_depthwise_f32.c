/* SPDX-License-Identifier: Apache-2.0
 *
 * Gradients of depthwise layers in fp32, over padded copies of their maps.
 */
#include "fe_executor.h"
#include "fe_float.h"

/* A copy of a map with its padding, floats [height][width][channels rounded up], and where each tap lies in it. */
typedef struct {
    const fe_geometry *d;
    int32_t channels, taps, height, width;
    float *map;
    int32_t *offsets;
} fe_copy;

static fe_copy copy_of(fe_prepare *p, const fe_geometry *d, int32_t height, int32_t width)
{
    fe_copy m = {d, fe_up(d->in_c, FE_PANEL), d->k_h * d->k_w, height, width, 0, 0};
    m.map = fe_borrow(p, 4 * (int64_t)height * width * m.channels);
    m.offsets = fe_hold(p, 4 * (int64_t)m.taps);
    return m;
}

static void clear(const fe_copy *m)
{
    __builtin_memset(m->map, 0, sizeof(float) * (size_t)(m->height * m->width * m->channels));
}

/* s8 rows to floats [rows][channels rounded up], less zero. */
static void widen(const int8_t *x, int32_t n, int32_t zero, float *to)
{
    for (int32_t c = 0; c < n; c++)
        to[c] = (float)(x[c] - zero);
}

typedef struct {
    fe_copy m;
    const float *g, *scale, *waiting;
    float *e, *weights;
    fe_rows w;
} fe_grad_taps;

static void lay_weights(const fe_grad_taps *c, const int8_t *w)
{
    for (int32_t t = 0; t < c->m.taps; t++)
        widen(w + t * c->m.d->in_c, c->m.d->in_c, 0, c->weights + (int64_t)t * c->m.channels);
}

/* Factors stand where the first tap of an input without padding would see them, spread out by the strides. */
static void run_grad(const fe_host *h, const fe_host_step *step)
{
    const fe_grad_taps *c = step->kept;
    const fe_geometry *d = c->m.d;
    const int32_t last = (c->m.width - d->k_w) / d->stride_w + 1, columns = last < d->out_w ? last : d->out_w;
    const int32_t line = c->m.width * c->m.channels;
    const fe_taps_f32 t = {c->m.map + (int64_t)d->pad_top * line + (int64_t)d->pad_left * c->m.channels, c->weights,
                           c->m.offsets, c->m.taps, c->m.channels, d->in_h, d->in_w, line, c->m.channels, d->in_c};
    if (c->w.na > 0)
        lay_weights(c, fe_rows_now(&c->w));
    clear(&c->m);
    for (int32_t y = 0; y < d->out_h && d->k_h - 1 + y * d->stride_h < c->m.height; y++)
        h->kernels->scale_f32(c->g + (int64_t)y * d->out_w * d->out_c, c->scale, columns, d->out_c,
                              c->m.map + (int64_t)(d->k_h - 1 + y * d->stride_h) * line + (d->k_w - 1) * c->m.channels,
                              d->stride_w * c->m.channels);
    h->kernels->taps_f32(&t, c->waiting, c->e);
}

void fe_prepare_depthwise_grad_f32(fe_prepare *p, fe_host_step *step)
{
    const fe_grad_step *s = (const void *)step->plan;
    const fe_geometry *d = &s->d;
    fe_grad_taps c = {0}, *kept;
    if (d->in_c != d->out_c)
        return;
    kept = fe_hold(p, sizeof(*kept));
    c.m = copy_of(p, d, d->in_h + d->pad_top + d->k_h - 1, d->in_w + d->pad_left + d->k_w - 1);
    c.w = fe_rows_of(p, s->w_trained, s->w_frozen, c.m.taps, d->trained, d->in_c);
    c.g = fe_at(p->node, s->flow.g);
    c.scale = fe_at(p->node, s->r);
    c.waiting = fe_at(p->node, s->flow.waiting);
    c.e = fe_at(p->node, s->flow.e);
    c.weights = fe_hold(p, 4 * (int64_t)c.m.taps * c.m.channels);
    step->run = run_grad;
    step->kept = kept;
    if (fe_counting(p))
        return;
    *kept = c;
    __builtin_memset(c.weights, 0, sizeof(float) * (size_t)(c.m.taps * c.m.channels));
    for (int32_t t = 0; t < c.m.taps; t++)
        c.m.offsets[t] = ((d->k_h - 1 - t / d->k_w) * c.m.width + d->k_w - 1 - t % d->k_w) * c.m.channels;
    if (c.w.na == 0)
        lay_weights(&c, c.w.frozen);
}

typedef struct {
    fe_copy m;
    const float *g;
    const int8_t *x;
    int8_t *w;
    float *wide, *sums, *factors; /* g with rows rounded up; G; rates */
    int32_t fast;
} fe_update_taps;

static void fill(const fe_copy *m, const int8_t *x)
{
    const fe_geometry *d = m->d;
    const int32_t left = m->width - d->pad_left, columns = left < d->in_w ? left : d->in_w;
    clear(m);
    for (int32_t y = 0; y < d->in_h && y + d->pad_top < m->height; y++)
        for (int32_t i = 0; i < columns; i++)
            widen(x + ((int64_t)y * d->in_w + i) * d->in_c, d->in_c, d->zero_x,
                  m->map + ((int64_t)(y + d->pad_top) * m->width + d->pad_left + i) * m->channels);
}

/* One weight at a time where the rule is the engine's, whose rows share a rate. */
static void step_weights(const fe_host *h, const fe_update_taps *c, const fe_update *u)
{
    const int32_t n = c->m.d->trained;
    for (int32_t o = 0; o < n; o++) {
        const fe_real rate = fe_rate_of(u, o);
        c->factors[o] = fe_real_f32(rate, 16);
        for (int32_t i = o; !c->fast && i < c->m.taps * n; i += n)
            fe_step_row_f32(u, rate, (uint32_t)i, c->w + i, c->sums + (int64_t)(i / n) * c->m.channels + o, 1);
    }
    for (int32_t t = 0; c->fast && t < c->m.taps; t++)
        h->kernels->step_lanes_f32(u->key, (uint32_t)(t * n), c->factors, c->sums + (int64_t)t * c->m.channels,
                                   c->w + t * n, n);
}

static void run_update(const fe_host *h, const fe_host_step *step)
{
    const fe_update_taps *c = step->kept;
    const fe_geometry *d = c->m.d;
    const int32_t positions = fe_positions(d);
    const fe_update u = fe_update_at(h, (const void *)step->plan);
    const fe_taps_f32 t = {c->m.map, 0, c->m.offsets, c->m.taps, c->m.channels, d->out_h, d->out_w,
                           d->stride_h * c->m.width * c->m.channels, d->stride_w * c->m.channels, d->in_c};
    if (!h->kernels->finite_f32(positions * d->out_c, c->g)) {
        fe_run_step(&h->node, step->plan, h->course, h->key);
        return;
    }
    for (int32_t p = 0; p < positions; p++)
        __builtin_memcpy(c->wide + (int64_t)p * c->m.channels, c->g + (int64_t)p * d->out_c,
                         sizeof(float) * (size_t)d->out_c);
    fill(&c->m, c->x);
    h->kernels->taps_gradient_f32(&t, c->wide, d->trained, c->sums);
    step_weights(h, c, &u);
}

void fe_prepare_depthwise_update_f32(fe_prepare *p, fe_host_step *step)
{
    const fe_update_step *s = (const void *)step->plan;
    const fe_geometry *d = &s->d;
    fe_update_taps c = {0}, *kept;
    if (d->in_c != d->out_c)
        return;
    kept = fe_hold(p, sizeof(*kept));
    c.m = copy_of(p, d, (d->out_h - 1) * d->stride_h + d->k_h, (d->out_w - 1) * d->stride_w + d->k_w);
    c.g = fe_at(p->node, s->g);
    c.x = fe_at(p->node, s->x);
    c.w = fe_at(p->node, s->w);
    c.wide = fe_borrow(p, 4 * (int64_t)fe_positions(d) * c.m.channels);
    c.sums = fe_borrow(p, 4 * (int64_t)c.m.taps * c.m.channels);
    c.factors = fe_borrow(p, 4 * (int64_t)d->trained);
    c.fast = fe_is_stochastic(p, s);
    step->run = run_update;
    step->kept = kept;
    if (fe_counting(p))
        return;
    *kept = c;
    for (int32_t t = 0; t < c.m.taps; t++)
        c.m.offsets[t] = (t / d->k_w * c.m.width + t % d->k_w) * c.m.channels;
}

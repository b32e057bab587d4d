/* SPDX-License-Identifier: Apache-2.0
 *
 * Depthwise layers over a padded copy of their map. The input gradient is the same sum over a copy of the factors,
 * spread out by the strides, with the taps in reverse.
 */
#include "fe_executor.h"

/* A padded copy and what is summed over it. */
typedef struct {
    const fe_geometry *d;
    int32_t channels, taps; /* rounded up to a vector, to a pair */
    int32_t height, width;  /* of the copy */
    int32_t count;          /* sums of a channel */
    int16_t *map, *weights;
    int32_t *places, *offsets;
    fe_rows w;
} fe_spread_map;

static fe_spread_map spread_map(fe_prepare *p, const fe_geometry *d, int32_t height, int32_t width, int32_t count)
{
    fe_spread_map m = {0};
    m.d = d;
    m.channels = fe_up(d->in_c, FE_PANEL);
    m.taps = fe_up(d->k_h * d->k_w, 2);
    m.height = height;
    m.width = width;
    m.count = count;
    m.map = fe_borrow(p, 2 * (int64_t)height * width * m.channels);
    m.places = fe_hold(p, 4 * (int64_t)count);
    m.offsets = fe_hold(p, 4 * (int64_t)m.taps);
    return m;
}

/* Where sums begin, columns of them in a row, and where their taps lie. */
static void find_places(const fe_spread_map *m, int32_t columns, int32_t stride_h, int32_t stride_w)
{
    const int32_t taps = m->d->k_h * m->d->k_w, k_w = m->d->k_w;
    for (int32_t i = 0; i < m->count; i++)
        m->places[i] = (i / columns * stride_h * m->width + i % columns * stride_w) * m->channels;
    for (int32_t t = 0; t < m->taps; t++)
        m->offsets[t] = t < taps ? (t / k_w * m->width + t % k_w) * m->channels : 0;
}

static void add_weights(fe_prepare *p, fe_spread_map *m, int32_t trained, int32_t frozen)
{
    m->w = fe_rows_of(p, trained, frozen, m->d->k_h * m->d->k_w, m->d->trained, m->d->in_c);
    m->weights = fe_hold(p, 2 * (int64_t)m->taps * m->channels);
}

/* What an output sees of x, in a padded copy. Rows and columns that no output sees are left out. */
static fe_spread_map seen_map(fe_prepare *p, const fe_geometry *d)
{
    const int32_t height = (d->out_h - 1) * d->stride_h + d->k_h, width = (d->out_w - 1) * d->stride_w + d->k_w;
    const fe_spread_map m = spread_map(p, d, height, width, fe_positions(d));
    if (!fe_counting(p))
        find_places(&m, d->out_w, d->stride_h, d->stride_w);
    return m;
}

static void fill(const fe_kernels *k, const fe_spread_map *m, const int8_t *x)
{
    const fe_geometry *d = m->d;
    const int32_t columns = m->width - d->pad_left < d->in_w ? m->width - d->pad_left : d->in_w;
    __builtin_memset(m->map, 0, sizeof(int16_t) * (size_t)(m->height * m->width * m->channels));
    for (int32_t y = 0; y < d->in_h && y + d->pad_top < m->height; y++, x += d->in_w * d->in_c) {
        int16_t *to = m->map + ((int64_t)(y + d->pad_top) * m->width + d->pad_left) * m->channels;
        if (columns > 0 && m->channels == d->in_c)
            k->widen(x, columns * d->in_c, d->zero_x, to);
        for (int32_t c = 0; m->channels != d->in_c && c < columns; c++)
            k->widen(x + c * d->in_c, d->in_c, d->zero_x, to + c * m->channels);
    }
}

static fe_taps taps_of(const fe_spread_map *m)
{
    const fe_taps t = {m->map, m->weights, m->places, m->offsets, m->taps, m->channels, m->count, m->d->in_c};
    return t;
}

typedef struct {
    fe_spread_map m;
    const int8_t *x;
    int8_t *y;
    uint8_t *mask;
    const int32_t *bias;
    fe_scales to;
} fe_forward_taps;

static void run_forward(const fe_host *h, const fe_host_step *step)
{
    const fe_forward_taps *c = step->kept;
    const fe_geometry *d = c->m.d;
    const fe_requant q = {c->to.bias, c->to.mant, c->to.half, c->to.shift, d->zero_y, d->low, d->high};
    const fe_taps t = taps_of(&c->m);
    if (c->m.w.na > 0 && h->changed)
        h->kernels->pack_taps(fe_rows_now(&c->m.w), d->k_h * d->k_w, d->in_c, 0, c->m.weights);
    fe_put_biases(&c->to, c->bias, 0, d->out_c, 1);
    fill(h->kernels, &c->m, c->x);
    if (c->mask != 0 && d->in_c % FE_PANEL != 0)
        __builtin_memset(c->mask, 0, (size_t)(fe_positions(d) * d->out_c + 7) / 8);
    h->kernels->taps_s8(&t, &q, c->y, c->mask);
}

void fe_prepare_depthwise(fe_prepare *p, fe_host_step *step)
{
    const fe_layer_step *s = (const void *)step->plan;
    const fe_geometry *d = &s->d;
    const fe_reals scale = fe_reals_at(p->node, s->scale, d->out_c);
    fe_forward_taps c = {0}, *kept;
    for (int32_t o = 0; o < d->out_c; o++)
        if (scale.exp[o] > 0)
            return;
    if (d->in_c != d->out_c)
        return;
    kept = fe_hold(p, sizeof(*kept));
    c.m = seen_map(p, d);
    add_weights(p, &c.m, s->w_trained, s->w_frozen);
    c.x = fe_at(p->node, s->x);
    c.y = fe_at(p->node, s->y);
    c.mask = fe_at(p->node, s->mask);
    c.bias = fe_at(p->node, s->bias);
    c.to = fe_scales_of(p, scale, d->out_c, 1);
    step->run = run_forward;
    step->kept = kept;
    if (fe_counting(p))
        return;
    *kept = c;
    if (c.m.w.na == 0)
        p->kernels->pack_taps(c.m.w.frozen, d->k_h * d->k_w, d->in_c, 0, c.m.weights);
}

typedef struct {
    fe_spread_map m;
    const int8_t *g;
    int32_t *acc;
    int16_t *minus_r;
    int32_t left;
} fe_backward_taps;

/* Factor (y, x) lies at (k_h - 1 + y stride_h, k_w - 1 + x stride_w): the first tap of input (0, 0) without padding. */
static void spread_factors(const fe_kernels *k, const fe_backward_taps *c)
{
    const fe_geometry *d = c->m.d;
    const int32_t last = (c->m.width - d->k_w) / d->stride_w + 1, count = last < d->out_w ? last : d->out_w;
    const int64_t channels = c->m.channels;
    __builtin_memset(c->m.map, 0, sizeof(int16_t) * (size_t)(c->m.height * c->m.width * c->m.channels));
    for (int32_t y = 0; y < d->out_h && d->k_h - 1 + y * d->stride_h < c->m.height; y++)
        k->factors(c->g + (int64_t)y * d->out_w * d->out_c, c->minus_r, count, d->out_c, c->left,
                   c->m.map + ((int64_t)(d->k_h - 1 + y * d->stride_h) * c->m.width + d->k_w - 1) * channels,
                   d->stride_w * c->m.channels);
}

static void run_backward(const fe_host *h, const fe_host_step *step)
{
    const fe_grad_step *s = (const void *)step->plan;
    const fe_backward_taps *c = step->kept;
    const fe_geometry *d = c->m.d;
    fe_taps t = taps_of(&c->m);
    t.map += ((int64_t)d->pad_top * c->m.width + d->pad_left) * c->m.channels;
    if (c->m.w.na > 0)
        h->kernels->pack_taps(fe_rows_now(&c->m.w), d->k_h * d->k_w, d->in_c, 1, c->m.weights);
    spread_factors(h->kernels, c);
    h->kernels->taps_s32(&t, c->acc);
    fe_settle(h, &s->flow, c->acc, s->r_exp);
}

void fe_prepare_depthwise_grad(fe_prepare *p, fe_host_step *step)
{
    const fe_grad_step *s = (const void *)step->plan;
    const fe_geometry *d = &s->d;
    fe_backward_taps c = {0}, *kept;
    if (d->in_c != d->out_c)
        return;
    kept = fe_hold(p, sizeof(*kept));
    c.m = spread_map(p, d, d->in_h + d->pad_top + d->k_h - 1, d->in_w + d->pad_left + d->k_w - 1, d->in_h * d->in_w);
    add_weights(p, &c.m, s->w_trained, s->w_frozen);
    c.g = fe_at(p->node, s->flow.g);
    c.acc = fe_sums_of(p, &s->flow);
    c.left = 15 - s->r_shift;
    c.minus_r = fe_hold(p, 2 * (int64_t)c.m.channels);
    step->run = run_backward;
    step->kept = kept;
    if (fe_counting(p))
        return;
    *kept = c;
    find_places(&c.m, d->in_w, 1, 1);
    fe_put_factors(c.minus_r, fe_at(p->node, s->r), d->out_c);
    if (c.m.w.na == 0)
        p->kernels->pack_taps(c.m.w.frozen, d->k_h * d->k_w, d->in_c, 1, c.m.weights);
}

typedef struct {
    fe_spread_map m;
    const int8_t *g, *x;
    int8_t *w;
    fe_rates rates;
    int32_t *sums;
} fe_update_taps;

static void run_update(const fe_host *h, const fe_host_step *step)
{
    const fe_update_taps *c = step->kept;
    const fe_geometry *d = c->m.d;
    const int32_t n = d->trained, taps = d->k_h * d->k_w;
    const fe_update u = fe_update_at(h, (const void *)step->plan);
    fe_taps t = taps_of(&c->m);
    t.taps = taps;
    h->kernels->rates(u.rates, u.rate, 31 + u.k - 16, n, &c->rates);
    fill(h->kernels, &c->m, c->x);
    h->kernels->taps_gradient(&t, c->g, n, c->sums);
    for (int32_t i = 0; i < taps; i++)
        h->kernels->step_lanes(u.key, (uint32_t)(i * n), &c->rates, c->sums + i * n, c->w + i * n, n);
}

void fe_prepare_depthwise_update(fe_prepare *p, fe_host_step *step)
{
    const fe_update_step *s = (const void *)step->plan;
    const fe_geometry *d = &s->d;
    fe_update_taps c = {0}, *kept;
    if (d->in_c != d->out_c || !fe_is_stochastic(p, s))
        return;
    kept = fe_hold(p, sizeof(*kept));
    c.m = seen_map(p, d);
    c.g = fe_at(p->node, s->g);
    c.x = fe_at(p->node, s->x);
    c.w = fe_at(p->node, s->w);
    c.rates = fe_rates_room(p, d->trained);
    c.sums = fe_borrow(p, 4 * (int64_t)d->k_h * d->k_w * d->trained);
    step->run = run_update;
    step->kept = kept;
    if (!fe_counting(p))
        *kept = c;
}

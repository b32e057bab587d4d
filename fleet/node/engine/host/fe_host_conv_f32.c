/* SPDX-License-Identifier: Apache-2.0
 *
 * Gradients of convolutions in fp32. What a place receives is a product over outputs and taps, in this order; a weight
 * gradient is a product over positions.
 */
#include "fe_executor.h"
#include "fe_float.h"

typedef struct {
    const fe_geometry *d;
    const float *g, *scale, *waiting;
    float *e;
    fe_rows w;
    int32_t depth, block; /* terms of a place, places at a time */
    float *panels, *scaled, *terms;
} fe_conv_grad;

enum { BLOCK_BYTES = 65536, TILE = 6 };

static void pack(const fe_kernels *k, const fe_conv_grad *c, const int8_t *w)
{
    k->pack_f32(w, c->depth, c->d->in_c, c->d->in_c, 0, c->panels);
}

/* Terms of places first, first + 1, ...: t of the output under each tap, outputs ascending, then taps; 0 where there is
 * none, which changes no sum. */
static void gather(const fe_conv_grad *c, int32_t first, int32_t count)
{
    const fe_geometry *d = c->d;
    const int32_t taps = d->k_h * d->k_w;
    float *to = c->terms;
    for (int32_t place = first; place < first + count; place++, to += c->depth)
        for (int32_t tap = 0; tap < taps; tap++) {
            const int32_t oy = fe_output_under(place / d->in_w + d->pad_top - tap / d->k_w, d->stride_h, d->out_h);
            const int32_t ox = fe_output_under(place % d->in_w + d->pad_left - tap % d->k_w, d->stride_w, d->out_w);
            const float *t = oy < 0 || ox < 0 ? 0 : c->scaled + ((int64_t)oy * d->out_w + ox) * d->out_c;
            for (int32_t o = 0; o < d->out_c; o++)
                to[o * taps + tap] = t == 0 ? 0.0f : t[o];
        }
}

static void run_grad(const fe_host *h, const fe_host_step *step)
{
    const fe_conv_grad *c = step->kept;
    const fe_geometry *d = c->d;
    const int32_t places = d->in_h * d->in_w;
    if (c->w.na > 0)
        pack(h->kernels, c, fe_rows_now(&c->w));
    h->kernels->scale_f32(c->g, c->scale, fe_positions(d), d->out_c, c->scaled, d->out_c);
    for (int32_t first = 0, count; first < places; first += count) {
        const int64_t at = (int64_t)first * d->in_c;
        count = places - first < c->block ? places - first : c->block;
        if (c->terms != 0)
            gather(c, first, count);
        const fe_product p = {c->terms != 0 ? c->terms : c->scaled, c->panels, c->depth, 1, count, d->in_c, c->depth};
        h->kernels->product_f32(&p, c->waiting == 0 ? 0 : c->waiting + at, c->e + at, d->in_c);
    }
}

void fe_prepare_conv_grad_f32(fe_prepare *p, fe_host_step *step)
{
    const fe_grad_step *s = (const void *)step->plan;
    const fe_geometry *d = &s->d;
    fe_conv_grad c = {0}, *kept;
    if (d->groups != 1)
        return;
    kept = fe_hold(p, sizeof(*kept));
    c.d = d;
    c.g = fe_at(p->node, s->flow.g);
    c.scale = fe_at(p->node, s->r);
    c.waiting = fe_at(p->node, s->flow.waiting);
    c.e = fe_at(p->node, s->flow.e);
    c.depth = d->out_c * d->k_h * d->k_w;
    c.block = BLOCK_BYTES / (4 * c.depth) / TILE * TILE;
    c.block = fe_pointwise(d) ? d->in_h * d->in_w : c.block < TILE ? TILE : c.block;
    c.w = fe_rows_of(p, s->w_trained, s->w_frozen, c.depth, d->trained, d->in_c);
    c.panels = fe_hold(p, 4 * (int64_t)fe_up(d->in_c, FE_PANEL) * c.depth);
    c.scaled = fe_borrow(p, 4 * (int64_t)fe_positions(d) * d->out_c);
    c.terms = fe_pointwise(d) ? 0 : fe_borrow(p, 4 * (int64_t)c.block * c.depth);
    step->run = run_grad;
    step->kept = kept;
    if (fe_counting(p))
        return;
    *kept = c;
    if (c.w.na == 0)
        pack(p->kernels, &c, c.w.frozen);
}

typedef struct {
    const fe_geometry *d;
    const float *g;
    const int8_t *x;
    int8_t *w;
    int32_t n, direct, fast;
    fe_padded padded;
    int8_t *columns;
    float *inputs, *sums;
} fe_conv_update;

void fe_step_rows_f32(const fe_host *h, const fe_update *u, int fast, int32_t first, int32_t count, const float *sums,
                      int8_t *w, int32_t n)
{
    for (int32_t o = first; o < first + count; o++, sums += n) {
        const fe_real rate = fe_rate_of(u, o);
        const uint32_t number = (uint32_t)o * (uint32_t)n;
        if (fast)
            h->kernels->step_row_f32(u->key, number, fe_real_f32(rate, 16), sums, w + number, n);
        else
            fe_step_row_f32(u, rate, number, w + number, sums, n);
    }
}

/* Padding is multiplied like any other place, which is exact while no gradient is infinite. */
static void run_update(const fe_host *h, const fe_host_step *step)
{
    const fe_conv_update *c = step->kept;
    const fe_geometry *d = c->d;
    const int32_t positions = fe_positions(d);
    const fe_update u = fe_update_at(h, (const void *)step->plan);
    if (!c->direct && !h->kernels->finite_f32(positions * d->out_c, c->g)) {
        fe_run_step(&h->node, step->plan, h->course, h->key);
        return;
    }
    if (!c->direct) {
        fe_fill_padded(&c->padded, c->x);
        fe_columns(&c->padded, d->trained, 0, positions, c->columns, c->n);
    }
    h->kernels->pack_f32(c->direct ? c->x : c->columns, positions, c->n, c->direct ? d->in_c : c->n, d->zero_x,
                         c->inputs);
    for (int32_t o = 0; o < d->out_c; o += TILE) {
        const int32_t rows = d->out_c - o < TILE ? d->out_c - o : TILE;
        const fe_product p = {c->g + o, c->inputs, 1, d->out_c, rows, c->n, positions};
        h->kernels->product_f32(&p, 0, c->sums, c->n);
        fe_step_rows_f32(h, &u, c->fast, o, p.m, c->sums, c->w, c->n);
    }
}

void fe_prepare_conv_update_f32(fe_prepare *p, fe_host_step *step)
{
    const fe_update_step *s = (const void *)step->plan;
    const fe_geometry *d = &s->d;
    fe_conv_update c = {0}, *kept;
    if (d->groups != 1)
        return;
    kept = fe_hold(p, sizeof(*kept));
    c.d = d;
    c.g = fe_at(p->node, s->g);
    c.x = fe_at(p->node, s->x);
    c.w = fe_at(p->node, s->w);
    c.n = d->k_h * d->k_w * d->trained;
    c.direct = fe_pointwise(d);
    c.fast = fe_is_stochastic(p, s);
    if (!c.direct) {
        c.padded = fe_padded_of(p, d);
        c.columns = fe_borrow(p, fe_columns_bytes(fe_positions(d), c.n));
    }
    c.inputs = fe_borrow(p, 4 * (int64_t)fe_positions(d) * fe_up(c.n, FE_PANEL));
    c.sums = fe_borrow(p, 4 * (int64_t)TILE * c.n);
    step->run = run_update;
    step->kept = kept;
    if (!fe_counting(p))
        *kept = c;
}

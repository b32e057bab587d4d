/* SPDX-License-Identifier: Apache-2.0
 *
 * Weight gradients of convolutions: a product over positions, two at a time, of output gradients and inputs; a few rows
 * of it at a time become steps of weights while they lie in the first cache.
 */
#include "fe_executor.h"

typedef struct {
    const fe_geometry *d;
    const int8_t *g, *x;
    int8_t *w;
    int32_t n, outputs; /* trained weights of an output; outputs rounded up to a panel */
    int32_t direct, fast;
    fe_padded padded;
    int8_t *columns;
    void *inputs, *gradients;
    int32_t *sums;
    fe_rates rates;
} fe_conv_update;

enum { TILE = 12 };

static void step_rows(const fe_host *h, const fe_conv_update *c, const fe_update *u, int32_t first, int32_t count)
{
    for (int32_t r = 0; r < count; r++) {
        const int32_t o = first + r, *sums = c->sums + r * c->n;
        const uint32_t number = (uint32_t)o * (uint32_t)c->n;
        const fe_rate rate = {c->rates.mant[o], c->rates.count[o], c->rates.limit[o]};
        if (c->fast)
            h->kernels->step_row(u->key, number, rate, sums, c->w + number, c->n);
        else
            fe_step_row(u, fe_rate_of(u, o), number, c->w + number, sums, c->n);
    }
}

static void run(const fe_host *h, const fe_host_step *step)
{
    const fe_conv_update *c = step->kept;
    const fe_geometry *d = c->d;
    const fe_kernels *k = h->kernels;
    const int32_t positions = fe_positions(d), pairs = (positions + 1) / 2;
    const fe_update u = fe_update_at(h, (const void *)step->plan);
    if (!c->direct) {
        fe_fill_padded(&c->padded, c->x);
        fe_columns(&c->padded, d->trained, 0, positions, c->columns, c->n);
    }
    k->pack_pairs(c->direct ? c->x : c->columns, positions, c->n, c->direct ? d->in_c : c->n, d->zero_x, c->inputs,
                  pairs * FE_PANEL, FE_PANEL);
    k->pack_pairs(c->g, positions, d->out_c, d->out_c, 0, c->gradients, FE_PANEL, c->outputs);
    k->rates(u.rates, u.rate, 31 + u.k - 16, d->out_c, &c->rates);
    for (int32_t o = 0; o < d->out_c; o += TILE) {
        const fe_product p = {(const int32_t *)c->gradients + o, c->inputs, 1, c->outputs,
                              d->out_c - o < TILE ? d->out_c - o : TILE, c->n, pairs};
        k->product_s32(&p, c->sums, c->n);
        step_rows(h, c, &u, o, p.m);
    }
}

void fe_prepare_conv_update(fe_prepare *p, fe_host_step *step)
{
    const fe_update_step *s = (const void *)step->plan;
    const fe_geometry *d = &s->d;
    const int64_t pairs = (fe_positions(d) + 1) / 2;
    fe_conv_update c = {0}, *kept;
    if (d->groups != 1)
        return;
    kept = fe_hold(p, sizeof(*kept));
    c.d = d;
    c.g = fe_at(p->node, s->g);
    c.x = fe_at(p->node, s->x);
    c.w = fe_at(p->node, s->w);
    c.n = d->k_h * d->k_w * d->trained;
    c.outputs = fe_up(d->out_c, FE_PANEL);
    c.direct = fe_pointwise(d);
    c.fast = fe_is_stochastic(p, s);
    if (!c.direct) {
        c.padded = fe_padded_of(p, d);
        c.columns = fe_borrow(p, fe_columns_bytes(fe_positions(d), c.n));
    }
    c.inputs = fe_borrow(p, 4 * pairs * fe_up(c.n, FE_PANEL));
    c.gradients = fe_borrow(p, 4 * pairs * c.outputs);
    c.sums = fe_borrow(p, 4 * (int64_t)TILE * c.n);
    c.rates = fe_rates_room(p, d->out_c);
    step->run = run;
    step->kept = kept;
    if (!fe_counting(p))
        *kept = c;
}

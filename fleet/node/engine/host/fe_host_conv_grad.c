/* SPDX-License-Identifier: Apache-2.0
 *
 * Input gradients of convolutions: a product of factors t and weights; of a larger kernel, its columns are then added
 * to the places they came from.
 */
#include "fe_executor.h"

typedef struct {
    const fe_geometry *d;
    const int8_t *g;
    int32_t *acc;
    fe_rows w;
    int16_t *minus_r;
    void *panels;
    int32_t size, row, block; /* K I, factors of a position rounded up to a pair, positions at a time */
    int32_t left;
    int16_t *t;
    int32_t *columns;
} fe_conv_grad;

enum { BLOCK_BYTES = 65536, TILE = 12 };

static void pack(const fe_kernels *k, const fe_conv_grad *c, const int8_t *w)
{
    k->pack_pairs(w, c->d->out_c, c->size, c->size, 0, c->panels, c->row / 2 * FE_PANEL, FE_PANEL);
}

/* acc += the columns of positions first, ... first + count. */
static void spread(const fe_kernels *k, const fe_conv_grad *c, int32_t first, int32_t count)
{
    const fe_geometry *d = c->d;
    const int32_t *from = c->columns;
    for (int32_t at = first; at < first + count; at++, from += c->size) {
        const fe_window v = fe_window_at(d, at / d->out_w, at % d->out_w);
        for (int32_t ky = v.y0; ky < v.y1; ky++)
            k->accumulate((v.x1 - v.x0) * d->in_c, from + (ky * d->k_w + v.x0) * d->in_c,
                          c->acc + ((int64_t)(v.in_y + ky) * d->in_w + v.in_x + v.x0) * d->in_c);
    }
}

static void run(const fe_host *h, const fe_host_step *step)
{
    const fe_grad_step *s = (const void *)step->plan;
    const fe_conv_grad *c = step->kept;
    const fe_geometry *d = c->d;
    const int32_t positions = fe_positions(d), direct = c->columns == 0;
    if (c->w.na > 0)
        pack(h->kernels, c, fe_rows_now(&c->w));
    if (!direct)
        __builtin_memset(c->acc, 0, sizeof(int32_t) * (size_t)(d->in_h * d->in_w * d->in_c));
    for (int32_t first = 0, count; first < positions; first += count) {
        const int32_t left = positions - first, rows = left < c->block ? left : c->block;
        const fe_product p = {c->t, c->panels, c->row / 2, 1, rows, c->size, c->row / 2};
        count = rows;
        h->kernels->factors(c->g + (int64_t)first * d->out_c, c->minus_r, count, d->out_c, c->left, c->t, c->row);
        h->kernels->product_s32(&p, direct ? c->acc + (int64_t)first * d->in_c : c->columns, c->size);
        if (!direct)
            spread(h->kernels, c, first, count);
    }
    fe_settle(h, &s->flow, c->acc, s->r_exp);
}

void fe_prepare_conv_grad(fe_prepare *p, fe_host_step *step)
{
    const fe_grad_step *s = (const void *)step->plan;
    const fe_geometry *d = &s->d;
    fe_conv_grad c = {0}, *kept;
    if (d->groups != 1)
        return;
    kept = fe_hold(p, sizeof(*kept));
    c.d = d;
    c.g = fe_at(p->node, s->flow.g);
    c.acc = fe_sums_of(p, &s->flow);
    c.size = d->k_h * d->k_w * d->in_c;
    c.row = fe_up(d->out_c, 2);
    c.left = 15 - s->r_shift;
    c.block = BLOCK_BYTES / (2 * c.row + 4 * c.size) / TILE * TILE;
    c.block = c.block < TILE ? TILE : c.block;
    c.block = c.block < fe_positions(d) ? c.block : fe_positions(d);
    c.w = fe_rows_of(p, s->w_trained, s->w_frozen, d->out_c * d->k_h * d->k_w, d->trained, d->in_c);
    c.minus_r = fe_hold(p, 2 * (int64_t)fe_up(d->out_c, FE_PANEL));
    c.panels = fe_hold(p, (int64_t)fe_up(c.size, FE_PANEL) * c.row * 2);
    c.t = fe_borrow(p, 2 * (int64_t)c.block * c.row);
    c.columns = fe_pointwise(d) ? 0 : fe_borrow(p, 4 * (int64_t)c.block * c.size);
    step->run = run;
    step->kept = kept;
    if (fe_counting(p))
        return;
    *kept = c;
    fe_put_factors(c.minus_r, fe_at(p->node, s->r), d->out_c);
    if (c.w.na == 0)
        pack(p->kernels, &c, c.w.frozen);
}

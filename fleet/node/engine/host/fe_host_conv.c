/* SPDX-License-Identifier: Apache-2.0
 *
 * Convolutions forward, as a product of positions and packed weights; a pointwise layer's map is its own left side.
 */
#include "fe_executor.h"

typedef struct {
    const fe_geometry *d;
    const int8_t *x;
    int8_t *y;
    uint8_t *mask;
    const int32_t *bias;
    fe_reals scale;
    fe_rows w;
    fe_scales to;
    void *panels;
    int32_t *offset;
    int32_t size, row, block; /* products per output, rounded up to whole words, positions at a time */
    int32_t direct;           /* x is read as it lies */
    fe_padded padded;         /* scratch */
    int8_t *columns;          /* scratch of a block */
    void *laid;
    int32_t *sums;
} fe_conv;

enum { BLOCK_BYTES = 24576, TILE = 12 };

/* Positions at a time, so that what a block lays stays in the first cache. */
static int32_t block_of(int32_t row, int32_t positions)
{
    const int32_t fit = BLOCK_BYTES / (2 * row) / TILE * TILE;
    const int32_t block = fit < TILE ? TILE : fit;
    return block < positions ? block : positions;
}

static void pack(const fe_host *h, const fe_conv *c)
{
    h->kernels->pack_forward(fe_rows_now(&c->w), c->d->out_c, c->size, c->d->zero_x, c->panels, c->offset);
}

/* Where some scale is 1 or more. */
static void scale_sums(const fe_conv *c, int32_t first, int32_t count)
{
    const int32_t n = c->d->out_c;
    const int32_t *acc = c->sums;
    for (int32_t i = first * n; i < (first + count) * n; i += n)
        for (int32_t o = 0; o < n; o++)
            c->y[i + o] = fe_clip_s8(fe_scale(*acc++, fe_real_at(c->scale, o)), c->d->zero_y, c->d->low, c->d->high,
                                     c->mask, i + o);
}

static void run(const fe_host *h, const fe_host_step *step)
{
    const fe_conv *c = step->kept;
    const fe_geometry *d = c->d;
    const int32_t positions = fe_positions(d), words = c->row / h->kernels->s8_depth;
    const fe_requant q = {c->to.bias, c->to.mant, c->to.half, c->to.shift, d->zero_y, d->low, d->high};
    if (c->w.na > 0 && h->changed)
        pack(h, c);
    fe_put_biases(&c->to, c->bias, c->offset, d->out_c, 0);
    if (!c->direct)
        fe_fill_padded(&c->padded, c->x);
    if (c->mask != 0 && (d->out_c % FE_PANEL != 0 || c->to.upward))
        __builtin_memset(c->mask, 0, (size_t)(positions * d->out_c + 7) / 8);
    for (int32_t first = 0, count; first < positions; first += count) {
        const fe_product p = {c->laid, c->panels, words, 1, positions - first < c->block ? positions - first : c->block,
                              d->out_c, words};
        const int8_t *from = c->direct ? c->x + (int64_t)first * d->in_c : c->columns;
        count = p.m;
        if (!c->direct)
            fe_columns(&c->padded, d->in_c, first, count, c->columns, c->row);
        h->kernels->lay(from, count * c->row, d->zero_x, c->laid);
        if (c->to.upward) {
            h->kernels->product_init(&p, c->to.bias, c->sums, d->out_c);
            scale_sums(c, first, count);
        } else {
            h->kernels->product_s8(&p, &q, first, c->y, c->mask);
        }
    }
}

void fe_prepare_conv(fe_prepare *p, fe_host_step *step)
{
    const fe_layer_step *s = (const void *)step->plan;
    const fe_geometry *d = &s->d;
    fe_conv c = {0}, *kept;
    if (d->groups != 1)
        return;
    kept = fe_hold(p, sizeof(*kept));
    c.d = d;
    c.x = fe_at(p->node, s->x);
    c.y = fe_at(p->node, s->y);
    c.mask = fe_at(p->node, s->mask);
    c.bias = fe_at(p->node, s->bias);
    c.scale = fe_reals_at(p->node, s->scale, d->out_c);
    c.size = d->k_h * d->k_w * d->in_c;
    c.row = fe_up(c.size, p->kernels->s8_depth);
    c.block = block_of(c.row, fe_positions(d));
    c.direct = fe_pointwise(d) && c.row == d->in_c;
    c.w = fe_rows_of(p, s->w_trained, s->w_frozen, d->out_c * d->k_h * d->k_w, d->trained, d->in_c);
    c.to = fe_scales_of(p, c.scale, d->out_c, 0);
    c.panels = fe_hold(p, (int64_t)fe_up(d->out_c, FE_PANEL) * c.row * 4 / p->kernels->s8_depth);
    c.offset = fe_hold(p, 4 * (int64_t)fe_up(d->out_c, FE_PANEL));
    if (!c.direct) {
        c.padded = fe_padded_of(p, d);
        c.columns = fe_borrow(p, fe_columns_bytes(c.block, c.row));
    }
    c.laid = fe_borrow(p, (int64_t)c.block * c.row * 4 / p->kernels->s8_depth);
    c.sums = c.to.upward ? fe_borrow(p, 4 * (int64_t)c.block * d->out_c) : 0;
    step->run = run;
    step->kept = kept;
    if (fe_counting(p))
        return;
    *kept = c;
    if (c.w.na == 0)
        p->kernels->pack_forward(c.w.frozen, d->out_c, c.size, d->zero_x, c.panels, c.offset);
}

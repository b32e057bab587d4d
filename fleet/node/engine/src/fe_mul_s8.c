/* SPDX-License-Identifier: Apache-2.0
 *
 * Product of two maps with their own scales, int8; a side of 1 is repeated.   x, x2: s8   y: s8 [h][w][c]
 */
#include "fe_mul_s8.h"

/* y = s_x s_x2 / s_y (x - zx) (x2 - zx2) + zy, rounded as TFLite Micro does. */
void fe_mul_s8_forward(const fe_mul *d, const int8_t *x, const int8_t *x2, int8_t *y, uint8_t *mask)
{
    const fe_pair *p = &d->p;
    int32_t i = 0;
    if (mask != 0)
        fe_clear(mask, (p->h * p->w * p->c + 7) / 8);
    for (int32_t h = 0; h < p->h; h++)
        for (int32_t w = 0; w < p->w; w++) {
            const int8_t *a = x + h * p->x_h + w * p->x_w, *b = x2 + h * p->x2_h + w * p->x2_w;
            for (int32_t c = 0; c < p->c; c++, i++) {
                const int32_t product = (a[c * p->x_c] - d->zero_x) * (b[c * p->x2_c] - d->zero_x2);
                y[i] = fe_clip_s8(fe_scale(product, d->scale), d->zero_y, d->low, d->high, mask, i);
            }
        }
}

/* acc += g (other - z) over the places that repeat this one. */
static void products(const fe_grad_mul *m, const fe_operands *a, int32_t place, int32_t *acc)
{
    const fe_repeat *d = &m->d;
    const fe_span rows = fe_repeats(d->in_h, d->out_h, place / d->in_w);
    const fe_span columns = fe_repeats(d->in_w, d->out_w, place % d->in_w);
    const int32_t step = d->in_c == d->out_c ? 1 : 0;
    for (int32_t y = rows.first; y < rows.end; y++)
        for (int32_t x = columns.first; x < columns.end; x++) {
            const int8_t *g = (const int8_t *)a->g + (y * d->out_w + x) * d->out_c;
            const int8_t *other = a->x2 + y * m->other_h + x * m->other_w;
            for (int32_t c = 0; c < d->out_c; c++)
                acc[c * step] += g[c] * (other[c * m->other_c] - m->zero);
        }
}

/* acc: 0 beforehand. Where nothing repeats, g (other - z) R is below 2^30; a sum of 66,311 products fits 32 bits and
 * its product with R is taken in 64. */
void fe_mul_s8_grad_place(const void *step, const fe_operands *a, int32_t place, int32_t *acc)
{
    const fe_grad_mul *m = step;
    const fe_repeat *d = &m->d;
    const int plain = d->in_h == d->out_h && d->in_w == d->out_w && d->in_c == d->out_c;
    products(m, a, place, acc);
    for (int32_t c = 0; c < d->in_c; c++)
        acc[c] = plain ? acc[c] * m->factor : fe_round_shift64((int64_t)acc[c] * m->factor, 15);
}

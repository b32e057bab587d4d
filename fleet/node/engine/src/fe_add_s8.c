/* SPDX-License-Identifier: Apache-2.0
 *
 * Sum of two maps with their own scales, int8; a side of 1 is repeated.   x, x2: s8   y: s8 [h][w][c]
 * Gradients are with respect to real values, so both inputs receive the output's gradient unchanged.
 */
#include "fe_add_s8.h"

/* y = s_y^-1 (s_x (x - zx) + s_x2 (x2 - zx2)) + zy, rounded as TFLite Micro does. */
static inline int8_t sum(const fe_add *d, int32_t x, int32_t x2, uint8_t *mask, int32_t i)
{
    const int32_t a = fe_scale((x - d->zero_x) * (1 << 20), d->scale_x);
    const int32_t b = fe_scale((x2 - d->zero_x2) * (1 << 20), d->scale_x2);
    return fe_clip_s8(fe_scale(a + b, d->scale_y), d->zero_y, d->low, d->high, mask, i);
}

static int32_t is_plain(const fe_pair *p)
{
    const int32_t line = p->w * p->c;
    return p->x_h == line && p->x2_h == line && p->x_w == p->c && p->x2_w == p->c && p->x_c == 1 && p->x2_c == 1;
}

static void repeated(const fe_add *d, const int8_t *x, const int8_t *x2, int8_t *y, uint8_t *mask)
{
    const fe_pair *p = &d->p;
    int32_t i = 0;
    for (int32_t h = 0; h < p->h; h++)
        for (int32_t w = 0; w < p->w; w++) {
            const int8_t *in = x + h * p->x_h + w * p->x_w, *in2 = x2 + h * p->x2_h + w * p->x2_w;
            for (int32_t c = 0; c < p->c; c++, i++)
                y[i] = sum(d, in[c * p->x_c], in2[c * p->x2_c], mask, i);
        }
}

void fe_add_s8_forward(const fe_add *d, const int8_t *x, const int8_t *x2, int8_t *y, uint8_t *mask)
{
    const int32_t size = d->p.h * d->p.w * d->p.c;
    if (mask != 0)
        fe_clear(mask, (size + 7) / 8);
    if (is_plain(&d->p))
        for (int32_t i = 0; i < size; i++)
            y[i] = sum(d, x[i], x2[i], mask, i);
    else
        repeated(d, x, x2, y, mask);
}

/* dx = g, as accumulators at the exponent of g. */
void fe_add_s8_grad_in(int32_t size, const int8_t *g, int32_t *dx)
{
    for (int32_t i = 0; i < size; i++)
        dx[i] = g[i];
}

/* acc[i] += g at every place that repeats this one. |sum| <= 127 * 66311. */
void fe_add_s8_grad_place(const void *step, const fe_operands *a, int32_t place, int32_t *acc)
{
    const fe_repeat *d = step;
    const fe_span rows = fe_repeats(d->in_h, d->out_h, place / d->in_w);
    const fe_span columns = fe_repeats(d->in_w, d->out_w, place % d->in_w);
    const int32_t step_c = d->in_c == d->out_c ? 1 : 0;
    for (int32_t y = rows.first; y < rows.end; y++)
        for (int32_t x = columns.first; x < columns.end; x++) {
            const int8_t *g = (const int8_t *)a->g + (y * d->out_w + x) * d->out_c;
            for (int32_t c = 0; c < d->out_c; c++)
                acc[c * step_c] += g[c];
        }
}

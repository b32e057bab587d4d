/* SPDX-License-Identifier: Apache-2.0
 *
 * Sum of two maps with their own scales, int8; a side of 1 is repeated.   x, x2: s8   y: s8 [h][w][c]
 * Gradients are with respect to real values, so both inputs receive the output's gradient unchanged.
 */
#include "fe_add_s8.h"
#include "fe_tile.h"

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

#if FE_TILES

/* Scales of both inputs and of their sum, prepared. halves: an input of the larger scale, of which half a step is one of
 * the sum's 2^19. */
typedef struct {
    fe_ends ends;
    fe_factor x, x2, y;
    int32_t halves, halves2;
} fe_sum_of;

static int32_t is_half(fe_real scale)
{
    return scale.mant == 1 << 30 && scale.exp == 0;
}

/* 0: these scales need the plain way. */
static int32_t prepare(const fe_add *d, fe_sum_of *to)
{
    to->ends.odd = to->ends.zero = 0;
    to->halves = is_half(d->scale_x);
    to->halves2 = is_half(d->scale_x2);
    fe_prepare(d->scale_x, 1, 0, &to->ends, &to->x);
    fe_prepare(d->scale_x2, 1, 0, &to->ends, &to->x2);
    to->ends.odd = (to->x.nudge == FE_ODD && !to->halves) || (to->x2.nudge == FE_ODD && !to->halves2);
    to->ends.zero = d->zero_y;
    fe_prepare(d->scale_y, 1, 0, &to->ends, &to->y);
    return to->ends.odd == 0;
}

/* The same for maps that lie side by side. */
FE_ALONE void prepared(const fe_add *d, const fe_sum_of *f, const int8_t *x, const int8_t *x2, int32_t size, int8_t *y,
                       uint8_t *mask)
{
    const int32_t zero = d->zero_x, zero2 = d->zero_x2;
    uint32_t kept = 0;
    for (int32_t i = 0; i < size; i++) {
        const int32_t v = x[i] - zero, v2 = x2[i] - zero2;
        const int32_t a = f->halves ? v * (1 << 19) : fe_narrowed(&f->x, v * (1 << 20));
        const int32_t b = f->halves2 ? v2 * (1 << 19) : fe_narrowed(&f->x2, v2 * (1 << 20));
        const int32_t sum = fe_narrowed(&f->y, a + b), clipped = fe_clamp(sum, d->low, d->high);
        y[i] = (int8_t)clipped;
        kept |= (uint32_t)(sum == clipped) << (i & 7);
        if (mask != 0 && ((i & 7) == 7 || i + 1 == size)) {
            mask[i >> 3] = (uint8_t)kept;
            kept = 0;
        }
    }
}

#endif

void fe_add_s8_forward(const fe_add *d, const int8_t *x, const int8_t *x2, int8_t *y, uint8_t *mask)
{
    const int32_t size = d->p.h * d->p.w * d->p.c;
#if FE_TILES
    fe_sum_of f;
    if (is_plain(&d->p) && prepare(d, &f)) {
        prepared(d, &f, x, x2, size, y, mask);
        return;
    }
#endif
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

/* SPDX-License-Identifier: Apache-2.0
 *
 * Averages over windows or a whole map, and their gradients.
 */
#include "fe_executor.h"
#include "fe_map_steps.h"

/* sum / count, halves away from zero. */
static int32_t mean(int32_t sum, int32_t count)
{
    const int32_t half = count / 2;
    return (sum + (sum > 0 ? half : -half)) / count;
}

static void run_pool(const fe_host *h, const fe_host_step *step)
{
    const fe_pool_step *s = (const void *)step->plan;
    int32_t *sums = step->kept;
    int8_t *y = fe_at(&h->node, s->y);
    h->kernels->column_sums(fe_at(&h->node, s->x), s->positions, s->channels, sums);
    for (int32_t c = 0; c < s->channels; c++)
        y[c] = (int8_t)fe_clamp(mean(sums[c], s->positions), -128, 127);
}

static void run_grad_pool(const fe_host *h, const fe_host_step *step)
{
    const fe_grad_pool_step *s = (const void *)step->plan;
    const int32_t channels = s->flow.channels;
    const int8_t *g = fe_at(&h->node, s->flow.g);
    int32_t *acc = step->kept;
    for (int32_t c = 0; c < channels; c++)
        acc[c] = g[c] * s->factor;
    for (int32_t p = 1; p < s->flow.places; p++)
        __builtin_memcpy(acc + (int64_t)p * channels, acc, sizeof(int32_t) * (size_t)channels);
    fe_settle(h, &s->flow, acc, s->exp);
}

/* Sums of the channels under a window; row: scratch of as many numbers. */
static void window_sums(const fe_kernels *k, const fe_geometry *d, const fe_window *v, const int8_t *x, int32_t *sums,
                        int32_t *row)
{
    const int32_t columns = v->x1 - v->x0, rows = v->y1 - v->y0, n = d->in_c;
    const int8_t *at = x + ((int64_t)(v->in_y + v->y0) * d->in_w + v->in_x + v->x0) * n;
    if (columns == d->in_w) {
        k->column_sums(at, rows * columns, n, sums);
        return;
    }
    __builtin_memset(sums, 0, sizeof(int32_t) * (size_t)n);
    for (int32_t y = 0; y < rows; y++, at += (int64_t)d->in_w * n) {
        k->column_sums(at, columns, n, row);
        k->accumulate(n, row, sums);
    }
}

static void run_average(const fe_host *h, const fe_host_step *step)
{
    const fe_window_step *s = (const void *)step->plan;
    const fe_geometry *d = &s->d;
    const int8_t *x = fe_at(&h->node, s->x);
    int8_t *y = fe_at(&h->node, s->y);
    uint8_t *mask = fe_at(&h->node, s->mask);
    int32_t *sums = step->kept, i = 0;
    if (mask != 0)
        __builtin_memset(mask, 0, (size_t)(fe_positions(d) * d->out_c + 7) / 8);
    for (int32_t at = 0; at < fe_positions(d); at++) {
        const fe_window v = fe_window_at(d, at / d->out_w, at % d->out_w);
        const int32_t count = (v.y1 - v.y0) * (v.x1 - v.x0);
        if (count > 0)
            window_sums(h->kernels, d, &v, x, sums, sums + d->in_c);
        for (int32_t c = 0; c < d->out_c; c++, i++)
            y[i] = fe_clip_s8(count > 0 ? mean(sums[c], count) : 0, 0, d->low, d->high, mask, i);
    }
}

typedef struct {
    int32_t *acc, *share;
} fe_shares;

/* Every window gives all its places the same. */
static void run_grad_average(const fe_host *h, const fe_host_step *step)
{
    const fe_grad_window_step *s = (const void *)step->plan;
    const fe_geometry *d = &s->d.d;
    const int32_t n = d->out_c;
    const int8_t *g = fe_at(&h->node, s->flow.g);
    const fe_shares *kept = step->kept;
    int32_t *acc = kept->acc, *share = kept->share;
    __builtin_memset(acc, 0, sizeof(int32_t) * (size_t)(d->in_h * d->in_w * n));
    for (int32_t at = 0; at < fe_positions(d); at++, g += n) {
        const fe_window v = fe_window_at(d, at / d->out_w, at % d->out_w);
        const uint32_t count = (uint32_t)((v.y1 - v.y0) * (v.x1 - v.x0));
        const int32_t factor = count == 0 ? 0 : (int32_t)((((uint32_t)1 << s->d.exp) + count / 2) / count);
        for (int32_t c = 0; c < n; c++)
            share[c] = g[c] * factor;
        for (int32_t ky = v.y0; ky < v.y1; ky++)
            for (int32_t kx = v.x0; kx < v.x1; kx++)
                h->kernels->accumulate(n, share, acc + ((int64_t)(v.in_y + ky) * d->in_w + v.in_x + kx) * n);
    }
    fe_settle(h, &s->flow, acc, s->d.exp);
}

static void prepare_grad_average(fe_prepare *p, fe_host_step *step)
{
    const fe_grad_window_step *s = (const void *)step->plan;
    fe_shares c, *kept = fe_hold(p, sizeof(*kept));
    c.acc = fe_sums_of(p, &s->flow);
    c.share = fe_borrow(p, 4 * (int64_t)s->d.d.out_c);
    step->kept = kept;
    step->run = run_grad_average;
    if (!fe_counting(p))
        *kept = c;
}

void fe_prepare_pool(fe_prepare *p, fe_host_step *step)
{
    const void *s = step->plan;
    switch (step->plan->op) {
    case FE_POOL:
        step->kept = fe_borrow(p, 4 * (int64_t)((const fe_pool_step *)s)->channels);
        step->run = run_pool;
        break;
    case FE_AVERAGE_POOL:
        step->kept = fe_borrow(p, 8 * (int64_t)((const fe_window_step *)s)->d.in_c);
        step->run = run_average;
        break;
    case FE_GRAD_POOL:
        step->kept = fe_sums_of(p, &((const fe_grad_pool_step *)s)->flow);
        step->run = run_grad_pool;
        break;
    default:
        prepare_grad_average(p, step);
        break;
    }
}

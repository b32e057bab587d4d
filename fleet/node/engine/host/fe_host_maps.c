/* SPDX-License-Identifier: Apache-2.0
 *
 * Steps value by value: masks, blocks, merges, copies, the global pool; and biases.
 */
#include "fe_executor.h"

static void run_mask(const fe_host *h, const fe_host_step *step)
{
    const fe_mask_step *s = (const void *)step->plan;
    h->kernels->mask(s->size, fe_at(&h->node, s->mask), fe_at(&h->node, s->g));
}

static void run_block(const fe_host *h, const fe_host_step *step)
{
    const fe_move_step *s = (const void *)step->plan;
    const int32_t *acc = fe_at(&h->node, s->from);
    int32_t *k = fe_exponents(&h->node), shift = 0;
    const int32_t most = h->kernels->largest(s->size, acc);
    while ((most >> shift) > 127)
        shift++;
    h->kernels->shift(s->size, acc, shift, fe_at(&h->node, s->to));
    k[s->to_k] = k[s->from_k] - shift;
}

/* As fe_merge: acc gives way where the waiting gradient is much coarser. */
static void run_merge(const fe_host *h, const fe_host_step *step)
{
    const fe_move_step *s = (const void *)step->plan;
    int32_t *k = fe_exponents(&h->node), *acc = fe_at(&h->node, s->to);
    int32_t shift = k[s->to_k] - k[s->from_k];
    if (shift > 22) {
        for (int32_t i = 0; i < s->size; i++)
            acc[i] = fe_round_shift(acc[i], shift - 22);
        k[s->to_k] -= shift - 22;
        shift = 22;
    }
    h->kernels->merge(s->size, fe_at(&h->node, s->from), shift, acc);
}

static void run_copy(const fe_host *h, const fe_host_step *step)
{
    const fe_move_step *s = (const void *)step->plan;
    int32_t *k = fe_exponents(&h->node);
    __builtin_memcpy(fe_at(&h->node, s->to), fe_at(&h->node, s->from), (size_t)s->size);
    k[s->to_k] = k[s->from_k];
}

static void run_pool(const fe_host *h, const fe_host_step *step)
{
    const fe_pool_step *s = (const void *)step->plan;
    int32_t *sums = step->kept;
    int8_t *y = fe_at(&h->node, s->y);
    h->kernels->column_sums(fe_at(&h->node, s->x), s->positions, s->channels, sums);
    for (int32_t c = 0; c < s->channels; c++) {
        const int32_t half = s->positions / 2, sum = sums[c] + (sums[c] > 0 ? half : -half);
        y[c] = (int8_t)fe_clamp(sum / s->positions, -128, 127);
    }
}

static void run_grad_pool(const fe_host *h, const fe_host_step *step)
{
    const fe_grad_pool_step *s = (const void *)step->plan;
    const int32_t channels = s->flow.channels;
    const int8_t *g = fe_at(&h->node, s->flow.g);
    int32_t *k = fe_exponents(&h->node), *acc = fe_at(&h->node, s->flow.acc);
    for (int32_t c = 0; c < channels; c++)
        acc[c] = g[c] * s->factor;
    for (int32_t p = 1; p < s->flow.places; p++)
        __builtin_memcpy(acc + (int64_t)p * channels, acc, sizeof(int32_t) * (size_t)channels);
    k[s->flow.k] = k[s->flow.gk] + s->exp;
}

void fe_prepare_map(fe_prepare *p, fe_host_step *step)
{
    const int32_t op = step->plan->op;
    if (fe_header(p->node)->gradients != FE_INT8 && op != FE_POOL)
        return;
    if (op == FE_POOL) {
        step->kept = fe_borrow(p, 4 * (int64_t)((const fe_pool_step *)(const void *)step->plan)->channels);
        step->run = run_pool;
    } else if (op == FE_GRAD_POOL) {
        if (((const fe_grad_pool_step *)(const void *)step->plan)->flow.shift < 0)
            step->run = run_grad_pool;
    } else {
        step->run = op == FE_MASK ? run_mask : op == FE_BLOCK ? run_block : op == FE_MERGE ? run_merge : run_copy;
    }
}

static void run_bias(const fe_host *h, const fe_host_step *step)
{
    const fe_bias_step *s = (const void *)step->plan;
    int32_t *sums = step->kept, *b = fe_at(&h->node, s->b);
    fe_update u = {0};
    u.rate = h->course->rate;
    u.rates = fe_reals_at(&h->node, s->rate, s->channels);
    u.k = fe_exponents(&h->node)[s->gk];
    u.momentum = fe_header(&h->node)->momentum;
    u.velocity = fe_at(&h->node, s->velocity);
    u.sum = fe_at(&h->node, s->sum);
    h->kernels->column_sums(fe_at(&h->node, s->g), s->positions, s->channels, sums);
    for (int32_t c = 0; c < s->channels; c++)
        if (sums[c] != 0 || fe_moves_all(&u)) {
            const fe_real rate = fe_rate_of(&u, c);
            fe_take_bias(&u, c, b + c, fe_round_shift64((int64_t)sums[c] * rate.mant, 31 - rate.exp + u.k));
        }
}

void fe_prepare_bias(fe_prepare *p, fe_host_step *step)
{
    const fe_bias_step *s = (const void *)step->plan;
    if (fe_header(p->node)->gradients != FE_INT8)
        return;
    step->kept = fe_borrow(p, 4 * (int64_t)s->channels);
    step->run = run_bias;
}

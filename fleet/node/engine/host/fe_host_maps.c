/* SPDX-License-Identifier: Apache-2.0
 *
 * Steps value by value: masks, blocks, merges, copies; and biases.
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
int32_t fe_merge_waiting(const fe_host *h, int32_t size, const int8_t *waiting, int32_t k_waiting, int32_t *acc,
                         int32_t k)
{
    const int32_t shift = k - k_waiting, excess = shift > 22 ? shift - 22 : 0;
    for (int32_t i = 0; excess > 0 && i < size; i++)
        acc[i] = fe_round_shift(acc[i], excess);
    h->kernels->merge(size, waiting, shift - excess, acc);
    return k - excess;
}

static void run_merge(const fe_host *h, const fe_host_step *step)
{
    const fe_move_step *s = (const void *)step->plan;
    int32_t *k = fe_exponents(&h->node);
    const int8_t *waiting = fe_at(&h->node, s->from);
    k[s->to_k] = fe_merge_waiting(h, s->size, waiting, k[s->from_k], fe_at(&h->node, s->to), k[s->to_k]);
}

int32_t *fe_sums_of(fe_prepare *p, const fe_flow *flow)
{
    return flow->shift < 0 ? fe_at(p->node, flow->acc) : fe_borrow(p, 4 * (int64_t)flow->places * flow->channels);
}

void fe_settle(const fe_host *h, const fe_flow *flow, int32_t *sums, int32_t exp)
{
    const int32_t size = flow->places * flow->channels;
    const int8_t *waiting = fe_at(&h->node, flow->waiting);
    int32_t *k = fe_exponents(&h->node), reached = k[flow->gk] + exp;
    if (flow->shift < 0) {
        k[flow->k] = reached;
        return;
    }
    if (waiting != 0)
        reached = fe_merge_waiting(h, size, waiting, k[flow->waiting_k], sums, reached);
    h->kernels->shift(size, sums, flow->shift, fe_at(&h->node, flow->e));
    k[flow->ek] = reached - flow->shift;
}

static void run_copy(const fe_host *h, const fe_host_step *step)
{
    const fe_move_step *s = (const void *)step->plan;
    int32_t *k = fe_exponents(&h->node);
    __builtin_memcpy(fe_at(&h->node, s->to), fe_at(&h->node, s->from), (size_t)s->size);
    k[s->to_k] = k[s->from_k];
}

void fe_prepare_map(fe_host_step *step)
{
    const int32_t op = step->plan->op;
    step->run = op == FE_MASK ? run_mask : op == FE_BLOCK ? run_block : op == FE_MERGE ? run_merge : run_copy;
}

typedef struct {
    int32_t *sums;
    fe_rates rates;
} fe_biases;

/* One by one, by the engine's own functions, where a recipe remembers something of biases. */
static void step_biases(const fe_host *h, const fe_bias_step *s, fe_update *u, const int32_t *sums, int32_t *b)
{
    u->momentum = fe_header(&h->node)->momentum;
    u->velocity = fe_at(&h->node, s->velocity);
    u->sum = fe_at(&h->node, s->sum);
    for (int32_t c = 0; c < s->channels; c++)
        if (sums[c] != 0 || fe_moves_all(u)) {
            const fe_real rate = fe_rate_of(u, c);
            fe_take_bias(u, c, b + c, fe_round_shift64((int64_t)sums[c] * rate.mant, 31 - rate.exp + u->k));
        }
}

static void run_bias(const fe_host *h, const fe_host_step *step)
{
    const fe_bias_step *s = (const void *)step->plan;
    const fe_biases *c = step->kept;
    int32_t *b = fe_at(&h->node, s->b);
    fe_update u = {0};
    u.rate = h->course->rate;
    u.rates = fe_reals_at(&h->node, s->rate, s->channels);
    u.k = fe_exponents(&h->node)[s->gk];
    h->kernels->column_sums(fe_at(&h->node, s->g), s->positions, s->channels, c->sums);
    if (s->velocity != 0 || s->sum != 0) {
        step_biases(h, s, &u, c->sums, b);
        return;
    }
    h->kernels->rates(u.rates, u.rate, 31 + u.k, s->channels, &c->rates);
    h->kernels->step_biases(&c->rates, c->sums, b, s->channels);
}

void fe_prepare_bias(fe_prepare *p, fe_host_step *step)
{
    const fe_bias_step *s = (const void *)step->plan;
    fe_biases c, *kept;
    kept = fe_hold(p, sizeof(*kept));
    c.sums = fe_borrow(p, 4 * (int64_t)s->channels);
    c.rates = fe_rates_room(p, s->channels);
    step->run = run_bias;
    step->kept = kept;
    if (!fe_counting(p))
        *kept = c;
}

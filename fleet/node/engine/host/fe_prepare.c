/* SPDX-License-Identifier: Apache-2.0
 *
 * What prepared steps share: joined weights, scales and biases as the kernels read them, the context of an update.
 */
#include "fe_executor.h"

fe_rows fe_rows_of(fe_prepare *p, int32_t trained, int32_t frozen, int32_t rows, int32_t na, int32_t n)
{
    fe_rows r = {fe_at(p->node, trained), fe_at(p->node, frozen), 0, rows, na, n - na};
    if (na == 0 || na == n)
        return r;
    r.joined = fe_hold(p, (int64_t)rows * n);
    if (!fe_counting(p))
        for (int64_t i = 0; i < rows; i++)
            __builtin_memcpy(r.joined + i * n + na, r.frozen + i * r.nb, (size_t)r.nb);
    return r;
}

const int8_t *fe_rows_now(const fe_rows *r)
{
    const int64_t n = r->na + r->nb;
    if (r->joined == 0)
        return r->na > 0 ? r->trained : r->frozen;
    for (int64_t i = 0; i < r->rows; i++)
        __builtin_memcpy(r->joined + i * n, r->trained + i * r->na, (size_t)r->na);
    return r->joined;
}

/* Where output c lies among the lanes of the depthwise kernels: fours of a sixteen in the order 0 2 1 3. */
static int32_t lane_of(int32_t c, int split)
{
    const int32_t four = c >> 2 & 3, moved = (four & 1) * 2 + (four >> 1);
    return split ? (c & ~15) + moved * 4 + (c & 3) : c;
}

fe_scales fe_scales_of(fe_prepare *p, fe_reals scale, int32_t n, int split)
{
    const int64_t bytes = 4 * (int64_t)fe_up(n, FE_PANEL);
    fe_scales s = {fe_hold(p, bytes), fe_hold(p, bytes), fe_hold(p, bytes), fe_hold(p, bytes), 0};
    for (int32_t o = 0; o < n; o++)
        s.upward |= scale.exp[o] > 0;
    if (fe_counting(p))
        return s;
    for (int32_t o = 0; o < fe_up(n, FE_PANEL); o++) {
        const int32_t at = lane_of(o, split), shift = o < n && !s.upward ? -scale.exp[o] : 0;
        s.bias[at] = 0;
        s.mant[at] = o < n ? scale.mant[o] : 0;
        s.half[at] = shift > 0 ? 1 << (shift - 1) : 0;
        s.shift[at] = shift;
    }
    return s;
}

/* Sums that wrap on the way come back: the whole is below 2^31. */
void fe_put_biases(const fe_scales *to, const int32_t *bias, const int32_t *offset, int32_t n, int split)
{
    for (int32_t o = 0; o < n; o++)
        to->bias[lane_of(o, split)] = (int32_t)((uint32_t)bias[o] + (offset != 0 ? (uint32_t)offset[o] : 0u));
}

void fe_put_factors(int16_t *minus_r, const uint16_t *r, int32_t n)
{
    for (int32_t o = 0; o < fe_up(n, FE_PANEL); o++)
        minus_r[o] = o < n ? (int16_t)-(int32_t)r[o] : (int16_t)0;
}

fe_update fe_update_at(const fe_host *host, const fe_update_step *s)
{
    const fe_plan *plan = fe_header(&host->node);
    fe_update u = {0};
    u.key = fe_absorb(host->key, (uint64_t)s->layer);
    u.rate = host->course->rate;
    u.rates = fe_reals_at(&host->node, s->rate, s->d.out_c);
    u.k = plan->gradients == FE_INT8 ? fe_exponents(&host->node)[s->gk] : 0;
    u.rule = plan->rule;
    u.momentum = plan->momentum;
    u.kept = fe_at(&host->node, s->kept);
    u.velocity = fe_at(&host->node, s->velocity);
    u.sum = fe_at(&host->node, s->sum);
    return u;
}

int fe_is_stochastic(const fe_prepare *p, const fe_update_step *s)
{
    return fe_header(p->node)->rule == FE_STOCHASTIC && s->velocity == 0 && s->sum == 0;
}

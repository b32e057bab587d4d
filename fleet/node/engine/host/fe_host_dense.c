/* SPDX-License-Identifier: Apache-2.0
 *
 * Dense layers and the head: one position, weights read where they lie.
 */
#include "fe_executor.h"

typedef struct {
    const fe_geometry *d;
    const int8_t *x, *trained, *frozen;
    const int32_t *bias;
    fe_reals scale;
    int8_t *y;
    int16_t *z;
    uint8_t *mask;
    int32_t *sums;
} fe_dense;

static void run_forward(const fe_host *h, const fe_host_step *step)
{
    const fe_dense *c = step->kept;
    const fe_geometry *d = c->d;
    const int32_t na = d->trained, nb = d->in_c - na, n = d->out_c;
    __builtin_memcpy(c->sums, c->bias, sizeof(int32_t) * (size_t)n);
    if (na > 0)
        h->kernels->dots(c->x, d->zero_x, c->trained, n, na, c->sums);
    if (nb > 0)
        h->kernels->dots(c->x + na, d->zero_x, c->frozen, n, nb, c->sums);
    if (c->mask != 0)
        __builtin_memset(c->mask, 0, (size_t)(n + 7) / 8);
    for (int32_t o = 0; o < n; o++) {
        const int32_t v = fe_scale(c->sums[o], fe_real_at(c->scale, o));
        if (c->z != 0)
            c->z[o] = (int16_t)fe_clamp(v, -32768, 32767);
        else
            c->y[o] = fe_clip_s8(v, d->zero_y, d->low, d->high, c->mask, o);
    }
}

void fe_prepare_dense(fe_prepare *p, fe_host_step *step)
{
    const fe_layer_step *s = (const void *)step->plan;
    const int head = s->step.op == FE_LOGITS;
    fe_dense *kept = fe_hold(p, sizeof(*kept));
    int32_t *sums = fe_borrow(p, 4 * (int64_t)s->d.out_c);
    step->run = run_forward;
    step->kept = kept;
    if (fe_counting(p))
        return;
    kept->d = &s->d;
    kept->x = fe_at(p->node, s->x);
    kept->trained = fe_at(p->node, s->w_trained);
    kept->frozen = fe_at(p->node, s->w_frozen);
    kept->bias = fe_at(p->node, s->bias);
    kept->scale = fe_reals_at(p->node, s->scale, s->d.out_c);
    kept->y = head ? 0 : fe_at(p->node, s->y);
    kept->z = head ? fe_at(p->node, s->y) : 0;
    kept->mask = head ? 0 : fe_at(p->node, s->mask);
    kept->sums = sums;
}

typedef struct {
    const int8_t *g, *trained, *frozen;
    int16_t *minus_r, *t;
    int32_t *acc;
} fe_dense_grad;

static void run_backward(const fe_host *h, const fe_host_step *step)
{
    const fe_grad_step *s = (const void *)step->plan;
    const fe_dense_grad *c = step->kept;
    const fe_geometry *d = &s->d;
    const int32_t na = d->trained, nb = d->in_c - na;
    h->kernels->factors(c->g, c->minus_r, 1, d->out_c, 15 - s->r_shift, c->t, fe_up(d->out_c, 2));
    if (na > 0)
        h->kernels->combine(c->t, c->trained, d->out_c, na, c->acc);
    if (nb > 0)
        h->kernels->combine(c->t, c->frozen, d->out_c, nb, c->acc + na);
    fe_settle(h, &s->flow, c->acc, s->r_exp);
}

void fe_prepare_dense_grad(fe_prepare *p, fe_host_step *step)
{
    const fe_grad_step *s = (const void *)step->plan;
    const int32_t n = s->d.out_c;
    fe_dense_grad c = {0}, *kept;
    kept = fe_hold(p, sizeof(*kept));
    c.g = fe_at(p->node, s->flow.g);
    c.trained = fe_at(p->node, s->w_trained);
    c.frozen = fe_at(p->node, s->w_frozen);
    c.acc = fe_sums_of(p, &s->flow);
    c.minus_r = fe_hold(p, 2 * (int64_t)fe_up(n, FE_PANEL));
    c.t = fe_borrow(p, 2 * (int64_t)fe_up(n, 2));
    step->run = run_backward;
    step->kept = kept;
    if (fe_counting(p))
        return;
    *kept = c;
    fe_put_factors(c.minus_r, fe_at(p->node, s->r), n);
}

typedef struct {
    const int8_t *g, *x;
    int8_t *w;
    int32_t *row;
    int32_t fast;
} fe_dense_update;

static void run_update(const fe_host *h, const fe_host_step *step)
{
    const fe_update_step *s = (const void *)step->plan;
    const fe_dense_update *c = step->kept;
    const int32_t n = s->d.trained;
    const fe_update u = fe_update_at(h, s);
    for (int32_t o = 0; o < s->d.out_c; o++) {
        const uint32_t first = (uint32_t)o * (uint32_t)n;
        const fe_real rate = fe_rate_of(&u, o);
        if (c->g[o] == 0 && !fe_moves_all(&u))
            continue;
        h->kernels->outer(c->x, s->d.zero_x, c->g[o], n, c->row);
        if (c->fast)
            h->kernels->step_row(u.key, first, fe_step_rate(rate, u.k), c->row, c->w + first, n);
        else
            fe_step_row(&u, rate, first, c->w + first, c->row, n);
    }
}

void fe_prepare_dense_update(fe_prepare *p, fe_host_step *step)
{
    const fe_update_step *s = (const void *)step->plan;
    fe_dense_update *kept;
    int32_t *row;
    kept = fe_hold(p, sizeof(*kept));
    row = fe_borrow(p, 4 * (int64_t)s->d.trained);
    step->run = run_update;
    step->kept = kept;
    if (fe_counting(p))
        return;
    *kept = (fe_dense_update){fe_at(p->node, s->g), fe_at(p->node, s->x), fe_at(p->node, s->w), row,
                              fe_is_stochastic(p, s)};
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Gradients in fp32 of dense layers, masks and biases.
 */
#include "fe_executor.h"
#include "fe_float.h"

static void run_dense_grad(const fe_host *h, const fe_host_step *step)
{
    const fe_grad_step *s = (const void *)step->plan;
    const int32_t n = s->d.out_c, na = s->d.trained, nb = s->d.in_c - na;
    const float *waiting = fe_at(&h->node, s->flow.waiting);
    float *t = step->kept, *e = fe_at(&h->node, s->flow.e);
    h->kernels->scale_f32(fe_at(&h->node, s->flow.g), fe_at(&h->node, s->r), 1, n, t, n);
    if (waiting == 0)
        __builtin_memset(e, 0, sizeof(float) * (size_t)s->d.in_c);
    else if (waiting != e)
        __builtin_memcpy(e, waiting, sizeof(float) * (size_t)s->d.in_c);
    if (na > 0)
        h->kernels->combine_f32(t, fe_at(&h->node, s->w_trained), n, na, e);
    if (nb > 0)
        h->kernels->combine_f32(t, fe_at(&h->node, s->w_frozen), n, nb, e + na);
}

static void run_dense_update(const fe_host *h, const fe_host_step *step)
{
    const fe_update_step *s = (const void *)step->plan;
    const int32_t n = s->d.trained;
    const float *g = fe_at(&h->node, s->g);
    const int8_t *x = fe_at(&h->node, s->x);
    float *inputs = step->kept, *row = inputs + n;
    const fe_update u = fe_update_at(h, s);
    const int fast = fe_header(&h->node)->rule == FE_STOCHASTIC && s->velocity == 0 && s->sum == 0;
    for (int32_t i = 0; i < n; i++)
        inputs[i] = (float)(x[i] - s->d.zero_x);
    for (int32_t o = 0; o < s->d.out_c; o++) {
        for (int32_t i = 0; i < n; i++)
            row[i] = g[o] * inputs[i];
        fe_step_rows_f32(h, &u, fast, o, 1, row, fe_at(&h->node, s->w), n);
    }
}

static void run_mask(const fe_host *h, const fe_host_step *step)
{
    const fe_mask_step *s = (const void *)step->plan;
    h->kernels->mask_f32(s->size, fe_at(&h->node, s->mask), fe_at(&h->node, s->g));
}

static void run_bias(const fe_host *h, const fe_host_step *step)
{
    const fe_bias_step *s = (const void *)step->plan;
    float *sums = step->kept;
    int32_t *b = fe_at(&h->node, s->b);
    fe_update u = {0};
    u.rate = h->course->rate;
    u.rates = fe_reals_at(&h->node, s->rate, s->channels);
    u.momentum = fe_header(&h->node)->momentum;
    u.velocity = fe_at(&h->node, s->velocity);
    u.sum = fe_at(&h->node, s->sum);
    h->kernels->column_sums_f32(fe_at(&h->node, s->g), s->positions, s->channels, sums);
    for (int32_t c = 0; c < s->channels; c++)
        fe_take_bias(&u, c, b + c, fe_whole(sums[c] * fe_real_f32(fe_rate_of(&u, c), 0)));
}

void fe_prepare_map_f32(fe_prepare *p, fe_host_step *step)
{
    const void *s = step->plan;
    switch (step->plan->op) {
    case FE_GRAD_DENSE:
        step->kept = fe_borrow(p, 4 * (int64_t)((const fe_grad_step *)s)->d.out_c);
        step->run = run_dense_grad;
        break;
    case FE_UPDATE_DENSE:
        step->kept = fe_borrow(p, 8 * (int64_t)((const fe_update_step *)s)->d.trained);
        step->run = run_dense_update;
        break;
    case FE_MASK:
        step->run = run_mask;
        break;
    default:
        step->kept = fe_borrow(p, 4 * (int64_t)((const fe_bias_step *)s)->channels);
        step->run = run_bias;
        break;
    }
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * The driver of input gradients, place by place.
 */
#include "fe_backprop.h"

#include "fe_block.h"
#include "fe_plan.h"

static void dynamic(const fe_flow *f, fe_place_s8 *add, const void *d, const fe_operands *a, int32_t *acc)
{
    fe_clear_s32(acc, f->places * f->channels);
    for (int32_t place = 0; place < f->places; place++)
        add(d, a, place, acc + place * f->channels);
}

/* Returns the exponent of e. Saturates: the shift was chosen beforehand. */
static int32_t fixed(const fe_node *node, const fe_flow *f, fe_place_s8 *add, const void *d, const fe_operands *a,
                     int32_t k)
{
    int32_t *acc = fe_at(node, f->acc), after = k;
    const int8_t *waiting = fe_at(node, f->waiting);
    const int32_t k_waiting = fe_exponents(node)[f->waiting_k];
    int8_t *e = fe_at(node, f->e);
    for (int32_t place = 0; place < f->places; place++, e += f->channels) {
        fe_clear_s32(acc, f->channels);
        add(d, a, place, acc);
        if (waiting != 0)
            after = fe_merge(f->channels, waiting + place * f->channels, k_waiting, acc, k);
        fe_shift_s8(f->channels, acc, f->shift, e);
    }
    return after - f->shift;
}

fe_settled fe_settled_of(const fe_node *node, const fe_flow *f, int32_t exp)
{
    const int32_t *k = fe_exponents(node);
    fe_settled s = {0};
    s.k = k[f->gk] + exp;
    if (!FE_STATIC || f->shift < 0) {
        s.acc = fe_at(node, f->acc);
        return s;
    }
    s.waiting = fe_at(node, f->waiting);
    s.k_waiting = k[f->waiting_k];
    s.e = fe_at(node, f->e);
    s.shift = f->shift;
    return s;
}

void fe_settle_some(const fe_settled *s, int32_t i, int32_t count, int32_t *acc)
{
    if (s->waiting != 0)
        fe_merge(count, s->waiting + i, s->k_waiting, acc, s->k);
    fe_shift_s8(count, acc, s->shift, s->e + i);
}

void fe_end_settled(const fe_node *node, const fe_flow *f, const fe_settled *s)
{
    int32_t *k = fe_exponents(node);
    if (s->acc != 0)
        k[f->k] = s->k;
    else
        k[f->ek] = (s->waiting == 0 ? s->k : fe_merge(0, s->waiting, s->k_waiting, 0, s->k)) - s->shift;
}

#if FE_FLOAT
static void floating(const fe_node *node, const fe_flow *f, fe_place_f32 *add, const void *d, const fe_operands *a)
{
    const float *waiting = fe_at(node, f->waiting);
    float *e = fe_at(node, f->e);
    for (int32_t place = 0; place < f->places; place++, e += f->channels) {
        for (int32_t i = 0; i < f->channels; i++)
            e[i] = waiting == 0 ? 0.0f : waiting[place * f->channels + i];
        add(d, a, place, e);
    }
}
#endif

void fe_backprop(const fe_node *node, const fe_flow *flow, fe_place_s8 *s8, fe_place_f32 *f32, const void *d,
                 const fe_operands *a, int32_t exp)
{
    int32_t *k = fe_exponents(node);
#if FE_FLOAT
    if (fe_header(node)->gradients == FE_FP32) {
        floating(node, flow, f32, d, a);
        return;
    }
#else
    (void)f32;
#endif
    if (!FE_STATIC || flow->shift < 0) {
        dynamic(flow, s8, d, a, fe_at(node, flow->acc));
        k[flow->k] = k[flow->gk] + exp;
    } else {
        k[flow->ek] = fixed(node, flow, s8, d, a, k[flow->gk] + exp);
    }
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Input gradients of one channel of a bottleneck, int8 with exponents that the plan knows.
 */
#include "fe_channels.h"
#include "fe_lanes.h"

static int8_t shifted(int32_t acc, int32_t shift)
{
    return (int8_t)fe_clamp(fe_round_shift(acc, shift), -127, 127);
}

/* What an input place gets through the outputs of one position, `count` of them: sum over o of t w[o], t = (g r + half)
 * >> shift, for four channels at once. kept: from bit `bit` on. */
typedef struct {
    const int8_t *g, *w;
    const uint16_t *r;
    const uint8_t *kept;
    int32_t bit, count, apart, shift, half;
} fe_outputs;

FE_ALONE void four_sums(const fe_outputs *s, int32_t *sum)
{
    const int8_t *w = s->w, *g = s->g;
    const int32_t half = s->half, shift = s->shift;
    uint32_t bits = 0xFFu;
    int32_t a0 = 0, a1 = 0, a2 = 0, a3 = 0, bit = s->bit;
    if (s->kept != 0)
        bits = (uint32_t)s->kept[bit >> 3] >> (bit & 7);
    for (int32_t o = 0; o < s->count; o++, w += s->apart) {
        const int32_t t = (g[o] * (int32_t)s->r[o] + half) >> shift;
        if ((bits & 1u) != 0 && t != 0) {
#if FE_PAIRS
            const int32_t word = fe_load4(w), e = fe_even(word), f = fe_odd(word);
            a0 = __smlabb(e, t, a0);
            a2 = __smlatb(e, t, a2);
            a1 = __smlabb(f, t, a1);
            a3 = __smlatb(f, t, a3);
#else
            a0 += t * w[0];
            a1 += t * w[1];
            a2 += t * w[2];
            a3 += t * w[3];
#endif
        }
        if (s->kept == 0)
            continue;
        bits >>= 1;
        bit++;
        if ((bit & 7) == 0 && o + 1 < s->count)
            bits = s->kept[bit >> 3];
    }
    sum[0] = a0;
    sum[1] = a1;
    sum[2] = a2;
    sum[3] = a3;
}

/* The channel and the three behind it, before any of their weights is updated. t of 16 bits: shift is 8 at least. */
static void take_four(const fe_channel *v, fe_line w)
{
    const fe_back *l = &v->b->layer[FE_PROJECT];
    const fe_mask_step *mask = v->b->layer[FE_MIDDLE].mask;
    const fe_seen *g = &v->project;
    const uint8_t *kept = mask == 0 ? 0 : fe_at(v->node, mask->mask);
    int8_t *e = v->ahead->e;
    fe_outputs s;
    s.w = w.w;
    s.apart = w.apart;
    s.r = fe_at(v->node, l->grad->r);
    s.kept = g->kept;
    s.count = g->channels;
    s.shift = l->grad->r_shift;
    s.half = 1 << (s.shift - 1);
    for (int32_t p = 0; p < g->places; p++, e += FE_AHEAD) {
        const int32_t at = p * v->b->s->channels + v->c;
        int32_t sum[FE_AHEAD], any = 0;
        for (int32_t j = 0; j < FE_AHEAD; j++)
            any |= fe_is_kept(kept, at + j);
        s.g = (const int8_t *)g->g + p * g->apart;
        s.bit = p * g->channels;
        if (any)
            four_sums(&s, sum);
        for (int32_t j = 0; j < FE_AHEAD; j++)
            e[j] = fe_is_kept(kept, at + j) ? shifted(sum[j], l->grad->flow.shift) : 0;
    }
    v->ahead->first = v->c;
    v->ahead->count = FE_AHEAD;
}

static int32_t project_sum(const fe_channel *v, const uint16_t *r, fe_line w, int32_t p)
{
    const fe_grad_step *s = v->b->layer[FE_PROJECT].grad;
    const fe_seen *g = &v->project;
    int32_t acc = 0;
    for (int32_t o = 0; o < g->channels; o++) {
        const int32_t t = fe_seen_s8(g, p, o);
        if (t != 0)
            acc += fe_round_shift(t * (int32_t)r[o], s->r_shift) * w.w[o * w.apart];
    }
    return acc;
}

void fe_channel_project_s8(const fe_channel *v)
{
    const fe_back *l = &v->b->layer[FE_PROJECT];
    const fe_mask_step *mask = v->b->layer[FE_MIDDLE].mask;
    const fe_seen *g = &v->project;
    const int32_t na = l->grad->d.trained, left = (v->c < na ? na : v->b->s->channels) - v->c;
    const fe_line w = fe_line_of(v->node, l->grad, v->c, v->b->s->channels);
    const uint16_t *r = fe_at(v->node, l->grad->r);
    const uint8_t *kept = mask == 0 ? 0 : fe_at(v->node, mask->mask);
    int8_t *e = (int8_t *)fe_at(v->node, l->grad->flow.e) + v->at;
    if (v->c >= v->ahead->first + v->ahead->count && left >= FE_AHEAD && g->places <= FE_AHEAD_PLACES &&
        l->grad->r_shift >= 8)
        take_four(v, w);
    for (int32_t p = 0; p < g->places; p++, e += v->group) {
        if (v->c < v->ahead->first + v->ahead->count)
            *e = v->ahead->e[p * FE_AHEAD + v->c - v->ahead->first];
        else if (fe_is_kept(kept, p * v->b->s->channels + v->c))
            *e = shifted(project_sum(v, r, w, p), l->grad->flow.shift);
        else
            *e = 0;
    }
}

/* The taps that read one place. t: of every output. */
static int32_t taps_s8(const fe_geometry *d, const int8_t *w, int32_t apart, const int16_t *t, int32_t place)
{
    const fe_under rows = fe_under_of(place / d->in_w, d->pad_top, d->stride_h, d->k_h, d->out_h);
    const fe_under columns = fe_under_of(place % d->in_w, d->pad_left, d->stride_w, d->k_w, d->out_w);
    const int32_t step = d->stride_w * apart;
    int32_t acc = 0;
    for (int32_t row = 0; row < rows.count && columns.count > 0; row++) {
        const int32_t tap = (rows.first + row * d->stride_h) * d->k_w + columns.first;
        const int16_t *at = t + (rows.output - row) * d->out_w + columns.output;
        const int8_t *from = w + tap * apart;
        for (int32_t left = columns.count; left > 0; left--, from += step)
            acc += *at-- * *from;
    }
    return acc;
}

/* The taps that read one place of a map too large for a plane of t. */
static int32_t far_taps_s8(const fe_channel *v, const fe_grad_step *s, fe_line w, int32_t r, int32_t place)
{
    const int8_t *g = (const int8_t *)fe_at(v->node, s->flow.g) + v->at;
    const fe_geometry *d = &s->d;
    int32_t acc = 0;
    for (int32_t ky = 0; ky < d->k_h; ky++) {
        const int32_t oy = fe_output_under(place / d->in_w + d->pad_top - ky, d->stride_h, d->out_h);
        for (int32_t kx = 0; oy >= 0 && kx < d->k_w; kx++) {
            const int32_t ox = fe_output_under(place % d->in_w + d->pad_left - kx, d->stride_w, d->out_w);
            if (ox >= 0)
                acc += fe_round_shift(g[(oy * d->out_w + ox) * v->group] * r, s->r_shift) *
                       w.w[(ky * d->k_w + kx) * w.apart];
        }
    }
    return acc;
}

void fe_channel_middle_s8(const fe_channel *v)
{
    const fe_grad_step *s = v->b->layer[FE_MIDDLE].grad;
    const fe_mask_step *mask = v->b->layer[FE_EXPAND].mask;
    const fe_line w = fe_line_of(v->node, s, v->c, v->b->s->channels);
    const uint8_t *kept = mask == 0 ? 0 : fe_at(v->node, mask->mask);
    const int32_t r = ((const uint16_t *)fe_at(v->node, s->r))[v->c], outputs = s->d.out_h * s->d.out_w;
    const int32_t near = outputs <= FE_AHEAD_PLACES && s->r_shift >= 8; /* t of 16 bits */
    const int8_t *g = (const int8_t *)fe_at(v->node, s->flow.g) + v->at;
    int8_t *e = (int8_t *)fe_at(v->node, s->flow.e) + v->at;
    int16_t t[FE_AHEAD_PLACES];
    for (int32_t p = 0; p < outputs && near; p++)
        t[p] = (int16_t)fe_round_shift(g[p * v->group] * r, s->r_shift);
    for (int32_t p = 0; p < s->d.in_h * s->d.in_w; p++, e += v->group) {
        int32_t acc = 0;
        if (fe_is_kept(kept, p * v->b->s->channels + v->c))
            acc = near ? taps_s8(&s->d, w.w, w.apart, t, p) : far_taps_s8(v, s, w, r, p);
        *e = shifted(acc, s->flow.shift);
    }
}

void fe_channel_expand_s8(const fe_channel *v)
{
    const fe_grad_step *s = v->b->layer[FE_EXPAND].grad;
    const int32_t na = s->d.trained, nb = s->d.in_c - na;
    const fe_weights w = fe_weights_at(v->node, s->w_trained, s->w_frozen);
    const int32_t r = ((const uint16_t *)fe_at(v->node, s->r))[v->c];
    const int8_t *g = (const int8_t *)fe_at(v->node, s->flow.g) + v->at;
    int32_t *acc = fe_at(v->node, s->flow.acc);
    for (int32_t p = 0; p < s->d.in_h * s->d.in_w; p++, acc += s->d.in_c) {
        const int32_t t = fe_round_shift(g[p * v->group] * r, s->r_shift);
        if (t == 0)
            continue;
        for (int32_t i = 0; i < na; i++)
            acc[i] += t * w.trained[v->c * na + i];
        for (int32_t i = 0; i < nb; i++)
            acc[na + i] += t * w.frozen[v->c * nb + i];
    }
}

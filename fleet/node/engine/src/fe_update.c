/* SPDX-License-Identifier: Apache-2.0
 *
 * Updates from int8 gradients, shared by all operators: drives into sums, velocities and rules.
 */
#include "fe_update.h"

static void move(const fe_update *u, uint32_t i, int8_t *w, int32_t q)
{
    if (u->velocity != 0) {
        int32_t *v = (int32_t *)u->velocity + i;
        *v = fe_with_momentum(*v, u->momentum, q);
        q = *v;
    }
    *w = fe_rule(u, i, *w, q);
}

void fe_take(const fe_update *u, uint32_t i, int8_t *w, int32_t q)
{
    if (u->sum != 0) {
        int32_t *sum = (int32_t *)u->sum + i;
        *sum = fe_bounded_sum(*sum, q);
    } else {
        move(u, i, w, q);
    }
}

static void stochastic(const fe_update *u, fe_real rate, uint32_t first, int8_t *w, const int32_t *g, int32_t n)
{
    const uint64_t key = u->key;
    const int32_t k = u->k;
    for (int32_t i = 0; i < n; i++)
        if (g[i] != 0)
            w[i] = fe_step_stochastic(w[i], fe_drive(rate, k, g[i]), fe_draw(key, first + (uint32_t)i));
}

void fe_step_row(const fe_update *u, fe_real rate, uint32_t first, int8_t *w, const int32_t *g, int32_t n)
{
    if (u->rule == FE_STOCHASTIC && u->velocity == 0 && u->sum == 0) {
        stochastic(u, rate, first, w, g, n);
        return;
    }
#if FE_FLOAT
    if (u->rule == FE_LATENT) {
        fe_step_row_latent(u, rate, first, w, g, n);
        return;
    }
#endif
    for (int32_t i = 0; i < n; i++)
        fe_take(u, first + (uint32_t)i, w + i, fe_drive(rate, u->k, g[i]));
}

static void move_bias(const fe_update *u, int32_t i, int32_t *b, int32_t q)
{
    if (u->velocity != 0) {
        int32_t *v = (int32_t *)u->velocity + i;
        *v = fe_with_momentum(*v, u->momentum, q);
        q = *v;
    }
    *b = fe_bounded_sum(*b, -q);
}

void fe_take_bias(const fe_update *u, int32_t i, int32_t *b, int32_t q)
{
    if (u->sum != 0) {
        int32_t *sum = (int32_t *)u->sum + i;
        *sum = fe_bounded_sum(*sum, q);
    } else {
        move_bias(u, i, b, q);
    }
}

void fe_step_bias(const fe_update *u, int32_t c, int32_t sum, int32_t *b)
{
    if (sum != 0 || fe_moves_all(u)) {
        const fe_real rate = fe_rate_of(u, c);
        fe_take_bias(u, c, b, fe_round_shift64((int64_t)sum * rate.mant, 31 - rate.exp + u->k));
    }
}

void fe_step_biases(const fe_update *u, const int8_t *g, int32_t positions, int32_t channels, int32_t *b)
{
    for (int32_t c = 0; c < channels; c++) {
        int32_t sum = 0; /* |sum| <= 127 P */
        for (int32_t p = 0; p < positions; p++)
            sum += g[p * channels + c];
        fe_step_bias(u, c, sum, b + c);
    }
}

void fe_apply_weights(const fe_update *u, int8_t *w, int32_t n)
{
    int32_t *sum = u->sum;
#if FE_FLOAT
    if (u->rule == FE_LATENT) {
        fe_apply_latents(u, w, n);
        return;
    }
#endif
    for (int32_t i = 0; i < n; i++) {
        move(u, (uint32_t)i, w + i, sum[i]);
        sum[i] = 0;
    }
}

void fe_apply_biases(const fe_update *u, int32_t *b, int32_t n)
{
    int32_t *sum = u->sum;
    for (int32_t i = 0; i < n; i++) {
        move_bias(u, i, b + i, sum[i]);
        sum[i] = 0;
    }
}

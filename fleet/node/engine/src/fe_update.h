/* SPDX-License-Identifier: Apache-2.0
 *
 * From a gradient to a trained value: drive, batch, momentum, rule.   SPEC.md, "Update"
 *
 * The drive of a weight is what its gradient asks for, in weight steps with 16 fractional bits; with latent weights
 * it is a float in weight steps. A row is a run of weights that share a rate.
 */
#ifndef FE_UPDATE_H
#define FE_UPDATE_H

#include "fe_ops.h"

/* How a step smaller than one weight step is rounded. */
enum {
    FE_STOCHASTIC = 0,
    FE_NEAREST = 1,
    FE_TRUNCATE = 2,
    FE_RESIDUAL4 = 3,
    FE_RESIDUAL8 = 4,
    FE_RESIDUAL16 = 5,
    FE_LATENT = 6
};

/* One step's context for the updates of one tensor. k: exponent of an int8 output gradient. kept: residuals or
 * latents; velocity, sum: s32, or float beside latents; NULL where the recipe has none. All by number of the weight. */
typedef struct {
    uint64_t key;
    fe_real rate;
    fe_reals rates; /* of the tensor's outputs, without the course's rate */
    int32_t k;
    int32_t rule, momentum;
    void *kept, *velocity, *sum;
} fe_update;

/* The rate of output o. */
static inline fe_real fe_rate_of(const fe_update *u, int32_t o)
{
    return fe_multiply(fe_real_at(u->rates, o), u->rate);
}

/* Whether weights without a gradient move as well. */
static inline int32_t fe_moves_all(const fe_update *u)
{
    return u->velocity != 0 && u->sum == 0;
}

/* g * rate in 16-bit fractions of a weight step. */
static inline int32_t fe_drive(fe_real rate, int32_t k, int32_t g)
{
    return fe_round_shift64((int64_t)g * rate.mant, 31 - rate.exp + k - 16);
}

/* w - q, rounded stochastically by a draw. */
static inline int8_t fe_step_stochastic(int8_t w, int32_t q, uint32_t draw)
{
    return (int8_t)fe_clamp(w - ((q + (int32_t)(draw >> 16)) >> 16), -127, 127);
}

/* a + b for two numbers within 2^30, which the sum is clipped to: 2^31 itself has no room in 32 bits. */
static inline int32_t fe_bounded_sum(int32_t a, int32_t b)
{
    const int64_t sum = (int64_t)a + b, limit = (int64_t)1 << 30;
    return (int32_t)(sum > limit ? limit : sum < -limit ? -limit : sum);
}

/* v * momentum + q. */
static inline int32_t fe_with_momentum(int32_t v, int32_t momentum, int32_t q)
{
    return fe_bounded_sum((int32_t)(((int64_t)v * momentum + (1 << 14)) >> 15), q);
}

/* Weight number i by any rule but `latent`. */
int8_t fe_rule(const fe_update *u, uint32_t i, int8_t w, int32_t q);

/* Weights number first, first + 1, ... from their gradients g s32 [n]. */
void fe_step_row(const fe_update *u, fe_real rate, uint32_t first, int8_t *w, const int32_t *g, int32_t n);

/* Bias number c from the sum of its gradient. */
void fe_step_bias(const fe_update *u, int32_t c, int32_t sum, int32_t *b);
void fe_step_bias_f32(const fe_update *u, int32_t c, float sum, int32_t *b);

/* b[c] -= rate[c] * sum over positions of g[p][c].   g: s8 [positions][channels]. */
void fe_step_biases(const fe_update *u, const int8_t *g, int32_t positions, int32_t channels, int32_t *b);

/* The same with gradients in fp32. */
void fe_step_row_f32(const fe_update *u, fe_real rate, uint32_t first, int8_t *w, const float *g, int32_t n);
void fe_step_biases_f32(const fe_update *u, const float *g, int32_t positions, int32_t channels, int32_t *b);

/* The end of a batch: momentum and rule on the sums of n weights or biases, which then are 0. */
void fe_apply_weights(const fe_update *u, int8_t *w, int32_t n);
void fe_apply_biases(const fe_update *u, int32_t *b, int32_t n);

/* Weight number i from what its gradient asks for: into the sum of the batch, or on by momentum and rule. */
void fe_take(const fe_update *u, uint32_t i, int8_t *w, int32_t q);
void fe_take_bias(const fe_update *u, int32_t i, int32_t *b, int32_t q);

/* Latent weights: float copies that move by delta, in weight steps. */
void fe_take_latent(const fe_update *u, uint32_t i, int8_t *w, float delta);
void fe_step_row_latent(const fe_update *u, fe_real rate, uint32_t first, int8_t *w, const int32_t *g, int32_t n);
void fe_apply_latents(const fe_update *u, int8_t *w, int32_t n);
void fe_begin_latents(const int8_t *w, float *latent, int32_t n);

#endif

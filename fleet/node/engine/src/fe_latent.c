/* SPDX-License-Identifier: Apache-2.0
 *
 * Latent weights: a float32 copy of every trained weight, in weight steps, of which the int8 one is the nearest.
 */
#include "fe_float.h"
#include "fe_update.h"

#if FE_FLOAT

/* Halves to even: beside 1.5 * 2^23 a float has no fraction. */
static int8_t nearest(float v)
{
    const float large = 12582912.0f;
    return (int8_t)((v + large) - large);
}

static void move(const fe_update *u, uint32_t i, int8_t *w, float delta)
{
    float *latent = (float *)u->kept + i, moved;
    if (u->velocity != 0) {
        float *v = (float *)u->velocity + i;
        *v = *v * ((float)u->momentum * fe_power_of_two(-15)) + delta;
        delta = *v;
    }
    moved = *latent - delta;
    *latent = moved > 127.0f ? 127.0f : moved < -127.0f ? -127.0f : moved;
    *w = nearest(*latent);
}

void fe_take_latent(const fe_update *u, uint32_t i, int8_t *w, float delta)
{
    if (u->sum != 0)
        ((float *)u->sum)[i] += delta;
    else
        move(u, i, w, delta);
}

void fe_step_row_latent(const fe_update *u, fe_real rate, uint32_t first, int8_t *w, const int32_t *g, int32_t n)
{
    const float factor = fe_real_f32(rate, 0), unit = fe_power_of_two(-u->k);
    for (int32_t i = 0; i < n; i++)
        fe_take_latent(u, first + (uint32_t)i, w + i, (float)g[i] * factor * unit);
}

void fe_apply_latents(const fe_update *u, int8_t *w, int32_t n)
{
    float *sum = u->sum;
    for (int32_t i = 0; i < n; i++) {
        move(u, (uint32_t)i, w + i, sum[i]);
        sum[i] = 0.0f;
    }
}

void fe_begin_latents(const int8_t *w, float *latent, int32_t n)
{
    for (int32_t i = 0; i < n; i++)
        latent[i] = (float)w[i];
}

#endif

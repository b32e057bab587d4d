/* SPDX-License-Identifier: Apache-2.0
 *
 * Updates from gradients in fp32: the drive is a product of two floats, rounded to 16 fractional bits.
 */
#include "fe_float.h"
#include "fe_update.h"

#if FE_FLOAT

void fe_step_row_f32(const fe_update *u, fe_real rate, uint32_t first, int8_t *w, const float *g, int32_t n)
{
    const float factor = fe_real_f32(rate, u->rule == FE_LATENT ? 0 : 16);
    for (int32_t i = 0; i < n; i++) {
        if (u->rule == FE_LATENT)
            fe_take_latent(u, first + (uint32_t)i, w + i, g[i] * factor);
        else
            fe_take(u, first + (uint32_t)i, w + i, fe_whole(g[i] * factor));
    }
}

void fe_step_bias_f32(const fe_update *u, int32_t c, float sum, int32_t *b)
{
    fe_take_bias(u, c, b, fe_whole(sum * fe_real_f32(fe_rate_of(u, c), 0)));
}

/* Positions ascending: the order fixes the bits. */
void fe_step_biases_f32(const fe_update *u, const float *g, int32_t positions, int32_t channels, int32_t *b)
{
    for (int32_t c = 0; c < channels; c++) {
        float sum = 0.0f;
        for (int32_t p = 0; p < positions; p++)
            sum += g[p * channels + c];
        fe_step_bias_f32(u, c, sum, b + c);
    }
}

#endif

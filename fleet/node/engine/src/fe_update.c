/* SPDX-License-Identifier: Apache-2.0
 *
 * Updates shared by all operators: rule `stochastic` for weights, nearest for biases.
 */
#include "fe_ops.h"

void fe_step_row(const fe_update *u, fe_real rate, uint32_t first, int8_t *w, const int32_t *g, int32_t n)
{
    for (int32_t i = 0; i < n; i++)
        if (g[i] != 0)
            w[i] = fe_step_weight(u, rate, first + (uint32_t)i, w[i], g[i]);
}

void fe_step_biases(const fe_update *u, fe_reals rates, const int8_t *g, int32_t positions, int32_t channels,
                    int32_t *b)
{
    for (int32_t c = 0; c < channels; c++) {
        int32_t sum = 0; /* |sum| <= 127 P */
        for (int32_t p = 0; p < positions; p++)
            sum += g[p * channels + c];
        if (sum != 0)
            b[c] = fe_step_bias(u, fe_multiply(fe_real_at(rates, c), u->rate), b[c], sum);
    }
}

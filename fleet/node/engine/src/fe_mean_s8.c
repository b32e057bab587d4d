/* SPDX-License-Identifier: Apache-2.0
 *
 * Mean over some axes of a map, on a scale of its own, int8.   x: s8 [in_h][in_w][in_c]   y: s8 [out_h][out_w][out_c]
 */
#include "fe_mean_s8.h"

/* sum (x - zx) over a block of the input. */
static int32_t block_sum(const fe_mean *d, const int8_t *x, fe_span rows, fe_span columns, fe_span channels)
{
    int32_t sum = 0;
    for (int32_t h = rows.first; h < rows.end; h++)
        for (int32_t w = columns.first; w < columns.end; w++)
            for (int32_t c = channels.first; c < channels.end; c++)
                sum += x[(h * d->in_w + w) * d->in_c + c] - d->zero_x;
    return sum;
}

/* y = s_x / (s_y n) sum (x - zx) + zy, rounded as TFLite Micro does. */
void fe_mean_s8_forward(const fe_mean *d, const int8_t *x, int8_t *y)
{
    for (int32_t h = 0; h < d->out_h; h++)
        for (int32_t w = 0; w < d->out_w; w++)
            for (int32_t c = 0; c < d->out_c; c++) {
                const fe_span rows = fe_repeats(d->out_h, d->in_h, h), columns = fe_repeats(d->out_w, d->in_w, w);
                const int32_t sum = block_sum(d, x, rows, columns, fe_repeats(d->out_c, d->in_c, c));
                *y++ = fe_clip_s8(fe_scale(sum, d->scale), d->zero_y, -128, 127, 0, 0);
            }
}

/* acc += g / n. */
void fe_mean_s8_grad_place(const void *step, const fe_operands *a, int32_t place, int32_t *acc)
{
    const fe_grad_mean *d = step;
    const int8_t *g = (const int8_t *)a->g + fe_mean_output(d, place);
    for (int32_t c = 0; c < d->in_c; c++)
        acc[c] += g[c * fe_mean_step(d)] * d->factor;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * What pools over windows share: the values under a window, the outputs that read a place.
 */
#ifndef FE_WINDOW_POOL_H
#define FE_WINDOW_POOL_H

#include "fe_backprop.h"

/* d: of a pool in_c is out_c. exp: 15 - E of the smallest window of an average; unused by a largest value. */
typedef struct {
    fe_geometry d;
    int32_t exp;
} fe_grad_window;

/* Outputs [first, end) along one side whose windows hold place `at` of the input. */
static inline fe_span fe_readers(int32_t at, int32_t taps, int32_t stride, int32_t pad, int32_t out)
{
    const int32_t lowest = at + pad - taps + 1, highest = (at + pad) / stride + 1;
    fe_span s;
    s.first = lowest > 0 ? (lowest + stride - 1) / stride : 0;
    s.end = highest < out ? highest : out;
    return s;
}

/* The first value of channel c in row ky of a window; the others follow in_c apart. */
static inline const int8_t *fe_window_row(const fe_geometry *d, const fe_window *v, const int8_t *x, int32_t ky,
                                          int32_t c)
{
    return x + ((v->in_y + ky) * d->in_w + v->in_x + v->x0) * d->in_c + c;
}

static inline fe_span fe_reading_rows(const fe_geometry *d, int32_t place)
{
    return fe_readers(place / d->in_w, d->k_h, d->stride_h, d->pad_top, d->out_h);
}

static inline fe_span fe_reading_columns(const fe_geometry *d, int32_t place)
{
    return fe_readers(place % d->in_w, d->k_w, d->stride_w, d->pad_left, d->out_w);
}

#endif

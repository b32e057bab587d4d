/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FE_CONV_S8_H
#define FE_CONV_S8_H

#include "fe_backprop.h"
#include "fe_lanes.h"
#include "fe_update.h"

/* Outputs of one group at places number first to end - 1, any scale; x at the first channel of the group. Sets bits of
 * the mask, clears none. */
void fe_conv_s8_part(const fe_geometry *d, const int8_t *x, fe_weights w, const int32_t *b, fe_reals scale,
                     fe_span outputs, fe_span places, int8_t *y, uint8_t *mask);

#if FE_TILES
/* The same everywhere, faster where it can be. */
void fe_conv_s8_tiles(const fe_geometry *d, const int8_t *x, fe_weights w, const int32_t *b, fe_reals scale,
                      fe_span outputs, int8_t *y, uint8_t *mask);
#endif
#if FE_PAIRS
/* Whether a layer is one that these two take: pointwise, without groups, channels in fours. */
int32_t fe_conv_s8_is_points(const fe_geometry *d, const int32_t *b);
void fe_conv_s8_points(const fe_geometry *d, const int8_t *x, fe_weights w, const int32_t *b, fe_reals scale, int8_t *y,
                       uint8_t *mask);
void fe_conv_s8_points_of_row(const fe_geometry *d, const int8_t *x, fe_weights w, const int32_t *b, fe_reals scale,
                              int8_t *y, uint8_t *mask);
/* Whether a layer is one that these two take, where windows are whole: few channels, without groups, unsplit. */
int32_t fe_conv_s8_in_lines(const fe_geometry *d, const int32_t *b);
void fe_conv_s8_lines(const fe_geometry *d, const int8_t *x, fe_weights w, const int32_t *b, fe_reals scale, int8_t *y,
                      uint8_t *mask);
void fe_conv_s8_lines_of_row(const fe_geometry *d, const int8_t *x, fe_weights w, const int32_t *b, fe_reals scale,
                             int8_t *y, uint8_t *mask);
#endif

void fe_conv_s8_forward(const fe_geometry *d, const int8_t *x, fe_weights w, const int32_t *b, fe_reals scale,
                        int8_t *y, uint8_t *mask);
void fe_conv_s8_grad_in(const fe_geometry *d, const int8_t *g, fe_weights w, const fe_gradient *gr, int32_t *dx);
fe_place_s8 fe_conv_s8_grad_place;
void fe_conv_s8_update(const fe_geometry *d, const fe_update *u, const int8_t *g, const int8_t *x, int8_t *w,
                       int32_t *row);

fe_place_f32 fe_conv_f32_grad_place;
void fe_conv_f32_update(const fe_geometry *d, const fe_update *u, const float *g, const int8_t *x, int8_t *w,
                        float *row);

#endif

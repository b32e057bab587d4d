/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FE_DEPTHWISE_S8_H
#define FE_DEPTHWISE_S8_H

#include "fe_backprop.h"
#include "fe_lanes.h"
#include "fe_update.h"

void fe_depthwise_s8_forward(const fe_geometry *d, const int8_t *x, fe_weights w, const int32_t *b, fe_reals scale,
                             int8_t *y, uint8_t *mask);
#if FE_TILES
/* Channel c everywhere; x, w and b at it. apart: from tap to tap in w. 0: it needs the plain way; nothing was done. */
int32_t fe_depthwise_s8_tile(const fe_geometry *d, const int8_t *x, const int8_t *w, int32_t apart, const int32_t *b,
                             fe_reals scale, int32_t c, int8_t *y, uint8_t *mask);
#endif
#if FE_PAIRS
/* Whether a layer is one that the second takes: one output of each channel, channels in fours. */
int32_t fe_depthwise_s8_in_fours(const fe_geometry *d, const int32_t *b);
void fe_depthwise_s8_fours(const fe_geometry *d, const int8_t *x, fe_weights w, const int32_t *b, fe_reals scale,
                           int8_t *y, uint8_t *mask);
/* The same of the input gradient of a small map. */
int32_t fe_depthwise_s8_grad_in_fours(const fe_geometry *d, int32_t shift);
void fe_depthwise_s8_grad_fours(const fe_geometry *d, const int8_t *g, fe_weights w, const fe_gradient *gr,
                                const fe_settled *to);
#endif

void fe_depthwise_s8_in_place(const fe_geometry *d, int8_t *xy, fe_weights w, const int32_t *b, fe_reals scale,
                              int8_t *plane, uint8_t *mask);
void fe_depthwise_s8_grad_in(const fe_geometry *d, const int8_t *g, fe_weights w, const fe_gradient *gr, int32_t *dx);
fe_place_s8 fe_depthwise_s8_grad_place;
void fe_depthwise_s8_update(const fe_geometry *d, const fe_update *u, const int8_t *g, const int8_t *x, int8_t *w);

fe_place_f32 fe_depthwise_f32_grad_place;
void fe_depthwise_f32_update(const fe_geometry *d, const fe_update *u, const float *g, const int8_t *x, int8_t *w);

#endif

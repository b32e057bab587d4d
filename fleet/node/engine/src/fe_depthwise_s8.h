/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FE_DEPTHWISE_S8_H
#define FE_DEPTHWISE_S8_H

#include "fe_backprop.h"
#include "fe_lanes.h"
#include "fe_update.h"

void fe_depthwise_s8_forward(const fe_geometry *d, const int8_t *x, fe_weights w, const int32_t *b, fe_reals scale,
                             int8_t *y, uint8_t *mask);
#if FE_TILES
/* Channels from c on, so many together, everywhere; x, w and b at the first of them. apart: from tap to tap in w.
 * 0: these need the plain way; nothing was done. */
enum { FE_DEPTHWISE_LANES = FE_PAIRS ? 4 : 1 };
int32_t fe_depthwise_s8_tile(const fe_geometry *d, const int8_t *x, const int8_t *w, int32_t apart, const int32_t *b,
                             fe_reals scale, int32_t c, int8_t *y, uint8_t *mask);
#endif

void fe_depthwise_s8_in_place(const fe_geometry *d, int8_t *xy, fe_weights w, const int32_t *b, fe_reals scale,
                              int8_t *plane, uint8_t *mask);
void fe_depthwise_s8_grad_in(const fe_geometry *d, const int8_t *g, fe_weights w, const fe_gradient *gr, int32_t *dx);
fe_place_s8 fe_depthwise_s8_grad_place;
void fe_depthwise_s8_update(const fe_geometry *d, const fe_update *u, const int8_t *g, const int8_t *x, int8_t *w);

fe_place_f32 fe_depthwise_f32_grad_place;
void fe_depthwise_f32_update(const fe_geometry *d, const fe_update *u, const float *g, const int8_t *x, int8_t *w);

#endif

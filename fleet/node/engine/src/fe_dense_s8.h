/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FE_DENSE_S8_H
#define FE_DENSE_S8_H

#include "fe_backprop.h"
#include "fe_update.h"

void fe_dense_s8_forward(const fe_geometry *d, const int8_t *x, fe_weights w, const int32_t *b, fe_reals scale,
                         int8_t *y, uint8_t *mask);
void fe_dense_s8_logits(const fe_geometry *d, const int8_t *x, fe_weights w, const int32_t *b, fe_reals scale,
                        int16_t *z);
fe_place_s8 fe_dense_s8_grad_place;
void fe_dense_s8_update(const fe_geometry *d, const fe_update *u, const int8_t *g, const int8_t *x, int8_t *w,
                        int32_t *row);

fe_place_f32 fe_dense_f32_grad_place;
void fe_dense_f32_update(const fe_geometry *d, const fe_update *u, const float *g, const int8_t *x, int8_t *w,
                         float *row);

#endif

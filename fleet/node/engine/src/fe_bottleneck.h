/* SPDX-License-Identifier: Apache-2.0
 *
 * The way back through an inverted bottleneck, a pointwise, a depthwise and a pointwise layer, by layer.
 */
#ifndef FE_BOTTLENECK_H
#define FE_BOTTLENECK_H

#include "fe_plan.h"

/* Layers as the way back meets them. */
enum { FE_PROJECT = 0, FE_MIDDLE = 1, FE_EXPAND = 2, FE_BACK_LAYERS = 3 };

/* What a layer's gradient goes through; NULL for what it does not. */
typedef struct {
    const fe_mask_step *mask;
    const fe_grad_step *grad;
    const fe_update_step *update;
    const fe_bias_step *bias;
} fe_back;

typedef struct {
    const fe_channels_step *s;
    fe_back layer[FE_BACK_LAYERS];
} fe_bottleneck;

/* The steps of a group by layer: each names the gradient that it reads. 0: they are not those of a bottleneck, in their
 * order. */
int fe_read_bottleneck(const fe_channels_step *s, fe_bottleneck *to);

/* Whether a group that is in form can run. */
int fe_channels_fit(const fe_plan *p, const fe_channels_step *s);

#endif

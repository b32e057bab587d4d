/* SPDX-License-Identifier: Apache-2.0
 *
 * The way back through an inverted bottleneck, channel by channel of what lies between its layers.
 *
 *   A plane holds the gradient of one round's channels: [places][group], s8 or float.
 */
#ifndef FE_CHANNELS_H
#define FE_CHANNELS_H

#include "fe_bottleneck.h"
#include "fe_run.h"

/* A layer's gradient as its steps read it: output o of place p at g[p * apart + o], 0 where `kept` has no bit. */
typedef struct {
    const void *g;
    const uint8_t *kept; /* bit p * channels + o; NULL: all are, or g says so */
    int32_t apart;       /* 0: every place has the same */
    int32_t places, channels;
} fe_seen;

/* Gradients behind the last layer of `count` channels from `first` on, taken together, each place's side by side: three
 * of four wait for their round. */
enum { FE_AHEAD = 4, FE_AHEAD_PLACES = 64 };
typedef struct {
    int32_t first, count;
    int8_t e[FE_AHEAD * FE_AHEAD_PLACES];
} fe_ahead;

/* One channel of the middle: its number, and where its values lie in the planes. ahead: NULL in fp32. */
typedef struct {
    const fe_node *node;
    const fe_bottleneck *b;
    fe_seen project;
    int32_t c, at, group;
    fe_ahead *ahead;
} fe_channel;

static inline int32_t fe_is_kept(const uint8_t *mask, int32_t i)
{
    return mask == 0 || (mask[i >> 3] >> (i & 7) & 1) != 0;
}

static inline int32_t fe_seen_s8(const fe_seen *s, int32_t place, int32_t o)
{
    return fe_is_kept(s->kept, place * s->channels + o) ? ((const int8_t *)s->g)[place * s->apart + o] : 0;
}

#if FE_FLOAT
static inline float fe_seen_f32(const fe_seen *s, int32_t place, int32_t o)
{
    return fe_is_kept(s->kept, place * s->channels + o) ? ((const float *)s->g)[place * s->apart + o] : 0.0f;
}
#endif

/* Weights of a layer along one channel: w[i * apart] of output or input i. */
typedef struct {
    const int8_t *w;
    int32_t apart;
} fe_line;

/* Input gradients, old weights: into the plane behind the layer, or what one channel adds to the block's own. */
void fe_channel_project_s8(const fe_channel *v);
void fe_channel_middle_s8(const fe_channel *v);
void fe_channel_expand_s8(const fe_channel *v);
void fe_channel_project_f32(const fe_channel *v);
void fe_channel_middle_f32(const fe_channel *v);
void fe_channel_expand_f32(const fe_channel *v);

/* Of channel c of `channels` along the last axis. */
static inline fe_line fe_line_of(const fe_node *node, const fe_grad_step *s, int32_t c, int32_t channels)
{
    const fe_weights w = fe_weights_at(node, s->w_trained, s->w_frozen);
    const int32_t na = s->d.trained;
    fe_line line;
    line.w = c < na ? w.trained + c : w.frozen + c - na;
    line.apart = c < na ? na : channels - na;
    return line;
}

/* What trains: weights that one channel of the middle touches, and biases of a layer. */
void fe_channel_weights(const fe_channel *v, int32_t layer, const fe_update *u);
void fe_channel_bias(const fe_channel *v, int32_t layer, const fe_update *u);
void fe_project_biases(const fe_node *node, const fe_seen *g, const fe_bias_step *s, const fe_update *u);

/* All channels of a group. */
void fe_run_channels(const fe_node *node, const fe_channels_step *s, const fe_course *course, uint64_t step_key);

#endif

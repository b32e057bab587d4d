/* SPDX-License-Identifier: Apache-2.0
 *
 * A plan as words: a header, then steps in execution order. Every field is a little-endian s32, so
 * the structs below lie directly on the plan's bytes.   SPEC.md, "Plan"; written by fleet/node/plan.
 */
#ifndef FE_PLAN_H
#define FE_PLAN_H

#include "fe_add_s8.h"
#include "fe_backprop.h"
#include "fe_ops.h"
#include "fe_update.h"

#define FE_PLAN_MAGIC 0x4C504546 /* "FEPL" */
#define FE_PLAN_VERSION 2

/* Where a reference points: its top four bits. The rest is a byte offset. 0 is "none". INPUT: the window where its
 * owner holds it, read only. */
enum { FE_NONE = 0, FE_MODEL = 1, FE_STATE = 2, FE_ARENA = 3, FE_INPUT = 4 };
#define FE_REF(region, offset) ((int32_t)((uint32_t)(region) << 28 | (uint32_t)(offset)))

/* Formats of gradients. */
enum { FE_INT8 = 0, FE_FP32 = 1 };

enum {
    FE_CONV = 1,
    FE_DEPTHWISE = 2,
    FE_LOGITS = 3,
    FE_ADD = 4,
    FE_POOL = 5,
    FE_LOSS = 6,
    FE_MASK = 7,
    FE_GRAD_CONV = 8,
    FE_GRAD_DEPTHWISE = 9,
    FE_GRAD_DENSE = 10,
    FE_GRAD_ADD = 11,
    FE_GRAD_POOL = 12,
    FE_COPY = 13,
    FE_MERGE = 14,
    FE_BLOCK = 15,
    FE_UPDATE_CONV = 16,
    FE_UPDATE_DEPTHWISE = 17,
    FE_UPDATE_DENSE = 18,
    FE_UPDATE_BIAS = 19,
    FE_DENSE = 20,
    FE_MUL = 21,
    FE_AVERAGE_POOL = 22,
    FE_MAX_POOL = 23,
    FE_MEAN = 24,
    FE_MOVE = 25,
    FE_RESIZE = 26,
    FE_TABLE = 27,
    FE_SOFTMAX = 28,
    FE_QUANTIZE = 29,
    FE_DEQUANTIZE = 30,
    FE_GRAD_MUL = 31,
    FE_GRAD_AVERAGE_POOL = 32,
    FE_GRAD_MAX_POOL = 33,
    FE_GRAD_MEAN = 34,
    FE_GRAD_MOVE = 35,
    FE_GRAD_RESIZE = 36,
    FE_GRAD_TABLE = 37,
    FE_LOSS_SQUARED = 38,
    FE_APPLY = 39,
    FE_APPLY_BIAS = 40,
    FE_ROWS = 41,
    FE_CHANNELS = 42,
    FE_DEPTHWISE_IN_PLACE = 43
};

typedef struct {
    int32_t magic, version, words;
    int32_t arena_bytes, state_bytes, model_bytes;
    int32_t classes;              /* of the head, 0 if there is none */
    int32_t input, input_bytes;   /* the first one; FE_INPUT << 28 where it is streamed */
    int32_t output, output_bytes; /* the first one; of a head its logits */
    int32_t exponents, exponent_count; /* s32 per int8 gradient, in the arena */
    int32_t first_values;              /* of the state, in the model */
    int32_t value_bytes, weights;      /* trained values and, of these, weights; extras lie behind them in the state */
    int32_t loss_word;                 /* the forward pass ends here */
    int32_t apply_word;                /* the steps that end a batch begin here */
    int32_t gradients, rule, momentum, batch; /* the recipe; momentum in 1/32768 */
} fe_plan;

typedef struct {
    int32_t op, words;
} fe_step;

/* Forward of conv, depthwise, dense. y of a head are its logits. */
typedef struct {
    fe_step step;
    int32_t x, y, mask;
    int32_t w_trained, w_frozen, bias, scale;
    fe_geometry d;
} fe_layer_step;

/* y begins where x does; plane: s8 scratch [out_h][out_w]. */
typedef struct {
    fe_step step;
    int32_t x, y, mask;
    int32_t w_trained, w_frozen, bias, scale;
    fe_geometry d;
    int32_t plane;
} fe_in_place_step;

typedef struct {
    fe_step step;
    int32_t x, x2, y, mask;
    fe_add d;
} fe_add_step;

/* Global average. Backward: factor in Q(15 - E), k += exp. */
typedef struct {
    fe_step step;
    int32_t x, y, positions, channels;
} fe_pool_step;

typedef struct {
    fe_step step;
    fe_flow flow;
    int32_t factor, exp;
} fe_grad_pool_step;

/* acc: of fp32 gradients the gradient itself. */
typedef struct {
    fe_step step;
    int32_t logits, classes, acc, k;
} fe_loss_step;

/* acc = (y - target) factor, exponent k = exp; of fp32 gradients factor holds the bits of a float. */
typedef struct {
    fe_step step;
    int32_t y, size, acc, k, factor, exp;
} fe_squared_step;

typedef struct {
    fe_step step;
    int32_t g, mask, size;
} fe_mask_step;

/* Input gradient of conv, depthwise, dense: acc's exponent is g's plus r_exp. r: of fp32 gradients the scales. */
typedef struct {
    fe_step step;
    fe_flow flow;
    int32_t w_trained, w_frozen, r, r_shift, r_exp;
    fe_geometry d;
} fe_grad_step;

typedef struct {
    fe_step step;
    fe_flow flow;
    fe_repeat d;
} fe_grad_add_step;

/* Any of: e = g (COPY), acc += waiting g (MERGE), e = block(acc) (BLOCK). */
typedef struct {
    fe_step step;
    int32_t from, from_k, to, to_k, size;
} fe_move_step;

/* kept: residuals or latents; velocity, sum: of the weights. None where the recipe has none. */
typedef struct {
    fe_step step;
    int32_t layer;
    int32_t g, gk, x, w, rate, row;
    int32_t kept, velocity, sum;
    fe_geometry d;
} fe_update_step;

typedef struct {
    fe_step step;
    int32_t g, gk, positions, channels, b, rate;
    int32_t velocity, sum;
} fe_bias_step;

/* The end of a batch: the rule runs on the sums of one layer. */
typedef struct {
    fe_step step;
    int32_t layer;
    int32_t w, kept, velocity, sum, size;
} fe_apply_step;

typedef struct {
    fe_step step;
    int32_t b, velocity, sum, size;
} fe_apply_bias_step;

#define FE_GROUP_MOST 24   /* steps in a group */
#define FE_GROUP_SIDE 8192 /* the longest side of a map or kernel there, stride or padding */

/* How a step of a group of rows lies in it. rows: that its output has room for, 0 where it is a whole map. x_from,
 * x2_from: number of the step in the group whose output is read, -1 for a map outside. */
typedef struct {
    int32_t rows, x_from, x2_from;
} fe_row_form;

/* count forms, then count steps forward that run together, row by row. */
typedef struct {
    fe_step step;
    int32_t count;
} fe_rows_step;

/* count steps backward follow, that run together for `group` of the `channels` between them at a time. */
typedef struct {
    fe_step step;
    int32_t count, channels, group;
} fe_channels_step;

static inline const fe_plan *fe_header(const fe_node *node)
{
#if FE_PROFILE_STATIC
    static const fe_plan header = FE_HEADER;
    (void)node;
    return &header;
#else
    return (const fe_plan *)(const void *)node->plan;
#endif
}

static inline int fe_is_float(const fe_node *node)
{
    return FE_FLOAT && fe_header(node)->gradients == FE_FP32;
}

static inline int fe_is_group_side(int32_t v)
{
    return v >= 1 && v <= FE_GROUP_SIDE;
}

static inline const fe_step *fe_following(const fe_step *step)
{
    return (const fe_step *)(const void *)((const int32_t *)(const void *)step + step->words);
}

/* How many steps behind this one belong to it. */
static inline int32_t fe_inner_steps(const fe_step *step)
{
    const int rows = FE_RUNS(FE_ROWS) && step->op == FE_ROWS;
    const int channels = FE_RUNS(FE_CHANNELS) && step->op == FE_CHANNELS;
    return rows || channels ? ((const int32_t *)(const void *)step)[2] : 0;
}

/* Whether the window is read where its owner holds it. */
static inline int fe_is_streamed(const fe_node *node)
{
    return FE_STREAMED && fe_header(node)->input >> 28 == FE_INPUT;
}

/* The address of a reference. Callers know which region allows writing. */
void *fe_at(const fe_node *node, int32_t ref);

/* Whether so many bytes lie in the arena from a reference on. */
int fe_lies_in_arena(const fe_plan *p, int32_t ref, int64_t bytes);

/* Exponents of int8 gradients, by slot. */
int32_t *fe_exponents(const fe_node *node);

/* One step of the plan; update carries the key of this training step. */
void fe_run_step(const fe_node *node, const fe_step *step, const fe_course *course, uint64_t step_key);

/* A forward step of one operator, no group. */
void fe_run_operator(const fe_node *node, const fe_step *step);

/* A step of an operator without weights: fe_run_maps.c. */
void fe_run_map(const fe_node *node, const fe_step *step);

#endif

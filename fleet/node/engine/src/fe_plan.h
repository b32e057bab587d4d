/* SPDX-License-Identifier: Apache-2.0
 *
 * A plan as words: a header, then steps in execution order. Every field is a little-endian s32, so
 * the structs below lie directly on the plan's bytes.   SPEC.md, "Plan"; written by fleet/node/plan.
 */
#ifndef FE_PLAN_H
#define FE_PLAN_H

#include "fe_add_s8.h"
#include "fe_ops.h"

#define FE_PLAN_MAGIC 0x4C504546 /* "FEPL" */
#define FE_PLAN_VERSION 1

/* Where a reference points: its top four bits. The rest is a byte offset. 0 is "none". */
enum { FE_NONE = 0, FE_MODEL = 1, FE_STATE = 2, FE_ARENA = 3 };

enum {
    FE_CONV = 1,
    FE_DEPTHWISE = 2,
    FE_DENSE = 3,
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
    FE_UPDATE_BIAS = 19
};

typedef struct {
    int32_t magic, version, words;
    int32_t arena_bytes, state_bytes, model_bytes;
    int32_t classes;
    int32_t input, input_bytes;
    int32_t logits;
    int32_t exponents, exponent_count; /* s32 per gradient tensor, in the arena */
    int32_t first_values;              /* of the state, in the model */
    int32_t loss_word;                 /* the forward pass ends here */
} fe_plan;

typedef struct {
    int32_t op, words;
} fe_step;

/* Forward of conv, depthwise, dense. y of a dense head are its logits. */
typedef struct {
    fe_step step;
    int32_t x, y, mask;
    int32_t w_trained, w_frozen, bias, scale;
    fe_geometry d;
} fe_layer_step;

typedef struct {
    fe_step step;
    int32_t x, x2, y, mask;
    fe_add d;
} fe_add_step;

/* Forward: x, y. Backward: g with exponent slot gk -> acc with slot k, factor in Q(15 - E), k += exp. */
typedef struct {
    fe_step step;
    int32_t x, y, positions, channels;
} fe_pool_step;

typedef struct {
    fe_step step;
    int32_t g, gk, acc, k, positions, channels, factor, exp;
} fe_grad_pool_step;

typedef struct {
    fe_step step;
    int32_t logits, classes, acc, k;
} fe_loss_step;

typedef struct {
    fe_step step;
    int32_t g, mask, size;
} fe_mask_step;

/* Input gradient of conv, depthwise, dense: acc's exponent is g's plus r_exp. */
typedef struct {
    fe_step step;
    int32_t g, gk, acc, k;
    int32_t w_trained, w_frozen, r, r_shift, r_exp;
    fe_geometry d;
} fe_grad_step;

/* Any of: acc = g (GRAD_ADD), e = g (COPY), acc += waiting g (MERGE), e = block(acc) (BLOCK). */
typedef struct {
    fe_step step;
    int32_t from, from_k, to, to_k, size;
} fe_move_step;

typedef struct {
    fe_step step;
    int32_t layer;
    int32_t g, gk, x, w, rate, row;
    fe_geometry d;
} fe_update_step;

typedef struct {
    fe_step step;
    int32_t g, gk, positions, channels, b, rate;
} fe_bias_step;

static inline const fe_plan *fe_header(const fe_node *node)
{
    return (const fe_plan *)(const void *)node->plan;
}

/* The address of a reference. Callers know which region allows writing. */
void *fe_at(const fe_node *node, int32_t ref);

/* One step of the plan; update carries the key of this training step. */
void fe_run_step(const fe_node *node, const fe_step *step, const fe_course *course, uint64_t step_key);

#endif

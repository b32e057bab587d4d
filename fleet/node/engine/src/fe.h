/* SPDX-License-Identifier: Apache-2.0
 *
 * The mcufleet engine: int8 inference and int8 training of one node. The same sources run in the
 * simulator and on the device. No I/O, no malloc, no libc; floating point only for recipes that ask for it.
 *
 * A node is four pieces of memory that the caller owns:
 *   plan    int32 words, constant: what runs, in which order, at which offsets   (SPEC.md, "Plan"); NULL of a static one
 *   model   bytes, constant: frozen weights, biases, scales, first trained values
 *   state   bytes: the values that train, and what a recipe remembers between steps. 4-byte aligned
 *   arena   bytes: everything that lives within one step. 4-byte aligned
 * and, for a plan that streams its input, the window of the next step, s8, where its owner holds it. The engine neither
 * copies nor writes it.
 */
#ifndef FE_H
#define FE_H

#include <stdint.h>

#define FE_ENGINE_VERSION 2

/* An exported project says what it uses in data/fe_config.h, wherever it is compiled. */
#if defined(__has_include)
#if __has_include("fe_config.h")
#include "fe_config.h"
#endif
#endif

/* What is compiled; a firmware leaves out what its plan does not use. A plan that needs what was left out is refused.
 * FE_PROFILE_STATIC: the steps are calls that were compiled with the engine, not words of a plan. FE_HEADER says what
 * the words before a plan's steps would, as an initialiser of fe_plan.
 * FE_FLOAT: gradients in fp32, latent weights, edges in float. FE_STATIC: exponents that the plan knows.
 * FE_STREAMED: windows that are read where their owner holds them.
 * FE_CODES, FE_RULES: bit c set = steps of code c, updates by rule c. */
#ifndef FE_PROFILE_STATIC
#define FE_PROFILE_STATIC 0
#endif
#ifndef FE_FLOAT
#define FE_FLOAT 1
#endif
#ifndef FE_STATIC
#define FE_STATIC 1
#endif
#ifndef FE_STREAMED
#define FE_STREAMED 1
#endif
/* FE_TILES: larger kernels that are faster on a core without vectors. 0: the smallest code. */
#ifndef FE_TILES
#if (defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M') || defined(__riscv)
#define FE_TILES 1
#else
#define FE_TILES 0
#endif
#endif
#ifndef FE_CODES
#define FE_CODES 0xFFFFFFFFFFFFFFFFull
#endif
#ifndef FE_RULES
#define FE_RULES 0xFFu
#endif
#define FE_RUNS(code) ((FE_CODES >> (code) & 1u) != 0)
#define FE_ROUNDS(rule) ((FE_RULES >> (rule) & 1u) != 0)

/* What went wrong; 0 is fine. */
typedef enum {
    FE_OK = 0,
    FE_BAD_MAGIC = -1,   /* these bytes are not a plan */
    FE_BAD_VERSION = -2, /* a plan for another engine: export or push it again */
    FE_BAD_PLAN = -3,    /* a reference or a count lies outside the memory the header declares */
    FE_BAD_LABEL = -4,   /* a label that is not one of the classes the loss runs over */
    FE_BAD_FRAME = -5,   /* a frame that is cut short or damaged: ask for it again */
    FE_OTHER_FRAME = -6, /* a whole frame of another kind or version, or for another node */
    FE_BAD_VALUES = -7,  /* values for another plan, not those that the frame names, or tables no plan may read */
    FE_NOT_NOW = -8,     /* asked for too early: no window was given, or the node is busy with something else */
    FE_BAD_SEAL = -9,    /* a frame that nobody with the key sealed, or that was here before */
    FE_BAD_SLOT = -10    /* no valid slot, or flash that does not hold what was written */
} fe_status;

/* A positive real number: mant * 2^(exp - 31), mant in [2^30, 2^31), or 0. */
typedef struct {
    int32_t mant;
    int32_t exp;
} fe_real;

typedef struct {
    const int32_t *plan;
    const uint8_t *model;
    uint8_t *state;
    uint8_t *arena;
    const int8_t *window; /* NULL unless the input is streamed */
} fe_node;

/* How a node trains until further notice. own: bit c set = class c takes part in the softmax;
 * (classes + 7) / 8 bytes. key: of (seed, stream, node). step: counts up over all rounds. */
typedef struct {
    uint64_t key;
    fe_real rate;
    uint32_t step;
    const uint8_t *own;
} fe_course;

/* Refuses a plan that is not ours, or a step of which would read or write outside the sizes given. words: length of the
 * plan. */
fe_status fe_check_plan(const int32_t *plan, uint32_t words, uint32_t model_bytes, uint32_t state_bytes,
                        uint32_t arena_bytes);

/* Refuses a model whose tables send a step outside its maps, or into a loop without end. The plan has been checked. */
fe_status fe_check_tables(const fe_node *node);

/* Copies the first trained values from the model into the state, and fe_begin. */
void fe_reset(const fe_node *node);

/* Forgets what earlier steps left beside the values: residuals, velocities, sums; latents start at the weights.
 * Belongs after every write to the values. */
void fe_begin(const fe_node *node);

/* Every map of the inputs in place. */
void fe_forward(const fe_node *node);

/* x: the first input. Returns the first output, inside the arena: of a head Q8 logits, s16 [classes]. */
const void *fe_infer(const fe_node *node, const void *x);

/* Where the first input of the next step belongs, for callers that fill it in place. NULL where it is streamed: they set
 * node->window. */
int8_t *fe_input(const fe_node *node);

/* One step of training on the input in place. *p_true (Q15, may be NULL): probability that the
 * softmax gave to the label before the step. Advances course->step. */
fe_status fe_train_step(const fe_node *node, fe_course *course, int32_t label, uint32_t *p_true);

/* The same towards an answer, s8 of the output's size. *error (may be NULL): sum of squared differences. */
fe_status fe_fit_step(const fe_node *node, fe_course *course, const int8_t *answer, uint32_t *error);

/* Applies the sums of a batch that is not full; belongs after the last step of a run. */
void fe_close_batch(const fe_node *node, const fe_course *course);

/* count steps on windows[order[0]], windows[order[1]], ...   windows: s8 [any][input bytes].
 * p_true: u32 [count] or NULL. Stops at the first fault; else closes the batch. */
fe_status fe_train(const fe_node *node, fe_course *course, const int8_t *windows, const uint8_t *labels,
                   const int32_t *order, int32_t count, uint32_t *p_true);

/* The same towards answers s8 [any][output bytes]. errors: u32 [count] or NULL. */
fe_status fe_fit(const fe_node *node, fe_course *course, const int8_t *windows, const int8_t *answers,
                 const int32_t *order, int32_t count, uint32_t *errors);

/* Parts of a run, for callers that change the rate on the way: the batch stays open. */
fe_status fe_train_part(const fe_node *node, fe_course *course, const int8_t *windows, const uint8_t *labels,
                        const int32_t *order, int32_t count, uint32_t *p_true);
fe_status fe_fit_part(const fe_node *node, fe_course *course, const int8_t *windows, const int8_t *answers,
                      const int32_t *order, int32_t count, uint32_t *errors);

/* outputs: the first one of each window, [count][output bytes]; of a head s16 [count][classes].
 * windows: s8 [count][input bytes]. */
void fe_infer_many(const fe_node *node, const int8_t *windows, int32_t count, void *outputs);

#endif

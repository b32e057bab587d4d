/* SPDX-License-Identifier: Apache-2.0
 *
 * The host's executor: the same plan, the same bits as fe_node.c, with the vectors that this processor has. It belongs
 * to the library of the simulator and is never compiled into firmware.
 *
 * What a step needs that the plan lacks (packed weights, scratch) is prepared once, in memory that the caller owns.
 * Nothing is global, nothing is allocated later: hosts of several threads know nothing of each other.
 */
#ifndef FE_HOST_H
#define FE_HOST_H

#include "fe.h"

typedef struct fe_host fe_host;

/* Variants, each with what the one before it needs. */
enum { FE_PLAIN = 0, FE_AVX2 = 1, FE_AVX512 = 2 };

/* The best variant that this processor can run. */
int32_t fe_host_best(void);

/* Bytes that fe_host_create will use, 0 for a variant that this processor or this build has not. */
int64_t fe_host_bytes(const fe_node *node, int32_t variant);

/* A host in `memory`, at a multiple of 64. The node's memories must stay where they are. */
fe_host *fe_host_create(const fe_node *node, int32_t variant, void *memory);

/* How many of the plan's steps have a faster function than the interpreter's. */
int32_t fe_host_fast_steps(const fe_host *host);

/* What is remembered of windows: what the first `steps` steps, which nothing trained touches, leave in the arena for
 * the others. spans: offset and bytes of each such buffer; Python's plan knows them. */
typedef struct {
    const int32_t *spans;
    int32_t count, steps, bytes; /* spans, steps before, bytes of a window */
    uint8_t *maps;               /* [windows][bytes] */
    uint8_t *known;              /* [windows], 0 before the first step on a window */
} fe_memo;

/* What a node is to learn. labels: a class of each window; NULL: answers s8 [any][output bytes] instead. order:
 * window of each step. losses: u32 [count] or NULL, as fe_train and fe_fit give them. close: a batch that is not full
 * at the end is applied. memo: NULL, or of these windows under this plan and model. */
typedef struct {
    const int8_t *windows;
    const uint8_t *labels;
    const int8_t *answers;
    const int32_t *order;
    uint32_t *losses;
    const fe_memo *memo;
    int32_t count, close;
} fe_lesson;

/* All steps of a lesson, as fe_train and fe_fit make them. Stops at the first fault. */
fe_status fe_host_learn(fe_host *host, fe_course *course, const fe_lesson *lesson);

/* Where the first input belongs, for callers that fill it in place. */
int8_t *fe_host_input(const fe_host *host);

/* fe_forward. */
void fe_host_forward(fe_host *host);

/* fe_infer_many. */
void fe_host_infer_many(fe_host *host, const int8_t *windows, int32_t count, void *outputs, const fe_memo *memo);

/* For benchmarks: multiply-accumulates at full speed, as this variant's products do them; returns how many. */
int64_t fe_host_peak(int32_t variant, int32_t rounds);

/* For benchmarks: one step of the plan, `times` times, on what lies in the arena. */
void fe_host_repeat(fe_host *host, const fe_course *course, int32_t step, int32_t times);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * One shape for every input gradient: an operator adds what reaches one place of its input; the driver decides
 * what becomes of these sums in each format of gradients.
 *
 *   dynamic  acc: s32 [places][channels], to be merged and blocked by steps of their own
 *   static   acc: s32 [channels]; each place is merged, shifted by `shift` and written to e: s8 [places][channels]
 *   fp32     e: float [places][channels], begun with the waiting gradient
 */
#ifndef FE_BACKPROP_H
#define FE_BACKPROP_H

#include "fe.h"
#include "fe_ops.h"

/* References and exponent slots, in the order of the plan's words. g: gradient of the output. waiting: what came
 * from another use of the input; none, if nothing did. shift < 0: dynamic. places, channels: of the input. */
typedef struct {
    int32_t g, gk;
    int32_t acc, k;
    int32_t waiting, waiting_k;
    int32_t e, ek;
    int32_t shift;
    int32_t places, channels;
} fe_flow;

/* What an operator may need to find the gradient of its input; what it does not need is NULL.
 * g: s8 or float. table: factors r u16 or scales float of a weighted layer, slopes of a curve. */
typedef struct {
    const void *g;
    const int8_t *x, *x2, *y;
    fe_weights w;
    const void *table;
    int32_t shift;
} fe_operands;

/* acc[i] += the terms of channel i of one place. d: what the operator's step holds. Terms in the order of SPEC.md,
 * "Gradients in fp32", which fixes the bits of the second one. */
typedef void fe_place_s8(const void *d, const fe_operands *a, int32_t place, int32_t *acc);
typedef void fe_place_f32(const void *d, const fe_operands *a, int32_t place, float *acc);

#if FE_FLOAT
#define FE_F32(function) (function)
#else
#define FE_F32(function) ((fe_place_f32 *)0)
#endif

/* Where sums go that a kernel takes all over the map at once: dynamic, to acc; static (acc is NULL), with what waits and
 * shifted to e. k: their exponent. */
typedef struct {
    int32_t *acc;
    const int8_t *waiting;
    int8_t *e;
    int32_t k, k_waiting, shift;
} fe_settled;

fe_settled fe_settled_of(const fe_node *node, const fe_flow *flow, int32_t exp);

/* Static sums number i to i + count - 1 become gradients. */
void fe_settle_some(const fe_settled *s, int32_t i, int32_t count, int32_t *acc);

/* The exponent of what became of all of them. */
void fe_end_settled(const fe_node *node, const fe_flow *flow, const fe_settled *s);

/* The gradient of an operator's whole input. exp: what the operator's sums add to the exponent of g. */
void fe_backprop(const fe_node *node, const fe_flow *flow, fe_place_s8 *s8, fe_place_f32 *f32, const void *d,
                 const fe_operands *a, int32_t exp);

#endif

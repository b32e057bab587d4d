/* SPDX-License-Identifier: Apache-2.0
 *
 * Frames between server and node: a push is read, an update is written. The same bytes as
 * fleet/node/wire/frames.py; SPEC.md, "Frames". Nothing here allocates or keeps state.
 */
#ifndef FE_FRAME_H
#define FE_FRAME_H

#include <stdint.h>

#include "fe.h"

#define FE_FRAME_VERSION 1
#define FE_HEAD_BYTES 20 /* 'F' | version | kind | own bytes | node u32 | round, steps, windows, model u16 | base u32 */

enum { FE_PUSH = 1, FE_UPDATE = 2 };

/* What a node trains, as the state holds it: s8 [weights], padded to four, then s32 [biases].
 * A class that a node lacks leaves its part of the head out of updates: weights
 * [head_weight + class * head_inputs ..][head_inputs], and bias head_bias + class.
 * head_inputs 0, head_bias -1: that part of the head does not train. */
typedef struct {
    int32_t weights, biases;
    int32_t classes;
    int32_t head_weight, head_inputs;
    int32_t head_bias;
} fe_layout;

/* base: CRC-32 of the pushed values as they lie in the state. steps: asked for, or made. model: number of the model
 * that the values belong to, 0 for that of the image. */
typedef struct {
    uint32_t node, base;
    uint16_t round, steps, windows, model;
} fe_frame_head;

/* A push that was read; own and values point into its frame. values: s8 [weights], s32 [biases]. */
typedef struct {
    fe_frame_head head;
    fe_real rate;
    const uint8_t *own;
    const uint8_t *values;
} fe_push;

/* CRC-32 (IEEE 802.3, as zlib) of bytes, going on from crc; begin with 0. */
uint32_t fe_crc32(uint32_t crc, const uint8_t *bytes, uint32_t count);

/* Length of any push of a layout; no update of it is longer. */
uint32_t fe_push_bytes(const fe_layout *layout);

/* CRC-32 of packed values as they will lie in the state, padding included. */
uint32_t fe_base(const fe_layout *layout, const uint8_t *values);

/* Writes a head and returns where it ends. own: bytes of the classes that follow. */
uint8_t *fe_put_head(uint8_t *at, uint8_t kind, const fe_frame_head *head, uint32_t own);

/* Checks a whole push and finds its parts. Nothing is copied. */
fe_status fe_read_push(const fe_layout *layout, const uint8_t *frame, uint32_t length, fe_push *push);

/* Weights within 127 and biases within 2^30: what the engine's sums are proved for (SPEC.md, "Bounds"). */
fe_status fe_check_values(const fe_layout *layout, const uint8_t *values);

/* The pushed values as they lie in a state. The padding becomes 0. */
void fe_unpack_values(const fe_layout *layout, const uint8_t *values, uint8_t *state);

/* A weight less its pushed one, clipped to +-127. All three are s8. */
uint8_t fe_weight_delta(uint8_t value, uint8_t pushed);

/* Writes the update of a state that began as pushed. Returns its length. frame: u8 [fe_push_bytes]. */
uint32_t fe_write_update(const fe_layout *layout, const fe_frame_head *head, const uint8_t *own, const uint8_t *state,
                         const uint8_t *pushed, uint8_t *frame);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * Frames beside push and update: values set and asked for, acknowledgements, models in pieces. The same bytes as
 * fleet/node/wire/messages.py; SPEC.md, "Frames".
 */
#ifndef FE_MESSAGE_H
#define FE_MESSAGE_H

#include "fe_frame.h"

enum { FE_SET = 3, FE_GET = 4, FE_VALUES = 5, FE_ACK = 6, FE_OFFER = 7, FE_PIECE = 8 };

#define FE_ACK_BYTES (FE_HEAD_BYTES + 8)
#define FE_SLOT_HEAD_BYTES 64 /* the two units that describe a slot: fields, then their digest with the content */
#define FE_SIGNATURE_BYTES 64
#define FE_OFFER_BYTES (FE_HEAD_BYTES + FE_SLOT_HEAD_BYTES + FE_SIGNATURE_BYTES + 4)

/* A whole frame; body points into it. kind: also FE_PUSH, whose parts fe_read_push finds. */
typedef struct {
    uint8_t kind, own;
    fe_frame_head head;
    const uint8_t *body;
    uint32_t body_bytes;
} fe_message;

/* CRC, mark and version of any frame, its head and where its body lies. FE_BAD_FRAME or FE_OTHER_FRAME. */
fe_status fe_read_message(const uint8_t *frame, uint32_t length, fe_message *message);

/* Whether a body is the values of a layout that its head names: s8 [weights], s32 [biases], in their ranges. */
fe_status fe_check_set(const fe_layout *layout, const fe_message *message);

/* Length of values as they lie in frames. */
uint32_t fe_values_bytes(const fe_layout *layout);

/* The values of a state as they lie in frames, without padding. Returns where they end. */
uint8_t *fe_pack_values(const fe_layout *layout, const uint8_t *state, uint8_t *to);

/* The values of a node, with their own base. Returns the frame's length. */
uint32_t fe_write_values(const fe_layout *layout, const fe_frame_head *head, const uint8_t *state, uint8_t *frame);

/* An acknowledgement: of what head.round and head.base name; windows: 0, or what was wrong as -fe_status. done: bytes
 * of a model that are there. Returns FE_ACK_BYTES. */
uint32_t fe_write_ack(const fe_frame_head *head, uint32_t done, uint8_t *frame);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * The client of one node: take a push, train on windows, give the update. All memory is static and
 * declared once, in fe_client.c; each object is one line of the memory ledger.
 *
 *   fe_client_start(node)                 once after reset
 *   fe_client_push(frame, length)         opens a round: values, classes and rate of the server
 *   window into fe_client_input(), or its address to fe_client_window(); then
 *   fe_client_train(label)                one step; as many as the round asks for. Or fe_client_fit(answer)
 *   fe_client_update(windows)             the answer, in fe_frame
 *
 * Values can be taken out and put in at any time: fe_client_get_values, fe_client_set_values, fe_client_deltas.
 */
#ifndef FE_CLIENT_H
#define FE_CLIENT_H

#include <stdint.h>

#include "fe.h"
#include "fe_frame.h"
#include "fe_project.h"

/* What the node runs, and the number of its model in frames. */
typedef struct {
    const int32_t *plan;
    const uint8_t *model;
    const fe_layout *layout;
    uint32_t words, model_bytes;
    uint16_t number;
} fe_image;

/* Whether a push has come (open), and steps after it, so that a batch may not be full. */
enum { FE_CLOSED = 0, FE_OPEN = 1, FE_STEPPED = 2 };

/* What outlives a step, besides the trained values. course.step counts over all rounds, so that no
 * rounding repeats. open: whether a push has come, and steps after it. steps: made since the push. window: where its owner
 * holds it, of a plan that streams its input. plan, model, layout: of a project with the runtime, which runs what is
 * pushed to it. */
typedef struct {
    fe_course course;
    uint32_t node, base;
    uint16_t round, asked, steps, open;
#if FE_STREAMED
    const int8_t *window;
#endif
#if FE_WITH_RUNTIME
    const int32_t *plan;
    const uint8_t *model;
    const fe_layout *layout;
#endif
    uint16_t number;
    uint8_t own[FE_OWN_BYTES > 0 ? FE_OWN_BYTES : 1];
} fe_client;

extern fe_client fe_runtime;
extern uint32_t fe_arena[FE_ARENA_BYTES / 4];
extern uint32_t fe_state[FE_STATE_BYTES / 4];
extern uint32_t fe_pushed[FE_VALUE_BYTES / 4];
extern uint32_t fe_frame[FE_FRAME_BYTES / 4];

/* The model's first values into the state; no round is open. Refuses a plan of another engine. */
fe_status fe_client_start(uint32_t node);

#if FE_WITH_RUNTIME
/* The same with another model or plan than the image's own, which stays where it is. */
fe_status fe_client_start_with(uint32_t node, const fe_image *image);

/* What the image runs of its own. */
fe_image fe_client_own_image(void);
#endif

/* The layout in use. */
const fe_layout *fe_client_layout(void);

/* Opens a round. A frame that is refused changes nothing. The frame may lie in fe_frame. */
fe_status fe_client_push(const uint8_t *frame, uint32_t length);

/* The first half of fe_client_push: whether the frame is a push for this node, and its parts. The second half takes it. */
fe_status fe_client_read_push(const uint8_t *frame, uint32_t length, fe_push *push);
void fe_client_begin(const fe_push *push);

/* The trained values as they are now, packed as in frames: s8 [weights], then s32 [biases], little-endian. Steps of a
 * batch that is not full are not in them. values: u8 [fe_values_bytes]. Returns that many. */
uint32_t fe_client_get_values(uint8_t *values);

/* Replaces them, as a push does, and closes the round: an update has nothing to be a difference to. Refused, with
 * nothing changed, for another length (FE_BAD_VALUES) or values out of range. */
fe_status fe_client_set_values(const uint8_t *values, uint32_t length);

/* What training changed since the push, packed as the values: weights clipped to +-127, biases modulo 2^32, classes that
 * are not own included. deltas: u8 [fe_values_bytes]. Returns that many, 0 when no round is open. */
uint32_t fe_client_deltas(uint8_t *deltas);

/* Where the window of the next step belongs: s8 [FE_INPUT_BYTES]. Overwritten by every step. NULL for a plan that
 * streams its input. */
int8_t *fe_client_input(void);

/* The window of the next step, s8 [FE_INPUT_BYTES]: in the log in flash, say. A plan that streams its input reads it
 * there, whenever it runs: give it before the first step, and leave it as it is up to the next call. For any other plan
 * it is copied into fe_client_input() now. */
void fe_client_window(const int8_t *window);

/* One step on the window in place. FE_BAD_LABEL before the first push, when no class is ours yet. FE_NOT_NOW where the
 * input is streamed and no window was given. */
fe_status fe_client_train(int32_t label);

/* One step on the window in place towards an answer s8 [FE_OUTPUT_BYTES], of a plan that learns answers. */
fe_status fe_client_fit(const int8_t *answer);

/* What the network says of the window in place, [FE_OUTPUT_BYTES] until the next step: of a head Q8 logits,
 * s16 [FE_CLASSES]. NULL where the input is streamed and no window was given. */
const void *fe_client_infer(void);

/* Writes the update against the last push into fe_frame. windows: how many the node trained on.
 * Returns its length, 0 when no round is open. */
uint32_t fe_client_update(uint16_t windows);

#endif

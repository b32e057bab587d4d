/* SPDX-License-Identifier: Apache-2.0
 *
 * The client of a node that only infers. All memory is static and declared once, in fe_client.c; each object is one
 * line of the memory ledger.
 *
 *   fe_client_start(0)                    once after reset
 *   window into fe_client_input(), or its address to fe_client_window(); then
 *   fe_client_infer()                     what the network says of it
 */
#ifndef FE_CLIENT_H
#define FE_CLIENT_H

#include <stdint.h>

#include "fe.h"
#include "fe_project.h"

extern uint32_t fe_arena[FE_ARENA_BYTES / 4];

/* Refuses a plan of another engine. node: of no use here; the call is that of a node that trains. */
fe_status fe_client_start(uint32_t node);

/* Where the next window belongs, [FE_INPUT_BYTES]. Overwritten by every inference. NULL for a plan that streams its
 * input. */
int8_t *fe_client_input(void);

/* The next window, [FE_INPUT_BYTES]. A plan that streams its input reads it there, whenever it runs: give it before the
 * first inference. For any other plan it is copied into fe_client_input() now. */
void fe_client_window(const int8_t *window);

/* What the network says of the window in place, [FE_OUTPUT_BYTES] until the next one: of a head Q8 logits,
 * s16 [FE_CLASSES]. NULL where the input is streamed and no window was given. */
const void *fe_client_infer(void);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * The runtime: a node that takes part in rounds by itself.
 *
 *   fe_node_start()                          after reset: choose the model, resume from the last checkpoint
 *   while (fe_port_sleep(fe_node_turn())) {} forever: take a frame, make a step, send what there is to send
 *
 * What happens when is fe_round_table's; what it takes and sends, SPEC.md's, "Round".
 */
#ifndef FE_TURN_H
#define FE_TURN_H

#include <stdint.h>

#include "fe.h"

/* An update is sent again after 2 s, 4 s, ... 128 s and up to 2 s more, which keep a fleet from talking at once; then it
 * is given up, and the node waits for the next push. */
#define FE_RETRY_MS 2000u
#define FE_RETRIES 7u

fe_status fe_node_start(void);

/* Takes at most one frame, makes at most one step, sends at most one frame. Returns for how many ms there is nothing to
 * do: FE_FOREVER until a frame comes. */
uint32_t fe_node_turn(void);

#endif

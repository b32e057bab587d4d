/* SPDX-License-Identifier: Apache-2.0
 *
 * A mailbox in RAM in place of radio, clock and sensor: whoever emulates the core fills it in, calls fe_node_turn and
 * reads it. Addresses are of the emulated core; 0 is none. Flash is memory that can be written, and keeps to the rules
 * of flash.
 */
#ifndef FE_MAILBOX_H
#define FE_MAILBOX_H

#include "fe_port.h"

/* inbox: a frame for the node, taken once. windows: s8 [window_count][FE_INPUT_BYTES], used in turn; labels: u8
 * [window_count], or answers: s8 [window_count][FE_OUTPUT_BYTES]. question: of fe_port_verify_ed25519, in the order of
 * its arguments; whoever emulates stops at fe_mailbox_ask and sets verdict. outbox: the last frame sent, of `sent` in
 * all. slept_ms: what the last turn asked for. */
typedef struct {
    uint32_t inbox, inbox_bytes;
    uint32_t node, key, signer;
    uint32_t time_ms, random;
    uint32_t windows, labels, answers, window_count;
    uint32_t verdict, question[4];
    uint32_t outbox, outbox_bytes, sent;
    uint32_t slept_ms, rounds_done;
} fe_mailbox;

extern fe_mailbox fe_mail;

/* Does nothing; an emulator stops here to answer a question. */
void fe_mailbox_ask(void);

/* As the functions of fe_port.h. */
int32_t fe_mailbox_send(const uint8_t *frame, uint32_t length);
uint32_t fe_mailbox_receive(uint8_t *frame, uint32_t room);
int32_t fe_mailbox_flash_read(uint32_t from, void *to, uint32_t count);
int32_t fe_mailbox_flash_program(uint32_t to, const void *from, uint32_t count);
int32_t fe_mailbox_flash_erase(uint32_t from, uint32_t count);
const void *fe_mailbox_at(uint32_t address);
int fe_mailbox_verify(const uint8_t *signer, const uint8_t *message, uint32_t count, const uint8_t *signature);
int fe_mailbox_sample(uint32_t number, fe_sample *sample);

#endif

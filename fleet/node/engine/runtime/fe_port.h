/* SPDX-License-Identifier: Apache-2.0
 *
 * What the runtime asks of a board: port/port.c answers. As exported, port.c talks to a mailbox in RAM, so that the
 * firmware runs in an emulator as it is; replace a function by the call of the board's SDK named beside it.
 * Nothing here may block for longer than it takes.
 */
#ifndef FE_PORT_H
#define FE_PORT_H

#include <stdint.h>

#define FE_SIGNER_BYTES 32
#define FE_FOREVER 0xFFFFFFFFu /* wait for a frame, however long */

/* A window to train on, and what the step is to learn of it: a class, or an answer s8 [FE_OUTPUT_BYTES]. */
typedef struct {
    const int8_t *window;
    const int8_t *answer;
    int32_t label;
} fe_sample;

/* Radio. send: 0 once the frame is on its way, it may be lost. receive: bytes of a frame that came, 0 for none; one
 * that is longer than room is dropped. */
int32_t fe_port_send(const uint8_t *frame, uint32_t length);
uint32_t fe_port_receive(uint8_t *frame, uint32_t room);

/* Flash of the slots, by address. Each gives 0, or something else when it failed. program: count is a multiple of 32,
 * at too; every unit is programmed at most once between two erases. erase: whole erase units, left as 0xFF. at: the
 * same flash as memory, NULL where it is none. */
int32_t fe_port_flash_read(uint32_t from, void *to, uint32_t count);
int32_t fe_port_flash_program(uint32_t to, const void *from, uint32_t count);
int32_t fe_port_flash_erase(uint32_t from, uint32_t count);
const void *fe_port_flash_at(uint32_t at);

/* Milliseconds since some moment, modulo 2^32. */
uint32_t fe_port_time_ms(void);

/* 32 bits that differ from node to node: only waiting times hang on them. */
uint32_t fe_port_random(void);

/* Sleeps so long or until a frame comes. 0 ends main: an emulator has its core back then; a board never does. */
int32_t fe_port_sleep(uint32_t ms);

/* The number of this node in its fleet; its key u8 [32], NULL for frames without seals; the public key u8
 * [FE_SIGNER_BYTES] that signs models, NULL where none may be pushed. One of 32 equal bytes is taken for none. */
uint32_t fe_port_node(void);
const uint8_t *fe_port_key(void);
const uint8_t *fe_port_signer(void);

/* Whether the signature, u8 [64], is the signer's (Ed25519, RFC 8032, without context or prehash) over the message: by
 * the board's SDK, or a library of yours. Nothing but 1 is a yes. SHA-256 is the runtime's own, fe_sha256.h: define its
 * three functions beside these where the board has a unit for it. */
int fe_port_verify_ed25519(const uint8_t *signer, const uint8_t *message, uint32_t count, const uint8_t *signature);

/* The application. sample: window `number` of the round, 0 if there is none. windows: how many the node has, 65535 for
 * more. round_done: the server has the update; blink an LED here. */
int fe_app_sample(uint32_t number, fe_sample *sample);
uint16_t fe_app_windows(void);
void fe_app_round_done(uint16_t round);

#endif

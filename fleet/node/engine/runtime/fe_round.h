/* SPDX-License-Identifier: Apache-2.0
 *
 * A round as the node sees it: a table of states and events, without clock or I/O. The same bytes as
 * fleet/node/protocol/round.py; SPEC.md, "Round".
 */
#ifndef FE_ROUND_H
#define FE_ROUND_H

#include <stdint.h>

/* IDLE: no round. TRAINING: a push came. SENT: the update is on its way. DONE: the server has it, or it was given up. */
enum { FE_IDLE = 0, FE_TRAINING = 1, FE_SENT = 2, FE_DONE = 3, FE_ROUND_STATES = 4 };

enum {
    FE_ON_PUSH = 0,    /* a push of a later round, or any where no round was */
    FE_ON_AGAIN = 1,   /* the push of this round once more */
    FE_ON_STALE = 2,   /* a push of an earlier round, or of this one with other values */
    FE_ON_TRAINED = 3, /* the last step was made */
    FE_ON_ACK = 4,     /* the server has the update of this round */
    FE_ON_OTHER_ACK = 5,
    FE_ON_TIMEOUT = 6, /* no answer in time */
    FE_ON_SPENT = 7,   /* no answer in time, and this was the last try */
    FE_ON_SET = 8,     /* the server set the values */
    FE_ROUND_EVENTS = 9
};

/* BEGIN: take the push. SEND: write the update and send it. CLOSE: the round counts. GIVE_UP: it may not. FORGET: no
 * round is open any more. */
enum { FE_DO_NOTHING = 0, FE_DO_BEGIN = 1, FE_DO_SEND = 2, FE_DO_CLOSE = 3, FE_DO_GIVE_UP = 4, FE_DO_FORGET = 5 };

/* What an event does in a state: action << 4 | next state. */
extern const uint8_t fe_round_table[FE_ROUND_STATES][FE_ROUND_EVENTS];

/* Which event a push is. Rounds are numbers modulo 2^16: later is up to 32767 ahead (RFC 1982). */
int fe_round_push(int state, uint16_t round, uint32_t base, uint16_t pushed_round, uint32_t pushed_base);

#endif

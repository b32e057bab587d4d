/* SPDX-License-Identifier: Apache-2.0
 *
 * Fragments with parity on a node: LoRa Alliance TS004, the same decisions as fleet/node/wire/parity.py.
 *
 * Fragments 1 to M are the data, M + n the sum of some M / 2 of them. Every place of the store is written at most once,
 * so it may be flash: places 0 to M - 1 hold the data in order, M to M + room - 1 sums that are not solved yet.
 * Memory is fixed when this is compiled; the struct is all of it.
 */
#ifndef FE_PARITY_H
#define FE_PARITY_H

#include <stdint.h>

#ifndef FE_PARITY_FRAGMENTS
#define FE_PARITY_FRAGMENTS 2304 /* most fragments of a session: 100 kB at 48 bytes and some */
#endif
#ifndef FE_PARITY_ROOM
#define FE_PARITY_ROOM 128 /* most missing fragments that can be solved for; their square is memory in bits */
#endif
#ifndef FE_PARITY_SIZE
#define FE_PARITY_SIZE 240 /* most bytes of a fragment */
#endif

#define FE_PARITY_LAST 16383u /* a fragment's number has 14 bits */

typedef enum {
    FE_PARITY_MORE = 0,     /* go on */
    FE_PARITY_DONE = 1,     /* all of the data lie in the store */
    FE_PARITY_REFUSED = -1, /* a session larger than this was compiled for, or a fragment that is none */
    FE_PARITY_STORE = -2    /* the store failed; begin again */
} fe_parity_status;

/* Where bytes lie. Each gives 0, or something else when it failed. A place is written once between two sessions. */
typedef struct {
    void *context;
    int (*read)(void *context, uint32_t place, uint8_t *to, uint32_t count);
    int (*write)(void *context, uint32_t place, const uint8_t *from, uint32_t count);
} fe_parity_store;

/* One session. lost: fragments that are missing, fixed once the first sum is taken; 0 before. rank: sums held. */
typedef struct {
    fe_parity_store store;
    uint16_t fragments, size, came, lost, rank;
    fe_parity_status status;
    uint16_t missing[FE_PARITY_ROOM];
    uint8_t have[FE_PARITY_FRAGMENTS / 8 + 1];
    uint8_t row[FE_PARITY_FRAGMENTS / 8 + 1];
    uint8_t held[FE_PARITY_ROOM / 8 + 1];
    uint8_t equation[FE_PARITY_ROOM / 8 + 1];
    uint8_t matrix[FE_PARITY_ROOM][FE_PARITY_ROOM / 8 + 1];
    uint8_t sum[FE_PARITY_SIZE], other[FE_PARITY_SIZE];
} fe_parity;

/* Begins a session of M fragments of so many bytes. The store is empty then. */
fe_parity_status fe_parity_start(fe_parity *p, const fe_parity_store *store, uint16_t fragments, uint16_t size);

/* A fragment as it came. number: from 1 up. content: u8 [size]. One that tells nothing new changes nothing. */
fe_parity_status fe_parity_take(fe_parity *p, uint32_t number, const uint8_t *content);

/* Which fragments sum `number`, from 1 up, is made of: bit i % 8 of byte i / 8 for fragment i. row: [M / 8 + 1]. */
void fe_parity_row(uint32_t number, uint32_t fragments, uint8_t *row);

#endif

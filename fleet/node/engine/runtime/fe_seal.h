/* SPDX-License-Identifier: Apache-2.0
 *
 * Sealed frames: frame | counter u64 | tag u8 [16]. The tag is HMAC-SHA256 (RFC 2104) over counter, then frame, cut to
 * its first half. A counter is accepted once, and only above the last one. Even counters are the server's, odd ones the
 * node's: no frame comes back to its sender as another's.   SPEC.md, "Seal"; the same bytes as fleet/node/wire/seal.py.
 */
#ifndef FE_SEAL_H
#define FE_SEAL_H

#include <stdint.h>

#include "fe.h"

#define FE_KEY_BYTES 32
#define FE_COUNTER_BYTES 8
#define FE_TAG_BYTES 16
#define FE_SEAL_BYTES (FE_COUNTER_BYTES + FE_TAG_BYTES)

/* Who sealed a frame: the lowest bit of its counter. */
enum { FE_BY_SERVER = 0, FE_BY_NODE = 1 };

/* In two words, so that no object of ours needs an alignment of 8. */
typedef struct {
    uint32_t low, high;
} fe_counter;

int fe_counter_above(fe_counter a, fe_counter b);
fe_counter fe_counter_plus(fe_counter a, uint32_t more);

/* Writes counter and tag behind the frame. Returns length + FE_SEAL_BYTES. key: u8 [FE_KEY_BYTES]. */
uint32_t fe_seal(const uint8_t *key, fe_counter counter, uint8_t *frame, uint32_t length);

/* FE_OK if `by` sealed it with this key and a counter above *last, which it then replaces; the frame is its first
 * length - FE_SEAL_BYTES. Else FE_BAD_SEAL, and nothing has changed. */
fe_status fe_unseal(const uint8_t *key, int by, fe_counter *last, const uint8_t *sealed, uint32_t length);

#endif

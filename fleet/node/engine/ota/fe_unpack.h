/* SPDX-License-Identifier: Apache-2.0
 *
 * The compressed part of a patch, byte by byte, from flash: as it is, crle, or heatshrink (github.com/atomicobject).
 * Nothing of it is trusted. The same as Stream of fleet/node/protocol/delta.py.
 */
#ifndef FE_UNPACK_H
#define FE_UNPACK_H

#include <stdint.h>

/* Numbers of detools. */
enum { FE_PACKED_NONE = 0, FE_PACKED_CRLE = 2, FE_PACKED_HEATSHRINK = 4 };

/* Of heatshrink: a window of so many bits at most; detools takes 8 by itself. RAM: 2^bits bytes. */
#ifndef FE_WINDOW_BITS
#define FE_WINDOW_BITS 8
#endif

#define FE_READ_BYTES 32u

/* at, end: addresses of what was not read yet. left: bytes of the run in work; of crle `kind` 1 and of heatshrink they are
 * made, not read. bits, bit_count: read and not used. done: bytes given. failed: the input does not keep to its format. */
typedef struct {
    uint32_t at, end, left, back, bits, done;
    uint8_t packed, kind, byte, bit_count, window_bits, ahead_bits, failed, began;
    uint8_t read[FE_READ_BYTES];
    uint8_t window[1u << FE_WINDOW_BITS];
} fe_unpack;

/* From an address up to another one. 1, or 0 for a packing that is none. */
int fe_unpack_open(fe_unpack *u, uint8_t packed, uint32_t at, uint32_t end);

/* The next byte, 0 to 255; -1 at the end or if the input is wrong. */
int32_t fe_unpack_byte(fe_unpack *u);

#endif

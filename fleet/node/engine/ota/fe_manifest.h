/* SPDX-License-Identifier: Apache-2.0
 *
 * The manifest of an update, and every reason to refuse it: SPEC.md, "Manifest"; the same order and numbers as
 * fleet/node/protocol/admission.py.
 */
#ifndef FE_MANIFEST_H
#define FE_MANIFEST_H

#include <stdint.h>

#define FE_MANIFEST_BYTES 320u
#define FE_ENVELOPE_BYTES 384u /* with the signature */

enum {
    FE_TAKEN = 0,
    FE_NOT_LENGTH = 1,
    FE_NOT_FORM = 2,
    FE_NOT_SIGNED = 3,
    FE_NOT_SIGNER = 4,
    FE_NOT_TRUE = 5,
    FE_NOT_VENDOR = 6,
    FE_NOT_CLASS = 7,
    FE_NOT_ABI = 8,
    FE_NOT_NEW = 9,
    FE_NOT_BACK = 10,
    FE_NOT_VERSION = 11,
    FE_NOT_LATE = 12,
    FE_NOT_PRECURSOR = 13,
    FE_NOT_FORMAT = 14,
    FE_NOT_ROOM = 15,
    FE_NOT_SRAM = 16,
    FE_NOT_SECTOR = 17,
    FE_NOT_FRAGMENTS = 18,
    FE_NOT_CHARGE = 19,
    FE_NOT_PROCEDURE = 22
};

/* What a node holds an update against. signer: public key u8 [32]. vendor, device_class: u8 [16]. digest: u8 [32], of the
 * content that runs. formats, compressions: bit n for number n. now: seconds since 1970, in two words; has_clock: whether
 * they mean anything. can_revert: whether the old content can come back. */
typedef struct {
    const uint8_t *signer, *vendor, *device_class, *digest;
    uint32_t sram_bytes, flash_bytes, slot_bytes, sector_bytes, once_bytes, free_sram_bytes;
    uint32_t sequence, security_counter, version, most_fragments, formats, compressions;
    uint32_t now_low, now_high;
    uint16_t abi, charge_permille;
    uint8_t has_clock, can_revert;
} fe_ota_facts;

/* FE_TAKEN, or the first reason to refuse the envelope. Asks fe_port_verify_ed25519. */
int32_t fe_manifest_check(const uint8_t *envelope, uint32_t length, const fe_ota_facts *facts);

#endif

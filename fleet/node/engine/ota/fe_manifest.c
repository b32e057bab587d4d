/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a node takes an update.
 */
#include "fe_manifest.h"

#include "fe_bytes.h"
#include "fe_port.h"
#include "fe_sha256.h"

#define MARK 0x464D4546u /* "FEMF" */
#define KEY_ID_BYTES 8u
#define COMPRESSIONS (1u << 0 | 1u << 2 | 1u << 4)

/* Where fields lie, and what is 0 between them. */
enum {
    VERSION = 4, ALGORITHM = 5, KEY_ID = 8, EXPIRES = 16, VENDOR = 24, CLASS = 40, LEAST_SRAM = 56, LEAST_FLASH = 60,
    ABI = 64, SEQUENCE = 68, COUNTER = 72, FROM_VERSION = 80, TO_VERSION = 84, KIND = 88, FORMAT = 89, COMPRESSION = 90,
    SIZE = 92, DIGEST = 96, INSTALLED = 128, INSTALLED_DIGEST = 132, PRECURSOR = 168, OFFSET = 204, SECTOR = 208,
    SRAM = 212, FLASH = 216, FRAGMENT_BYTES = 224, FRAGMENTS = 226, TEST_BOOT = 240, FALLBACK = 241, CHARGE = 248
};
static const struct {
    uint16_t at, count;
} gaps[] = {{6, 2}, {66, 2}, {91, 1}, {201, 3}, {250, 2}, {272, 48}};

static int same(const uint8_t *a, const uint8_t *b, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (a[i] != b[i])
            return 0;
    return 1;
}

static int is_zero(const uint8_t *at, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (at[i] != 0)
            return 0;
    return 1;
}

/* Whether the signer that the node knows is the one that the manifest names. */
static int is_signer(const uint8_t *m, const uint8_t *signer)
{
    uint8_t digest[FE_DIGEST_BYTES];
    fe_sha256 s;
    if (signer == 0)
        return 0;
    fe_sha256_start(&s);
    fe_sha256_add(&s, signer, 32);
    fe_sha256_end(&s, digest);
    return same(digest, m + KEY_ID, KEY_ID_BYTES);
}

/* The one encoding of values that this release knows. */
static int is_known(const uint8_t *m)
{
    for (uint32_t i = 0; i < sizeof gaps / sizeof gaps[0]; i++)
        if (!is_zero(m + gaps[i].at, gaps[i].count))
            return 0;
    return m[ALGORITHM] == 1 && m[KIND] >= 1 && m[KIND] <= 3 && m[FORMAT] <= 2 && m[COMPRESSION] < 8 &&
           (COMPRESSIONS >> m[COMPRESSION] & 1) && m[FALLBACK] <= 1 && m[TEST_BOOT] <= 1;
}

static int32_t believe(const uint8_t *m, uint32_t length, const fe_ota_facts *f)
{
    if (length != FE_ENVELOPE_BYTES)
        return FE_NOT_LENGTH;
    if (fe_get_u32(m) != MARK || m[VERSION] != 1)
        return FE_NOT_FORM;
    if (m[ALGORITHM] == 0 || is_zero(m + FE_MANIFEST_BYTES, FE_ENVELOPE_BYTES - FE_MANIFEST_BYTES))
        return FE_NOT_SIGNED;
    if (!is_signer(m, f->signer))
        return FE_NOT_SIGNER;
    if (!fe_port_verify_ed25519(f->signer, m, FE_MANIFEST_BYTES, m + FE_MANIFEST_BYTES))
        return FE_NOT_TRUE;
    return is_known(m) ? FE_TAKEN : FE_NOT_FORM;
}

static int32_t identity(const uint8_t *m, const fe_ota_facts *f)
{
    if (!same(m + VENDOR, f->vendor, 16))
        return FE_NOT_VENDOR;
    if (!same(m + CLASS, f->device_class, 16) || fe_get_u32(m + LEAST_SRAM) > f->sram_bytes ||
        fe_get_u32(m + LEAST_FLASH) > f->flash_bytes)
        return FE_NOT_CLASS;
    return fe_get_u16(m + ABI) == f->abi ? FE_TAKEN : FE_NOT_ABI;
}

static int has_expired(const uint8_t *m, const fe_ota_facts *f)
{
    const uint32_t low = fe_get_u32(m + EXPIRES), high = fe_get_u32(m + EXPIRES + 4);
    if (low == 0 && high == 0)
        return 0;
    return !f->has_clock || f->now_high > high || (f->now_high == high && f->now_low >= low);
}

static int32_t ordering(const uint8_t *m, const fe_ota_facts *f)
{
    if (fe_get_u32(m + SEQUENCE) <= f->sequence)
        return FE_NOT_NEW;
    if (fe_get_u32(m + COUNTER) < f->security_counter)
        return FE_NOT_BACK;
    if (f->version < fe_get_u32(m + FROM_VERSION) || f->version > fe_get_u32(m + TO_VERSION))
        return FE_NOT_VERSION;
    return has_expired(m, f) ? FE_NOT_LATE : FE_TAKEN;
}

static int32_t precursor(const uint8_t *m, const fe_ota_facts *f)
{
    const int is_delta = m[FORMAT] != 0;
    if (is_delta == is_zero(m + PRECURSOR, 32) || (is_delta && !same(m + PRECURSOR, f->digest, 32)))
        return FE_NOT_PRECURSOR;
    if (!(f->formats >> m[FORMAT] & 1) || !(f->compressions >> m[COMPRESSION] & 1))
        return FE_NOT_FORMAT;
    if (!is_delta && !same(m + SIZE, m + INSTALLED, 4 + 32)) /* sizes, and the digests behind them */
        return FE_NOT_FORMAT;
    return FE_TAKEN;
}

static uint32_t greater(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static int32_t room(const uint8_t *m, const fe_ota_facts *f)
{
    const uint32_t size = fe_get_u32(m + SIZE), offset = fe_get_u32(m + OFFSET), sector = fe_get_u32(m + SECTOR);
    const uint32_t most = greater(greater(size, fe_get_u32(m + INSTALLED)), fe_get_u32(m + FLASH));
    if (size == 0 || most > f->slot_bytes || offset > f->slot_bytes - most)
        return FE_NOT_ROOM;
    if (fe_get_u32(m + SRAM) > f->free_sram_bytes)
        return FE_NOT_SRAM;
    return m[FORMAT] == 2 && (sector == 0 || sector % f->sector_bytes != 0) ? FE_NOT_SECTOR : FE_TAKEN;
}

static int32_t procedure(const uint8_t *m, const fe_ota_facts *f)
{
    const uint32_t size = fe_get_u32(m + SIZE), each = fe_get_u16(m + FRAGMENT_BYTES), count = fe_get_u16(m + FRAGMENTS);
    if (each == 0 || each % f->once_bytes != 0 || count != (size - 1) / each + 1 || count > f->most_fragments)
        return FE_NOT_FRAGMENTS;
    if (m[TEST_BOOT] && !f->can_revert)
        return FE_NOT_PROCEDURE;
    return f->charge_permille < fe_get_u16(m + CHARGE) ? FE_NOT_CHARGE : FE_TAKEN;
}

int32_t fe_manifest_check(const uint8_t *envelope, uint32_t length, const fe_ota_facts *facts)
{
    int32_t found = believe(envelope, length, facts);
    if (found == FE_TAKEN)
        found = identity(envelope, facts);
    if (found == FE_TAKEN)
        found = ordering(envelope, facts);
    if (found == FE_TAKEN)
        found = precursor(envelope, facts);
    if (found == FE_TAKEN)
        found = room(envelope, facts);
    return found == FE_TAKEN ? procedure(envelope, facts) : found;
}

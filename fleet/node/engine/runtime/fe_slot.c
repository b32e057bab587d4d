/* SPDX-License-Identifier: Apache-2.0
 *
 * Slots in flash: content, then fields, then the digest.
 */
#include "fe_slot.h"

#include "fe_bytes.h"
#include "fe_port.h"

#define MARK 0x4C534546u /* "FESL" */

static void fill(uint8_t *to, uint8_t value, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        to[i] = value;
}

static int same(const uint8_t *a, const uint8_t *b, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (a[i] != b[i])
            return 0;
    return 1;
}

void fe_slot_fields(const fe_slot *slot, uint8_t *bytes)
{
    uint8_t *at = fe_put_u32(bytes, MARK);
    *at++ = FE_SLOT_VERSION;
    *at++ = slot->kind;
    at = fe_put_u32(fe_put_u16(at, slot->number), slot->sequence);
    at = fe_put_u32(fe_put_u32(at, slot->length), slot->plan);
    fill(at, 0, FE_SLOT_UNIT - 20);
}

fe_status fe_slot_parse(const uint8_t *bytes, fe_slot *slot)
{
    if (fe_get_u32(bytes) != MARK || bytes[4] != FE_SLOT_VERSION)
        return FE_BAD_SLOT;
    slot->kind = bytes[5];
    slot->number = (uint16_t)fe_get_u16(bytes + 6);
    slot->sequence = fe_get_u32(bytes + 8);
    slot->length = fe_get_u32(bytes + 12);
    slot->plan = fe_get_u32(bytes + 16);
    return FE_OK;
}

/* Programs a unit and reads it back. */
static fe_status put_unit(uint32_t at, const uint8_t *unit)
{
    uint8_t back[FE_SLOT_UNIT];
    if (fe_port_flash_program(at, unit, FE_SLOT_UNIT) != 0 || fe_port_flash_read(at, back, FE_SLOT_UNIT) != 0)
        return FE_BAD_SLOT;
    return same(unit, back, FE_SLOT_UNIT) ? FE_OK : FE_BAD_SLOT;
}

fe_status fe_slot_open(fe_slot_writer *w, fe_place place)
{
    w->place = place;
    w->done = 0;
    return fe_port_flash_erase(place.at, place.bytes) == 0 ? FE_OK : FE_BAD_SLOT;
}

/* The unit that is full, or the last one. */
static fe_status flush(fe_slot_writer *w)
{
    const uint32_t behind = (w->done - 1) / FE_SLOT_UNIT * FE_SLOT_UNIT;
    return put_unit(w->place.at + FE_SLOT_CONTENT + behind, w->unit);
}

fe_status fe_slot_add(fe_slot_writer *w, const void *bytes, uint32_t count)
{
    const uint8_t *from = bytes;
    fe_status status = FE_OK;
    if (w->place.bytes < FE_SLOT_CONTENT || count > w->place.bytes - FE_SLOT_CONTENT - w->done)
        return FE_BAD_SLOT;
    for (uint32_t i = 0; i < count && status == FE_OK; i++) {
        w->unit[w->done++ % FE_SLOT_UNIT] = from[i];
        if (w->done % FE_SLOT_UNIT == 0)
            status = flush(w);
    }
    return status;
}

/* SHA-256 of fields and content as they lie in flash. */
static fe_status digest_of(fe_place place, const uint8_t *fields, uint32_t length, uint8_t *digest)
{
    uint8_t piece[FE_SLOT_UNIT];
    fe_sha256 s;
    fe_sha256_start(&s);
    fe_sha256_add(&s, fields, FE_SLOT_UNIT);
    for (uint32_t at = 0; at < length; at += FE_SLOT_UNIT) {
        const uint32_t left = length - at;
        if (fe_port_flash_read(place.at + FE_SLOT_CONTENT + at, piece, FE_SLOT_UNIT) != 0)
            return FE_BAD_SLOT;
        fe_sha256_add(&s, piece, left < FE_SLOT_UNIT ? left : FE_SLOT_UNIT);
    }
    fe_sha256_end(&s, digest);
    return FE_OK;
}

fe_status fe_slot_close(fe_slot_writer *w, fe_slot *slot, const uint8_t *expected)
{
    uint8_t fields[FE_SLOT_UNIT];
    fe_status status = FE_OK;
    slot->length = w->done;
    fe_slot_fields(slot, fields);
    if (w->done % FE_SLOT_UNIT != 0) {
        fill(w->unit + w->done % FE_SLOT_UNIT, 0xFF, FE_SLOT_UNIT - w->done % FE_SLOT_UNIT);
        status = flush(w);
    }
    if (status == FE_OK)
        status = digest_of(w->place, fields, slot->length, slot->digest);
    if (status == FE_OK && expected != 0 && !same(slot->digest, expected, FE_DIGEST_BYTES))
        status = FE_BAD_SLOT;
    if (status == FE_OK)
        status = put_unit(w->place.at, fields);
    return status == FE_OK ? put_unit(w->place.at + FE_SLOT_UNIT, slot->digest) : status;
}

/* The fields alone: enough to see whether a slot can be of interest. */
static fe_status read_fields(fe_place place, uint8_t *fields, fe_slot *slot)
{
    if (fe_port_flash_read(place.at, fields, FE_SLOT_UNIT) != 0 || fe_slot_parse(fields, slot) != FE_OK ||
        place.bytes < FE_SLOT_CONTENT || slot->length > place.bytes - FE_SLOT_CONTENT)
        return FE_BAD_SLOT;
    return FE_OK;
}

fe_status fe_slot_read(fe_place place, fe_slot *slot)
{
    uint8_t fields[FE_SLOT_UNIT], found[FE_DIGEST_BYTES];
    if (read_fields(place, fields, slot) != FE_OK ||
        fe_port_flash_read(place.at + FE_SLOT_UNIT, slot->digest, FE_DIGEST_BYTES) != 0 ||
        digest_of(place, fields, slot->length, found) != FE_OK)
        return FE_BAD_SLOT;
    return same(found, slot->digest, FE_DIGEST_BYTES) ? FE_OK : FE_BAD_SLOT;
}

int fe_slot_newest(const fe_place *pair, fe_slot *slot)
{
    fe_slot each;
    int newest = -1;
    for (int i = 0; i < 2; i++) {
        if (fe_slot_read(pair[i], &each) != FE_OK || fe_slot_has(pair[i], FE_REJECTED))
            continue;
        if (newest < 0 || each.sequence > slot->sequence) {
            *slot = each;
            newest = i;
        }
    }
    return newest;
}

uint32_t fe_slot_last(const fe_place *pair)
{
    fe_slot each;
    uint32_t last = 0;
    for (int i = 0; i < 2; i++)
        if (fe_slot_read(pair[i], &each) == FE_OK && each.sequence > last)
            last = each.sequence;
    return last;
}

/* Bits of a mark's unit, all of them: clear, those that are 0 in some byte; set, those that are 1. */
static fe_status read_mark(fe_place place, int mark, uint32_t *clear, uint32_t *set)
{
    uint8_t unit[FE_SLOT_UNIT];
    *clear = *set = 0;
    if (fe_port_flash_read(place.at + (uint32_t)mark * FE_SLOT_UNIT, unit, FE_SLOT_UNIT) != 0)
        return FE_BAD_SLOT;
    for (uint32_t i = 0; i < FE_SLOT_UNIT; i++) {
        *clear |= (uint32_t)(unit[i] ^ 0xFF);
        *set |= unit[i];
    }
    return FE_OK;
}

fe_status fe_slot_mark(fe_place place, int mark)
{
    uint8_t unit[FE_SLOT_UNIT];
    uint32_t clear, set;
    if (read_mark(place, mark, &clear, &set) != FE_OK)
        return FE_BAD_SLOT;
    if (clear != 0) /* programmed before, if only in part: flash with a code for errors takes no unit twice */
        return fe_slot_has(place, mark) ? FE_OK : FE_BAD_SLOT;
    fill(unit, 0, FE_SLOT_UNIT);
    return put_unit(place.at + (uint32_t)mark * FE_SLOT_UNIT, unit);
}

int fe_slot_has(fe_place place, int mark)
{
    uint32_t clear, set;
    if (read_mark(place, mark, &clear, &set) != FE_OK)
        return mark != FE_CONFIRMED;
    return mark == FE_CONFIRMED ? set == 0 : clear != 0;
}

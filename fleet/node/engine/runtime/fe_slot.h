/* SPDX-License-Identifier: Apache-2.0
 *
 * Slots: places in flash, of which one stays valid while another is written. A slot is units of 32 bytes, each
 * programmed once:
 *   0  fields   "FESL" | version u8 | kind u8 | number u16 | sequence u32 | length u32 | plan u32 | 0 [12]
 *   1  digest   SHA-256 of fields and content; programmed last, and without it there is no slot
 *   2  tried    3  confirmed    4  rejected    marks, programmed later
 *   5  content, `length` bytes, filled up with 0xFF
 * Power lost at any moment leaves the old slot valid, or the new one; a slot is never half valid.   SPEC.md, "Slots"
 */
#ifndef FE_SLOT_H
#define FE_SLOT_H

#include <stdint.h>

#include "fe.h"
#include "fe_sha256.h"

#define FE_SLOT_UNIT 32u
#define FE_SLOT_VERSION 1
#define FE_SLOT_CONTENT (5 * FE_SLOT_UNIT)

/* What a slot holds: a node's memory between rounds; model bytes for the plan of the image; layout, plan and model. */
enum { FE_CHECKPOINT = 1, FE_NEW_MODEL = 2, FE_NEW_PLAN = 3 };

/* Marks, by the unit that they are programmed in. */
enum { FE_TRIED = 2, FE_CONFIRMED = 3, FE_REJECTED = 4 };

/* Whole erase units of flash. */
typedef struct {
    uint32_t at, bytes;
} fe_place;

/* number: of a model in frames. plan: which plan the content belongs to. digest: of fields and content. */
typedef struct {
    uint8_t kind;
    uint16_t number;
    uint32_t sequence, length, plan;
    uint8_t digest[FE_DIGEST_BYTES];
} fe_slot;

/* A slot being written. done: bytes of the content taken so far. */
typedef struct {
    fe_place place;
    uint32_t done;
    uint8_t unit[FE_SLOT_UNIT];
} fe_slot_writer;

/* Fields as unit 0 holds them, and back; fe_slot_parse refuses another mark or version. bytes: u8 [FE_SLOT_UNIT]. */
void fe_slot_fields(const fe_slot *slot, uint8_t *bytes);
fe_status fe_slot_parse(const uint8_t *bytes, fe_slot *slot);

/* Erases the place; what was there is gone. */
fe_status fe_slot_open(fe_slot_writer *writer, fe_place place);

/* The next bytes of the content; read back as they are programmed. */
fe_status fe_slot_add(fe_slot_writer *writer, const void *bytes, uint32_t count);

/* The fields, then the digest, made here from what the flash holds: now the slot is valid. slot->length is the number
 * of bytes added. expected: a digest that it has to be, NULL if none is known. */
fe_status fe_slot_close(fe_slot_writer *writer, fe_slot *slot, const uint8_t *expected);

/* FE_OK if a valid slot lies there. */
fe_status fe_slot_read(fe_place place, fe_slot *slot);

/* 0 or 1: the valid, not rejected slot of the highest sequence; -1 if there is none. */
int fe_slot_newest(const fe_place *pair, fe_slot *slot);

/* The highest sequence of a pair's valid slots, rejected ones included; 0 if there is none. */
uint32_t fe_slot_last(const fe_place *pair);

/* Marks a slot; its unit is programmed once, so one of FE_CONFIRMED that was torn is refused. A mark is there as soon as one of its bits is, FE_CONFIRMED only when all are. */
fe_status fe_slot_mark(fe_place place, int mark);
int fe_slot_has(fe_place place, int mark);

#endif

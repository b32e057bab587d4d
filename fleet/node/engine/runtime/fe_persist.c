/* SPDX-License-Identifier: Apache-2.0
 *
 * A checkpoint is the content of a slot:   SPEC.md, "Slots"
 *   node u32 | ahead, heard u64 | model_last u32 | step u32 | base u32 | round, asked, steps, open u16 | rate |
 *   state of the round u32 | model u32 | own classes, up to a multiple of 4 | state | pushed values
 */
#include "fe_session.h"

#include "fe_bytes.h"
#include "fe_port.h"
#include "fe_round.h"

#define FIXED_BYTES 56u
#define PLACES 3
#define OWN_BYTES ((FE_OWN_BYTES + 3u) & ~3u)
#define CHECKPOINT_BYTES (FIXED_BYTES + OWN_BYTES + sizeof fe_state + sizeof fe_pushed)

static const fe_place places[PLACES] = {FE_CHECKPOINT_PLACES};

static void write_fixed(uint8_t *at)
{
    const fe_client *c = &fe_runtime;
    at = fe_put_u32(at, c->node);
    at = fe_put_u32(fe_put_u32(at, fe_now.ahead.low), fe_now.ahead.high);
    at = fe_put_u32(fe_put_u32(at, fe_now.heard.low), fe_now.heard.high);
    at = fe_put_u32(fe_put_u32(at, fe_now.model_last), c->course.step);
    at = fe_put_u32(at, c->base);
    at = fe_put_u16(fe_put_u16(at, c->round), c->asked);
    at = fe_put_u16(fe_put_u16(at, c->steps), c->open);
    at = fe_put_u32(fe_put_u32(at, (uint32_t)c->course.rate.mant), (uint32_t)c->course.rate.exp);
    (void)fe_put_u32(fe_put_u32(at, fe_now.state), fe_now.model);
}

static fe_status write_all(fe_slot_writer *w)
{
    uint8_t fixed[FIXED_BYTES], own[OWN_BYTES > 0 ? OWN_BYTES : 1] = {0};
    fe_status status;
    write_fixed(fixed);
    for (uint32_t i = 0; i < FE_OWN_BYTES; i++)
        own[i] = fe_runtime.own[i];
    status = fe_slot_add(w, fixed, FIXED_BYTES);
    if (status == FE_OK)
        status = fe_slot_add(w, own, OWN_BYTES);
    if (status == FE_OK)
        status = fe_slot_add(w, fe_state, sizeof fe_state);
    return status == FE_OK ? fe_slot_add(w, fe_pushed, sizeof fe_pushed) : status;
}

/* Of three places one is neither. */
static int8_t next_place(void)
{
    int8_t place = 0;
    while (place == fe_now.latest || place == fe_now.kept)
        place++;
    return place;
}

fe_status fe_persist_save(void)
{
    const int8_t place = next_place();
    fe_slot_writer writer;
    fe_slot slot;
    fe_status status;
    const fe_counter before = fe_now.ahead;
    fe_now.ahead = fe_counter_plus(fe_now.sent, FE_COUNTERS_AHEAD);
    slot.kind = FE_CHECKPOINT;
    slot.number = fe_runtime.number;
    slot.sequence = fe_now.checkpoint + 1;
    slot.plan = FE_PLAN_ID;
    status = fe_slot_open(&writer, places[place]);
    if (status == FE_OK)
        status = write_all(&writer);
    if (status == FE_OK)
        status = fe_slot_close(&writer, &slot, 0);
    if (status == FE_OK) {
        fe_now.checkpoint++;
        fe_now.latest = place;
        fe_now.kept = fe_now.trial ? fe_now.kept : place;
    } else {
        fe_now.ahead = before; /* what no checkpoint covers may not be sealed with */
    }
    return status;
}

/* From the content on, into RAM. at and to need no alignment; flash is read unit by unit. */
static void load(fe_place place, uint32_t at, void *to, uint32_t count)
{
    uint8_t unit[FE_SLOT_UNIT];
    uint8_t *bytes = to;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t from = at + i;
        if (i == 0 || from % FE_SLOT_UNIT == 0)
            (void)fe_port_flash_read(place.at + FE_SLOT_CONTENT + from / FE_SLOT_UNIT * FE_SLOT_UNIT, unit,
                                     FE_SLOT_UNIT);
        bytes[i] = unit[from % FE_SLOT_UNIT];
    }
}

/* Counters, and the step that keys the rounding: they hold whatever model runs. */
static void take_counters(const uint8_t *fixed)
{
    fe_now.sent.low = fe_get_u32(fixed + 4);
    fe_now.sent.high = fe_get_u32(fixed + 8);
    fe_now.ahead = fe_now.sent; /* the first frame is preceded by a checkpoint */
    fe_now.heard.low = fe_get_u32(fixed + 12);
    fe_now.heard.high = fe_get_u32(fixed + 16);
    fe_now.model_last = fe_get_u32(fixed + 20);
    fe_runtime.course.step = fe_get_u32(fixed + 24);
}

static void take_round(const uint8_t *fixed)
{
    fe_client *c = &fe_runtime;
    c->base = fe_get_u32(fixed + 28);
    c->round = (uint16_t)fe_get_u16(fixed + 32);
    c->asked = (uint16_t)fe_get_u16(fixed + 34);
    c->steps = (uint16_t)fe_get_u16(fixed + 36);
    c->open = (uint16_t)fe_get_u16(fixed + 38);
    c->course.rate.mant = (int32_t)fe_get_u32(fixed + 40);
    c->course.rate.exp = (int32_t)fe_get_u32(fixed + 44);
    fe_now.state = fixed[48];
}

/* Everything of the model in use. latest: no other checkpoint came after; else the steps of the round would not be those
 * that it began with. */
static void take_all(fe_place place, const uint8_t *fixed, int latest)
{
    take_round(fixed);
    load(place, FIXED_BYTES, fe_runtime.own, FE_OWN_BYTES);
    load(place, FIXED_BYTES + OWN_BYTES, fe_state, sizeof fe_state);
    load(place, FIXED_BYTES + OWN_BYTES + sizeof fe_state, fe_pushed, sizeof fe_pushed);
    if (!latest && fe_now.state == FE_TRAINING) {
        fe_now.state = FE_IDLE;
        fe_runtime.open = FE_CLOSED;
    }
}

/* Whether a checkpoint of this node lies there. */
static int read_fixed(fe_place place, fe_slot *slot, uint8_t *fixed)
{
    if (fe_slot_read(place, slot) != FE_OK || slot->kind != FE_CHECKPOINT || slot->length < FIXED_BYTES)
        return 0;
    load(place, 0, fixed, FIXED_BYTES);
    return fe_get_u32(fixed) == fe_runtime.node;
}

void fe_persist_resume(void)
{
    const uint32_t back_to = fe_now.trial ? fe_now.back_to : fe_now.model;
    uint8_t fixed[FIXED_BYTES];
    uint32_t newest = 0;
    fe_slot slot;
    for (int8_t i = 0; i < PLACES; i++) {
        if (!read_fixed(places[i], &slot, fixed))
            continue;
        if (slot.sequence > fe_now.checkpoint) {
            fe_now.checkpoint = slot.sequence;
            fe_now.latest = i;
            take_counters(fixed);
        }
        if (slot.sequence > newest && fe_get_u32(fixed + 52) == back_to) {
            newest = slot.sequence;
            fe_now.kept = i;
        }
    }
    if (!fe_now.trial && fe_now.kept >= 0 && read_fixed(places[fe_now.kept], &slot, fixed) &&
        slot.plan == FE_PLAN_ID && slot.length == CHECKPOINT_BYTES)
        take_all(places[fe_now.kept], fixed, fe_now.kept == fe_now.latest);
}

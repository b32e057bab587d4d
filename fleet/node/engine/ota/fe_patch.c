/* SPDX-License-Identifier: Apache-2.0
 *
 * In-place patches of detools, step by step.
 */
#include "fe_patch.h"

#include "fe_port.h"

#define IN_PLACE 1

/* A number of detools: 6, then 7 bits, lowest first; bit 7: more follow; bit 6 of the first: negative. 0 if there is
 * none, or one of more than 31 bits. */
static int take_number(fe_patch *p, int32_t *value)
{
    int32_t byte = fe_unpack_byte(&p->stream);
    const int negative = byte >= 0 && (byte & 0x40);
    uint32_t found = (uint32_t)byte & 0x3F, shift = 6;
    if (byte < 0)
        return 0;
    while (byte & 0x80) {
        byte = fe_unpack_byte(&p->stream);
        if (byte < 0 || shift > 27 || (shift == 27 && (byte & 0x7F) > 15))
            return 0;
        found |= (uint32_t)(byte & 0x7F) << shift;
        shift += 7;
    }
    *value = negative ? -(int32_t)found : (int32_t)found;
    return 1;
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t segments(const fe_patch *p)
{
    return p->to == 0 ? 0 : (p->to - 1) / p->segment + 1;
}

/* Segments of the old image that move up. */
static uint32_t shifts(const fe_patch *p)
{
    const uint32_t kept = least(p->from, p->memory - p->shift);
    return p->to == 0 || kept == 0 ? 0 : (kept - 1) / p->segment + 1;
}

/* The bytes of a segment being made. written: they go to flash; else only their pieces are checked. */
typedef struct {
    uint32_t to, size, done, lowest;
    int64_t old;
    int written;
} making;

static int put(fe_patch *p, making *m, uint8_t byte)
{
    p->out[m->done++ % FE_PATCH_UNIT] = byte;
    if (!m->written || (m->done % FE_PATCH_UNIT != 0 && m->done != m->size))
        return 1;
    for (uint32_t i = m->done; i % FE_PATCH_UNIT != 0; i++)
        p->out[i % FE_PATCH_UNIT] = 0xFF;
    return fe_port_flash_program(m->to + (m->done - 1) / FE_PATCH_UNIT * FE_PATCH_UNIT, p->out, FE_PATCH_UNIT) == 0;
}

/* Differences to `count` old bytes. */
static int32_t add(fe_patch *p, making *m, uint32_t count)
{
    uint8_t old[FE_PATCH_UNIT];
    if (count != 0 && (m->old < (int64_t)m->lowest || m->old + count > (int64_t)p->memory))
        return FE_PATCH_BAD;
    for (uint32_t i = 0; i < count; i++) {
        if (m->written && i % FE_PATCH_UNIT == 0 &&
            fe_port_flash_read(p->base + (uint32_t)m->old + i, old, least(FE_PATCH_UNIT, count - i)) != 0)
            return FE_PATCH_FLASH;
        const int32_t byte = fe_unpack_byte(&p->stream);
        if (byte < 0)
            return FE_PATCH_BAD;
        if (!put(p, m, (uint8_t)(m->written ? old[i % FE_PATCH_UNIT] + byte : 0)))
            return FE_PATCH_FLASH;
    }
    m->old += count;
    return FE_PATCH_OK;
}

static int32_t insert(fe_patch *p, making *m, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const int32_t byte = fe_unpack_byte(&p->stream);
        if (byte < 0)
            return FE_PATCH_BAD;
        if (!put(p, m, (uint8_t)byte))
            return FE_PATCH_FLASH;
    }
    return FE_PATCH_OK;
}

static int is_count(int32_t number, const making *m)
{
    return number >= 0 && (uint32_t)number <= m->size - m->done;
}

/* The next segment of the stream: a 0, then pieces (count, differences, count, new bytes, jump). */
static int32_t make(fe_patch *p, making *m)
{
    int32_t number, status = FE_PATCH_OK;
    uint32_t empty = 0;
    if (!take_number(p, &number) || number != 0)
        return FE_PATCH_BAD;
    while (m->done < m->size && status == FE_PATCH_OK) {
        const uint32_t before = m->done;
        if (!take_number(p, &number) || !is_count(number, m))
            return FE_PATCH_BAD;
        status = add(p, m, (uint32_t)number);
        if (status == FE_PATCH_OK && (!take_number(p, &number) || !is_count(number, m)))
            return FE_PATCH_BAD;
        if (status == FE_PATCH_OK)
            status = insert(p, m, (uint32_t)number);
        if (status == FE_PATCH_OK && !take_number(p, &number))
            return FE_PATCH_BAD;
        m->old += number;
        empty += m->done == before;
        if (empty > m->size) /* pieces that get nowhere */
            return FE_PATCH_BAD;
    }
    return status;
}

static int32_t make_segment(fe_patch *p, uint32_t index, int written)
{
    making m;
    const uint32_t at = index * p->segment, above = at + p->segment;
    m.to = p->base + at;
    m.size = least(p->segment, p->to - at);
    m.done = 0;
    m.lowest = above > p->shift ? above : p->shift;
    m.old = m.lowest;
    m.written = written;
    p->next = index + 1;
    return make(p, &m);
}

static int rewind_stream(fe_patch *p)
{
    p->next = 0;
    return fe_unpack_open(&p->stream, p->packed, p->body, p->end);
}

static int read_head(fe_patch *p, uint32_t room, uint32_t page)
{
    int32_t numbers[5];
    const int32_t head = fe_unpack_byte(&p->stream);
    if (head < 0 || head >> 4 != IN_PLACE)
        return 0;
    for (int i = 0; i < 5; i++)
        if (!take_number(p, &numbers[i]) || numbers[i] < 0)
            return 0;
    p->packed = (uint8_t)(head & 15);
    p->body = p->stream.at;
    p->memory = (uint32_t)numbers[0];
    p->segment = (uint32_t)numbers[1];
    p->shift = (uint32_t)numbers[2];
    p->from = (uint32_t)numbers[3];
    p->to = (uint32_t)numbers[4];
    return p->segment > 0 && page > 0 && p->segment % page == 0 && p->memory <= room && p->shift > 0 &&
           p->shift <= p->memory && p->memory % p->segment == 0 && p->shift % p->segment == 0 && p->from <= p->memory &&
           p->to <= p->memory;
}

int32_t fe_patch_open(fe_patch *p, uint32_t at, uint32_t bytes, uint32_t base, uint32_t room, uint32_t page)
{
    p->base = base;
    p->end = at + bytes;
    if (bytes > 0xFFFFFFFFu - at || !fe_unpack_open(&p->stream, FE_PACKED_NONE, at, p->end) || !read_head(p, room, page) ||
        !rewind_stream(p))
        return FE_PATCH_BAD;
    for (uint32_t i = 0; i < segments(p); i++)
        if (make_segment(p, i, 0) != FE_PATCH_OK)
            return FE_PATCH_BAD;
    if (fe_unpack_byte(&p->stream) >= 0 || p->stream.failed || !rewind_stream(p))
        return FE_PATCH_BAD;
    return FE_PATCH_OK;
}

uint32_t fe_patch_steps(const fe_patch *p)
{
    return shifts(p) + segments(p);
}

/* Moves a segment of the old image up. */
static int32_t shift_up(fe_patch *p, uint32_t index)
{
    const uint32_t at = index * p->segment;
    const uint32_t count = least(p->segment, least(p->from, p->memory - p->shift) - at);
    if (fe_port_flash_erase(p->base + at + p->shift, p->segment) != 0)
        return FE_PATCH_FLASH;
    for (uint32_t i = 0; i < count; i += FE_PATCH_UNIT) {
        if (fe_port_flash_read(p->base + at + i, p->out, FE_PATCH_UNIT) != 0 ||
            fe_port_flash_program(p->base + at + p->shift + i, p->out, FE_PATCH_UNIT) != 0)
            return FE_PATCH_FLASH;
    }
    return FE_PATCH_OK;
}

int32_t fe_patch_step(fe_patch *p, uint32_t step)
{
    int32_t status = FE_PATCH_OK;
    if (step < shifts(p))
        return shift_up(p, shifts(p) - 1 - step);
    step -= shifts(p);
    if (step >= segments(p) || (step < p->next && !rewind_stream(p)))
        return FE_PATCH_BAD;
    while (p->next < step && status == FE_PATCH_OK) /* what was done before a cut */
        status = make_segment(p, p->next, 0);
    if (status != FE_PATCH_OK || fe_port_flash_erase(p->base + step * p->segment, p->segment) != 0)
        return status != FE_PATCH_OK ? status : FE_PATCH_FLASH;
    return make_segment(p, step, 1);
}

/* Whether a unit of the log bears a record: as soon as one of its bits does, since its step was done before. */
static int is_recorded(uint32_t at)
{
    uint8_t unit[FE_PATCH_UNIT];
    if (fe_port_flash_read(at, unit, FE_PATCH_UNIT) != 0)
        return 0;
    for (uint32_t i = 0; i < FE_PATCH_UNIT; i++)
        if (unit[i] != 0xFF)
            return 1;
    return 0;
}

int32_t fe_patch_run(fe_patch *p, uint32_t log, uint32_t log_bytes)
{
    const uint32_t steps = fe_patch_steps(p);
    int32_t status = FE_PATCH_OK;
    if (steps > log_bytes / FE_PATCH_UNIT)
        return FE_PATCH_FLASH;
    for (uint32_t step = 0; step < steps && status == FE_PATCH_OK; step++) {
        const uint32_t at = log + step * FE_PATCH_UNIT;
        if (is_recorded(at))
            continue;
        status = fe_patch_step(p, step);
        for (uint32_t i = 0; i < FE_PATCH_UNIT; i++)
            p->out[i] = 0;
        if (status == FE_PATCH_OK && fe_port_flash_program(at, p->out, FE_PATCH_UNIT) != 0)
            status = FE_PATCH_FLASH;
    }
    return status;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * What Unicorn calls for every block of code that runs: counts executions by block and by the plan step they belong
 * to, and stops a call that never comes back. blocks.py declares the same structures and fills in Unicorn's functions.
 */
#include <stdint.h>

enum { NO_STEP = -1, ARGUMENT = -2, DEPTH = 16 };

/* Executions of the code at an address, of so many bytes, within a step. */
typedef struct {
    uint64_t runs;
    uint32_t address, size;
    int32_t step, used;
} fleet_block;

/* A function that begins a step: this one, or the one that its second argument points at. */
typedef struct {
    uint32_t address;
    int32_t step;
} fleet_mark;

/* A step that runs, and where its caller goes on. */
typedef struct {
    uint32_t back, stack;
    int32_t step;
} fleet_frame;

typedef struct {
    void (*stop)(void *core);
    int (*read)(void *core, int reg, void *value);
    fleet_block *blocks;       /* capacity: a power of two */
    const fleet_mark *marks;
    uint64_t bytes, limit;     /* of code that ran in this call, and that may */
    uint32_t capacity, used;   /* used beyond capacity / 2: what came after is lost */
    uint32_t mark_count, recording;
    uint32_t plan_start, plan_end;
    int32_t second, link, stack; /* registers */
    uint32_t last, depth;
    fleet_frame frames[DEPTH];
} fleet_blocks;

void fleet_on_block(void *core, uint64_t address, uint32_t size, void *data);

static uint32_t value_of(void *core, const fleet_blocks *b, int32_t reg)
{
    uint64_t value = 0;
    (void)b->read(core, reg, &value);
    return (uint32_t)value;
}

static int32_t current(const fleet_blocks *b)
{
    return b->depth > 0 ? b->frames[b->depth - 1].step : NO_STEP;
}

/* Steps that are over when control is where their caller goes on, with its stack. */
static void leave(void *core, fleet_blocks *b, uint32_t at)
{
    while (b->depth > 0 && b->frames[b->depth - 1].back == at &&
           value_of(core, b, b->stack) == b->frames[b->depth - 1].stack)
        b->depth--;
}

static void enter(void *core, fleet_blocks *b, uint32_t at)
{
    for (uint32_t i = 0; i < b->mark_count; i++) {
        int32_t step = b->marks[i].step;
        fleet_frame *frame = b->frames + b->depth;
        if (b->marks[i].address != at || b->depth == DEPTH)
            continue;
        if (step == ARGUMENT) {
            const uint32_t place = value_of(core, b, b->second);
            if (place < b->plan_start || place >= b->plan_end || b->depth > 0)
                continue; /* a row or a channel of a step: it belongs to its group */
            step = (int32_t)((place - b->plan_start) / 4);
        }
        frame->step = step;
        frame->back = value_of(core, b, b->link) & ~UINT32_C(1);
        frame->stack = value_of(core, b, b->stack);
        b->depth++;
    }
}

static void note(fleet_blocks *b, uint32_t at, uint32_t size)
{
    const int32_t step = current(b);
    const uint32_t mask = b->capacity - 1;
    uint32_t i = (at * UINT32_C(2654435761) ^ size * UINT32_C(40503) ^ (uint32_t)step * UINT32_C(2246822519)) & mask;
    fleet_block *block = b->blocks + i;
    while (block->used && (block->address != at || block->size != size || block->step != step)) {
        i = (i + 1) & mask;
        block = b->blocks + i;
    }
    if (!block->used) {
        if (++b->used > b->capacity / 2)
            return;
        block->address = at;
        block->size = size;
        block->step = step;
        block->used = 1;
    }
    block->runs++;
}

void fleet_on_block(void *core, uint64_t address, uint32_t size, void *data)
{
    fleet_blocks *b = data;
    const uint32_t at = (uint32_t)address;
    b->last = at;
    b->bytes += size;
    if (b->bytes > b->limit)
        b->stop(core);
    if (!b->recording)
        return;
    leave(core, b, at);
    enter(core, b, at);
    note(b, at, size);
}

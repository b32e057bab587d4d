/* Frames as somebody might send them, for libFuzzer: a frame lies in a block of exactly its size, and so does whatever it
 * may write. Half of the frames get a right checksum, and some a right seal, or nothing behind it would ever be read. */
#include <stdlib.h>
#include <string.h>

#include "fe_frame.h"
#include "fe_message.h"
#include "fe_seal.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned int seed);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { VALUES = 13 + 4 * 5, STATE = 16 + 4 * 5, SEALED = 8 };

static const fe_layout layout = {13, 5, 3, 4, 3, 2};
static const uint8_t key[FE_KEY_BYTES] = {1, 2, 3};
static volatile uint8_t seen;

static uint8_t *block(size_t bytes)
{
    uint8_t *at = malloc(bytes > 0 ? bytes : 1);
    if (at == 0)
        abort();
    return at;
}

/* What a node does with values that a frame brought: takes them, and tells them. */
static void take(const uint8_t *values)
{
    uint8_t *state = block(STATE), *told = block(VALUES);
    fe_unpack_values(&layout, values, state);
    if (fe_pack_values(&layout, state, told) != told + VALUES)
        abort();
    free(state), free(told);
}

static void read_one(const uint8_t *frame, size_t size)
{
    fe_message m;
    fe_push push;
    if (fe_read_push(&layout, frame, (uint32_t)size, &push) == FE_OK) {
        for (int i = 0; i < (layout.classes + 7) / 8; i++)
            seen = push.own[i];
        if (fe_check_values(&layout, push.values) == FE_OK)
            take(push.values);
    }
    if (fe_read_message(frame, (uint32_t)size, &m) != FE_OK)
        return;
    for (uint32_t i = 0; i < m.body_bytes; i++)
        seen = m.body[i];
    if (fe_check_set(&layout, &m) == FE_OK)
        take(m.body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *frame = block(size);
    fe_counter last = {4, 0};
    if (size > 0)
        memcpy(frame, data, size);
    if (size % SEALED != 0)
        read_one(frame, size);
    else if (fe_unseal(key, FE_BY_SERVER, &last, frame, (uint32_t)size) == FE_OK)
        read_one(frame, size - FE_SEAL_BYTES);
    free(frame);
    return 0;
}

static void close_frame(uint8_t *frame, size_t size)
{
    const uint32_t crc = fe_crc32(0, frame, (uint32_t)size - 4);
    for (int i = 0; i < 4; i++)
        frame[size - 4 + (size_t)i] = (uint8_t)(crc >> 8 * i);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned int seed)
{
    size = LLVMFuzzerMutate(data, size, most);
    if ((seed & 1) != 0 && size >= 4)
        close_frame(data, size);
    if (size % SEALED == 0 && size >= 4 + FE_SEAL_BYTES && (seed & 6) != 0) {
        const fe_counter counter = {seed, seed >> 30};
        close_frame(data, size - FE_SEAL_BYTES);
        (void)fe_seal(key, counter, data, (uint32_t)(size - FE_SEAL_BYTES));
    }
    return size;
}

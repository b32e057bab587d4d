/* A whole node that hears frames as somebody might send them, for libFuzzer: the exported project with its runtime over
 * simulated_port.c, whose flash counts whatever breaks its rules. Every signature is taken for good, and every digest is
 * DIGEST, whatever it is of: what a signed model or plan may do is looked for, and a changed one gets as far as a whole one.
 *
 * Input: for each frame u16 length, frame. A length of 0 lets 5 s pass and the power go. Most frames get a right checksum,
 * or nothing behind it would ever be read. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "fe_client.h"
#include "fe_plan.h"
#include "fe_port.h"
#include "fe_session.h"
#include "fe_turn.h"

enum { TURNS = 12, WINDOWS = 2, DIGEST = 0xA5, PIECE_CONTENT = FE_HEAD_BYTES + 4 };

/* Of the words of a plan, in the content of its slot: behind layout and length, in the header. */
#define LENGTH_IN_PLAN (sizeof(fe_layout) + 4 + offsetof(fe_plan, words))


size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned int seed);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

extern uint8_t sim_flash[], sim_programmed[];
extern uint32_t sim_faults, sim_time_ms, sim_node, sim_count, sim_inbox_bytes;
extern const uint8_t *sim_signer, *sim_windows, *sim_labels, *sim_inbox;
extern int (*sim_verify)(const uint8_t *, const uint8_t *, uint32_t, const uint8_t *);
void sim_power_on(void);

static const uint8_t signer[32] = {1}, labels[WINDOWS] = {0, 1}, windows[WINDOWS * FE_INPUT_BYTES] = {7};

/* A board with a hash unit, in place of the runtime's own. Every byte is touched, so that none may lie outside. */
void fe_sha256_start(fe_sha256 *s)
{
    s->count = 0;
}

void fe_sha256_add(fe_sha256 *s, const void *bytes, uint32_t count)
{
    if (count > 0 && memchr(bytes, 0, count) == bytes)
        s->count++;
    if (count > 0 && ((const uint8_t *)bytes)[count - 1] == 0)
        s->count++;
}

void fe_sha256_end(fe_sha256 *s, uint8_t *digest)
{
    (void)s;
    memset(digest, DIGEST, FE_DIGEST_BYTES);
}

static int believed(const uint8_t *by, const uint8_t *message, uint32_t count, const uint8_t *signature)
{
    return by == signer && message != 0 && count > 0 && signature != 0;
}

static void start(void)
{
    sim_power_on();
    sim_node = 5;
    sim_count = WINDOWS;
    sim_signer = signer;
    sim_verify = believed;
    sim_windows = windows;
    sim_labels = labels;
    (void)fe_node_start();
}

static void hear(const uint8_t *bytes, size_t count)
{
    uint8_t *frame = malloc(count);
    if (frame == 0)
        abort();
    memcpy(frame, bytes, count);
    sim_inbox = frame;
    sim_inbox_bytes = (uint32_t)count;
    for (int i = 0; i < TURNS && fe_node_turn() == 0; i++)
        continue;
    free(frame);
    sim_inbox_bytes = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t at = 0;
    memset(sim_flash, 0xFF, SIM_FLASH_BYTES);
    memset(sim_programmed, 0, SIM_FLASH_BYTES / 32);
    sim_faults = 0;
    start();
    while (at + 2 <= size) {
        const size_t given = data[at] | (size_t)data[at + 1] << 8, left = size - at - 2;
        const size_t count = given < left ? given : left;
        at += 2;
        if (count > 0) {
            hear(data + at, count);
        } else {
            sim_time_ms += 5000;
            start();
        }
        at += count;
    }
    if (sim_faults != 0)
        abort();
    return 0;
}

/* The frame at data + 2 gets a right checksum. */
static void close_frame(uint8_t *frame, size_t count)
{
    const uint32_t crc = fe_crc32(0, frame, (uint32_t)count - 4);
    for (int i = 0; i < 4; i++)
        frame[count - 4 + (size_t)i] = (uint8_t)(crc >> 8 * i);
}

static uint32_t next(uint32_t *seed)
{
    return *seed = *seed * 1664525u + 1013904223u;
}

/* A word of a piece of a model or plan becomes an odd one or a neighbour of itself; of a plan's first piece, its length
 * does, there and in the plan's header. */
static void change_piece(uint8_t *content, size_t count, int is_first, uint32_t *seed)
{
    static const int32_t odd[] = {0, 1, -1, 127, 255, 4096, 65536, INT32_MAX, INT32_MIN, 0x20000000, 0x30000000};
    const size_t at = (next(seed) >> 8) % (count / 4) * 4;
    int32_t word;
    memcpy(&word, content + at, 4);
    word = next(seed) >> 31 ? odd[(next(seed) >> 8) % (sizeof odd / sizeof *odd)]
                            : (int32_t)((uint32_t)word + (next(seed) >> 8) % 33 - 16);
    if (is_first && count >= LENGTH_IN_PLAN + 4 && next(seed) >> 30 == 0) {
        memcpy(content + sizeof(fe_layout), &word, 4);
        memcpy(content + LENGTH_IN_PLAN, &word, 4);
    } else {
        memcpy(content + at, &word, 4);
    }
}

/* What happens to each frame after libFuzzer's own changes. */
static void mend_frame(uint8_t *frame, size_t count, uint32_t *seed)
{
    static const uint8_t beginning[4] = {0};
    if (count >= PIECE_CONTENT + 8 && frame[2] == FE_PIECE && next(seed) >> 30 == 0)
        change_piece(frame + PIECE_CONTENT, count - PIECE_CONTENT - 4, memcmp(frame + 20, beginning, 4) == 0, seed);
    if (count >= 5 && next(seed) >> 29 != 0)
        close_frame(frame, count);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned int seed)
{
    uint32_t state = seed;
    size_t at = 0;
    if (next(&state) >> 30 != 0)
        size = LLVMFuzzerMutate(data, size, most);
    while (at + 2 <= size) {
        const size_t given = data[at] | (size_t)data[at + 1] << 8, left = size - at - 2;
        const size_t count = given < left ? given : left;
        mend_frame(data + at + 2, count, &state);
        at += 2 + count;
    }
    return size;
}

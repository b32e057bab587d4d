/* A whole node that hears frames as somebody might send them, for libFuzzer: the exported project with its runtime over
 * simulated_port.c, whose flash counts whatever breaks its rules. Every signature is taken for good, and every digest is
 * DIGEST, whatever it is of: what a signed model or plan may do is looked for, and a changed one gets as far as a whole one.
 *
 * Input: for each frame u16 length, frame. A length of 0 lets 5 s pass and the power go. Most frames get a right checksum,
 * or nothing behind it would ever be read. */
#include <stdlib.h>
#include <string.h>

#include "fe_client.h"
#include "fe_port.h"
#include "fe_session.h"
#include "fe_turn.h"

enum { TURNS = 12, WINDOWS = 2, DIGEST = 0xA5 };

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

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned int seed)
{
    size_t at = 0;
    size = LLVMFuzzerMutate(data, size, most);
    for (; at + 2 <= size; seed = seed * 1664525u + 1013904223u) {
        const size_t given = data[at] | (size_t)data[at + 1] << 8, left = size - at - 2;
        const size_t count = given < left ? given : left;
        if (count >= 5 && seed >> 29 != 0)
            close_frame(data + at + 2, count);
        at += 2 + count;
    }
    return size;
}

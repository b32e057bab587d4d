/* SPDX-License-Identifier: Apache-2.0
 *
 * Three ways to unpack a patch.
 */
#include "fe_unpack.h"

#include "fe_port.h"

/* The next byte as it lies in flash, -1 at the end. Flash is read in aligned pieces. */
static int32_t raw(fe_unpack *u)
{
    const uint32_t piece = u->at / FE_READ_BYTES * FE_READ_BYTES;
    if (u->at >= u->end)
        return -1;
    if ((u->at == piece || !u->began) && fe_port_flash_read(piece, u->read, FE_READ_BYTES) != 0) {
        u->failed = 1;
        return -1;
    }
    u->began = 1;
    return u->read[u->at++ - piece];
}

int fe_unpack_open(fe_unpack *u, uint8_t packed, uint32_t at, uint32_t end)
{
    u->at = at;
    u->end = end;
    u->left = u->back = u->bits = u->done = 0;
    u->packed = packed;
    u->kind = u->byte = u->bit_count = u->failed = u->began = 0;
    for (uint32_t i = 0; i < sizeof u->window; i++)
        u->window[i] = 0;
    if (packed == FE_PACKED_HEATSHRINK && at < end) {
        const int32_t head = raw(u);
        u->window_bits = (uint8_t)((head >> 4 & 15) + 4);
        u->ahead_bits = (uint8_t)((head & 15) + 3);
        return head >= 0 && u->window_bits <= FE_WINDOW_BITS && u->ahead_bits < 16;
    }
    return packed == FE_PACKED_NONE || packed == FE_PACKED_CRLE || packed == FE_PACKED_HEATSHRINK;
}

static int32_t fail(fe_unpack *u)
{
    u->failed = 1;
    return -1;
}

/* Kind and length of the next run; 1 if there is one. */
static int next_run(fe_unpack *u)
{
    const int32_t kind = raw(u);
    uint32_t shift = 0;
    int32_t byte;
    if (kind < 0)
        return 0;
    u->kind = (uint8_t)kind;
    u->left = 0;
    do {
        byte = raw(u);
        if (byte < 0 || shift > 28 || (shift == 28 && (byte & 0x7F) > 7))
            return (int)fail(u) + 1;
        u->left |= (uint32_t)(byte & 0x7F) << shift;
        shift += 7;
    } while (byte & 0x80);
    if (kind == 1) {
        byte = raw(u);
        u->byte = (uint8_t)byte;
    }
    return kind > 1 || byte < 0 ? (int)fail(u) + 1 : 1;
}

static int32_t crle(fe_unpack *u)
{
    while (u->left == 0)
        if (!next_run(u))
            return -1;
    u->left--;
    if (u->kind == 1)
        return u->byte;
    const int32_t byte = raw(u);
    return byte < 0 ? fail(u) : byte;
}

/* The next bits, -1 if so many are not there. count: 1 to 16. */
static int32_t take_bits(fe_unpack *u, uint32_t count)
{
    while (u->bit_count < count) {
        const int32_t byte = raw(u);
        if (byte < 0)
            return -1;
        u->bits = u->bits << 8 | (uint32_t)byte;
        u->bit_count = (uint8_t)(u->bit_count + 8);
    }
    u->bit_count = (uint8_t)(u->bit_count - count);
    return (int32_t)(u->bits >> u->bit_count & ((1u << count) - 1));
}

static int32_t keep(fe_unpack *u, int32_t byte)
{
    u->window[u->done++ & (sizeof u->window - 1)] = (uint8_t)byte;
    return byte;
}

static int32_t heatshrink(fe_unpack *u)
{
    if (u->left == 0) {
        const int32_t tag = take_bits(u, 1);
        if (tag == 1) {
            const int32_t byte = take_bits(u, 8);
            return byte < 0 ? -1 : keep(u, byte);
        }
        const int32_t back = tag < 0 ? -1 : take_bits(u, u->window_bits);
        const int32_t count = back < 0 ? -1 : take_bits(u, u->ahead_bits);
        if (count < 0)
            return -1;
        u->back = (uint32_t)back + 1;
        u->left = (uint32_t)count + 1;
    }
    u->left--;
    return keep(u, u->window[(u->done - u->back) & (sizeof u->window - 1)]);
}

int32_t fe_unpack_byte(fe_unpack *u)
{
    if (u->failed)
        return -1;
    if (u->packed == FE_PACKED_CRLE)
        return crle(u);
    return u->packed == FE_PACKED_HEATSHRINK ? heatshrink(u) : raw(u);
}

/* Frames as somebody might send them, for libFuzzer: what a push may write lies in blocks of exactly the size of the
 * values. Half of the frames get a right checksum, or nothing behind it would ever be read. */
#include <stdlib.h>
#include <string.h>

#include "fe_frame.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned int seed);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const fe_layout layout = {13, 5, 3, 4, 3, 2};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *frame = malloc(size > 0 ? size : 1), *state = malloc(16 + 4 * 5);
    fe_push push;
    if (frame == 0 || state == 0)
        abort();
    if (size > 0)
        memcpy(frame, data, size);
    if (fe_read_push(&layout, frame, (uint32_t)size, &push) == FE_OK && fe_check_values(&layout, push.values) == FE_OK)
        fe_unpack_values(&layout, push.values, state);
    free(frame), free(state);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned int seed)
{
    uint32_t crc;
    size = LLVMFuzzerMutate(data, size, most);
    if ((seed & 1) == 0 || size < 4)
        return size;
    crc = fe_crc32(0, data, (uint32_t)size - 4);
    for (int i = 0; i < 4; i++)
        data[size - 4 + (size_t)i] = (uint8_t)(crc >> 8 * i);
    return size;
}

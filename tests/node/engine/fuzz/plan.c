/* A plan and its model as somebody might send them, for libFuzzer: whatever the checks let through has to run inside its
 * memories, which are heap blocks of exactly the sizes that the plan declares.
 *
 * Input: u32 words of the plan, the plan, the model (cut, or filled with zeros, to what the plan declares). */
#include <stdlib.h>
#include <string.h>

#include "fe.h"
#include "fe_plan.h"

enum { WORDS = 8192, MODEL = 65536, STATE = 16384, ARENA = 32768, CLASSES = 64 };

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned int seed);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void *block(size_t bytes)
{
    void *at = calloc(bytes > 0 ? bytes : 1, 1);
    if (at == 0)
        abort();
    return at;
}

static void run(const fe_node *node)
{
    static const uint8_t own[CLASSES / 8] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
    const fe_plan *plan = (const void *)node->plan;
    fe_course course = {7, {1 << 30, 2}, 0, own};
    int8_t *window = block((size_t)plan->input_bytes), *answer = block((size_t)plan->output_bytes);
    fe_node with = *node;
    fe_reset(&with);
    fe_infer(&with, window);
    with.window = window;
    if (plan->classes <= CLASSES)
        fe_train_step(&with, &course, 0, 0);
    fe_fit_step(&with, &course, answer, 0);
    fe_close_batch(&with, &course);
    free(window), free(answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t words = 0;
    int32_t *plan;
    fe_plan head;
    if (size < 4 + sizeof head)
        return -1;
    memcpy(&words, data, 4);
    if (words > WORDS || 4 + 4 * (size_t)words > size || words < sizeof head / 4)
        return -1;
    plan = block(4 * (size_t)words);
    memcpy(plan, data + 4, 4 * (size_t)words);
    memcpy(&head, plan, sizeof head);
    if (fe_check_plan(plan, words, MODEL, STATE, ARENA) == FE_OK) {
        const size_t given = size - 4 - 4 * (size_t)words, asked = (size_t)head.model_bytes;
        uint8_t *model = block(asked), *state = block((size_t)head.state_bytes), *arena = block((size_t)head.arena_bytes);
        const fe_node node = {plan, model, state, arena, 0};
        memcpy(model, data + 4 + 4 * (size_t)words, given < asked ? given : asked);
        if (fe_check_tables(&node) == FE_OK)
            run(&node);
        free(model), free(state), free(arena);
    }
    free(plan);
    return 0;
}

static uint32_t next(uint32_t *seed)
{
    return *seed = *seed * 1664525u + 1013904223u;
}

/* A reference to one of the last bytes of its memory, in words of the header the sizes of which are known. */
static int32_t near_the_end(const uint8_t *words, int32_t word, uint32_t back)
{
    int32_t sizes[6];
    const int32_t region = word >> 28;
    memcpy(sizes, words, sizeof sizes);
    return region < FE_MODEL || region > FE_ARENA
               ? word
               : (int32_t)((uint32_t)region << 28 | ((uint32_t)sizes[region == FE_MODEL ? 5 : region == FE_STATE ? 4 : 3] - back));
}

/* One word of the plan becomes an odd one, a neighbour of itself, another's, or as a reference one of the last. */
static void change(uint8_t *words, uint32_t count, uint32_t *seed)
{
    static const int32_t odd[] = {0, 1, -1, 2, 3, 7, 8, 31, 32, 127, 128, 255, 4096, 65535, 65536, 1 << 28, INT32_MAX, INT32_MIN, 0x10000000, 0x20000000, 0x30000000, 0x40000000};
    const uint32_t at = (next(seed) >> 8) % count, from = (next(seed) >> 8) % count;
    int32_t word;
    memcpy(&word, words + 4 * (size_t)at, 4);
    switch ((next(seed) >> 8) % 5) {
    case 4:
        word = near_the_end(words, word, (next(seed) >> 8) % 32 * 4);
        break;
    case 0:
        word = odd[(next(seed) >> 8) % (sizeof odd / sizeof *odd)];
        break;
    case 1:
        word = (int32_t)((uint32_t)word + (next(seed) >> 8) % 33 - 16);
        break;
    case 2:
        memcpy(&word, words + 4 * (size_t)from, 4);
        break;
    default:
        word = (int32_t)((uint32_t)word ^ 1u << (next(seed) >> 27));
        break;
    }
    memcpy(words + 4 * (size_t)at, &word, 4);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned int seed)
{
    uint32_t words = 0, state = seed, times;
    if (size >= 4)
        memcpy(&words, data, 4);
    if (words == 0 || 4 + 4 * (size_t)words > size || (seed & 7) == 0)
        return LLVMFuzzerMutate(data, size, most);
    for (times = 1 + (next(&state) >> 30); times > 0; times--)
        change(data + 4, words, &state);
    return size;
}

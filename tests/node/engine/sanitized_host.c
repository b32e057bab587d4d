/* The host's executor over memories that are heap blocks of exactly the declared sizes, for test_host_sanitizers.py.
 *
 *   sanitized_host VARIANT IN > state, losses, logits     IN: head, plan, model, own (8), windows, labels, order, spans
 *
 * Head: s32 plan words, model, state and arena bytes, windows, bytes of a window, steps, rate mant, rate exp, bytes of an
 * output, spans to remember, steps before them, bytes of all spans. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fe_host.h"

enum { WORDS, MODEL, STATE, ARENA, WINDOWS, WINDOW_BYTES, STEPS, MANT, EXP, OUTPUT, SPANS, BEFORE, BYTES, HEAD };

static int32_t head[HEAD];

static void *block(FILE *in, size_t bytes)
{
    void *at = calloc(bytes == 0 ? 1 : bytes, 1);
    if (at == 0 || (in != 0 && fread(at, 1, bytes, in) != bytes))
        exit(3);
    return at;
}

static size_t size_of(int field, size_t each)
{
    return (size_t)head[field] * each;
}

static int learn(FILE *in, int32_t variant)
{
    int32_t *plan = block(in, size_of(WORDS, 4));
    uint8_t *model = block(in, size_of(MODEL, 1)), *state = block(0, size_of(STATE, 1)), *arena = block(0, size_of(ARENA, 1));
    uint8_t *own = block(in, 8);
    int8_t *windows = block(in, size_of(WINDOWS, (size_t)head[WINDOW_BYTES]));
    uint8_t *labels = block(in, size_of(WINDOWS, 1));
    int32_t *order = block(in, size_of(STEPS, 4)), *spans = block(in, size_of(SPANS, 8));
    uint32_t *losses = block(0, size_of(STEPS, 4));
    uint8_t *maps = block(0, size_of(WINDOWS, (size_t)head[BYTES])), *known = block(0, size_of(WINDOWS, 1));
    uint8_t *outputs = block(0, size_of(WINDOWS, (size_t)head[OUTPUT]));
    const fe_node node = {plan, model, state, arena, 0};
    const fe_memo memo = {spans, head[SPANS], head[BEFORE], head[BYTES], maps, known};
    const fe_lesson lesson = {windows, labels, 0, order, losses, head[BEFORE] > 0 ? &memo : 0, head[STEPS], 1};
    fe_course course = {7, {head[MANT], head[EXP]}, 0, own};
    const int64_t bytes = fe_host_bytes(&node, variant);
    void *memory = aligned_alloc(64, (size_t)bytes);
    fe_host *host;
    if (bytes == 0 || memory == 0)
        return 4;
    memset(memory, 0xA5, (size_t)bytes); /* what is read must have been written */
    host = fe_host_create(&node, variant, memory);
    fe_reset(&node);
    if (fe_host_learn(host, &course, &lesson) != FE_OK)
        return 5;
    fe_host_infer_many(host, windows, head[WINDOWS], outputs, lesson.memo);
    fwrite(state, 1, size_of(STATE, 1), stdout);
    fwrite(losses, 1, size_of(STEPS, 4), stdout);
    fwrite(outputs, 1, size_of(WINDOWS, (size_t)head[OUTPUT]), stdout);
    free(memory), free(plan), free(model), free(state), free(arena), free(own), free(windows), free(labels);
    free(order), free(spans), free(losses), free(maps), free(known), free(outputs);
    return 0;
}

int main(int argc, char **argv)
{
    FILE *in = argc == 3 ? fopen(argv[2], "rb") : 0;
    int code;
    if (in == 0 || fread(head, sizeof(int32_t), HEAD, in) != HEAD)
        return 2;
    code = learn(in, atoi(argv[1]));
    fclose(in);
    return code;
}

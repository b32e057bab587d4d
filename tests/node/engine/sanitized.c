/* One node whose memories are heap blocks of exactly the declared sizes, for test_sanitizers.py.
 *
 *   sanitized train IN > state     IN: head, plan, model, own (8), windows, labels, order
 *   sanitized check IN             IN: head, plan, then the plan with each word replaced by odd values in turn
 *
 * Head: s32 plan words, model, state and arena bytes, windows, bytes of a window, steps, rate mant, rate exp. */
#include <stdio.h>
#include <stdlib.h>

#include "fe.h"

enum { WORDS, MODEL, STATE, ARENA, WINDOWS, WINDOW_BYTES, STEPS, MANT, EXP, HEAD };

static int32_t head[HEAD];

static void *block(FILE *in, int32_t bytes)
{
    void *at = malloc((size_t)bytes);
    if (at == 0 || (in != 0 && fread(at, 1, (size_t)bytes, in) != (size_t)bytes))
        exit(3);
    return at;
}

static fe_status check(const int32_t *plan)
{
    return fe_check_plan(plan, (uint32_t)head[WORDS], (uint32_t)head[MODEL], (uint32_t)head[STATE], (uint32_t)head[ARENA]);
}

static int train(FILE *in)
{
    int32_t *plan = block(in, 4 * head[WORDS]);
    uint8_t *model = block(in, head[MODEL]), *state = block(0, head[STATE]), *arena = block(0, head[ARENA]);
    uint8_t *own = block(in, 8);
    int8_t *windows = block(in, head[WINDOWS] * head[WINDOW_BYTES]);
    uint8_t *labels = block(in, head[WINDOWS]);
    int32_t *order = block(in, 4 * head[STEPS]);
    const fe_node node = {plan, model, state, arena};
    fe_course course = {7, {head[MANT], head[EXP]}, 0, own};
    if (check(plan) != FE_OK)
        return 4;
    fe_reset(&node);
    if (fe_train(&node, &course, windows, labels, order, head[STEPS], 0) != FE_OK)
        return 5;
    fwrite(state, 1, (size_t)head[STATE], stdout);
    free(plan), free(model), free(state), free(arena), free(own), free(windows), free(labels), free(order);
    return 0;
}

static int refuse(FILE *in)
{
    static const int32_t odd[] = {0, 1, -1, 19, 20, 24, INT32_MAX, INT32_MIN, 0x1FFFFFFF, 0x30000000, 0x3FFFFFFC};
    int32_t *plan = block(in, 4 * head[WORDS]);
    int32_t refused = 0;
    for (int32_t i = 0; i < head[WORDS]; i++) {
        const int32_t kept = plan[i];
        for (size_t j = 0; j < sizeof odd / sizeof *odd; j++) {
            plan[i] = odd[j];
            refused += check(plan) != FE_OK;
        }
        plan[i] = kept;
    }
    printf("%d %d", (int)(check(plan) == FE_OK), (int)refused);
    free(plan);
    return 0;
}

int main(int count, char **arguments)
{
    FILE *in = count == 3 ? fopen(arguments[2], "rb") : 0;
    int result = 3;
    if (in == 0 || fread(head, sizeof *head, HEAD, in) != HEAD)
        return 3;
    result = arguments[1][0] == 't' ? train(in) : refuse(in);
    fclose(in);
    return result;
}

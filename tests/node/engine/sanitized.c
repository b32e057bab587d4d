/* One node whose memories are heap blocks of exactly the declared sizes, for test_sanitizers.py.
 *
 *   sanitized train IN > state     IN: head, plan, model, own (8), windows, labels, order
 *   sanitized fit IN > state       IN: head, plan, model, own (8), windows, answers, order
 *   sanitized infer IN > outputs   IN: head, plan, model, own (8), windows
 *   sanitized check IN             IN: head, plan, then the plan with each word replaced by odd values in turn
 *
 * Head: s32 plan words, model, state and arena bytes, windows, bytes of a window and of an output, steps, rate mant,
 * rate exp. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fe.h"

enum { WORDS, MODEL, STATE, ARENA, WINDOWS, WINDOW_BYTES, OUTPUT_BYTES, STEPS, MANT, EXP, HEAD };

static int32_t head[HEAD];

static void *block(FILE *in, int32_t bytes)
{
    void *at = malloc((size_t)bytes);
    if (bytes > 0 && (at == 0 || (in != 0 && fread(at, 1, (size_t)bytes, in) != (size_t)bytes)))
        exit(3);
    return at;
}

static fe_status check(const int32_t *plan)
{
    return fe_check_plan(plan, (uint32_t)head[WORDS], (uint32_t)head[MODEL], (uint32_t)head[STATE], (uint32_t)head[ARENA]);
}

static fe_status learn(FILE *in, const fe_node *node, fe_course *course, int8_t *windows, int32_t classes)
{
    void *goals = block(in, head[WINDOWS] * (classes ? 1 : head[OUTPUT_BYTES]));
    int32_t *order = block(in, 4 * head[STEPS]);
    uint32_t *losses = block(0, 4 * head[STEPS]);
    const fe_status status = classes ? fe_train(node, course, windows, goals, order, head[STEPS], losses)
                                     : fe_fit(node, course, windows, goals, order, head[STEPS], losses);
    free(goals), free(order), free(losses);
    return status;
}

static fe_status infer(const fe_node *node, const int8_t *windows)
{
    const size_t bytes = (size_t)(head[WINDOWS] * head[OUTPUT_BYTES]);
    void *outputs = block(0, (int32_t)bytes);
    fe_infer_many(node, windows, head[WINDOWS], outputs);
    fwrite(outputs, 1, bytes, stdout);
    free(outputs);
    return FE_OK;
}

static int run(FILE *in, const char *task)
{
    int32_t *plan = block(in, 4 * head[WORDS]);
    uint8_t *model = block(in, head[MODEL]), *state = block(0, head[STATE]), *arena = block(0, head[ARENA]);
    uint8_t *own = block(in, 8);
    int8_t *windows = block(in, head[WINDOWS] * head[WINDOW_BYTES]);
    const fe_node node = {plan, model, state, arena, 0};
    fe_course course = {7, {head[MANT], head[EXP]}, 0, own};
    fe_status status = check(plan);
    if (status == FE_OK) {
        fe_reset(&node);
        status = task[0] == 'i' ? infer(&node, windows) : learn(in, &node, &course, windows, task[0] == 't');
    }
    if (status == FE_OK && task[0] != 'i')
        fwrite(state, 1, (size_t)head[STATE], stdout);
    free(plan), free(model), free(state), free(arena), free(own), free(windows);
    return status == FE_OK ? 0 : 4;
}

static int refuse(FILE *in)
{
    static const int32_t odd[] = {0, 1, -1, 19, 20, 27, 36, 40, 41, 42, 8192, INT32_MAX, INT32_MIN, 0x1FFFFFFF, 0x30000000, 0x3FFFFFFC,
                                  0x40000000};
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
    result = strcmp(arguments[1], "check") != 0 ? run(in, arguments[1]) : refuse(in);
    fclose(in);
    return result;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * One node's client over the engine: static memory, no I/O.
 */
#include "fe_client.h"

#include "fe_frame.h"
#include "fe_random.h"

/* The ledger's lines. The widest alignment comes first, so that nothing lies between them. */
fe_client fe_runtime;
uint32_t fe_arena[FE_ARENA_BYTES / 4];
uint32_t fe_state[FE_STATE_BYTES / 4];
uint32_t fe_pushed[FE_VALUE_BYTES / 4];
uint32_t fe_frame[FE_FRAME_BYTES / 4];

/* The ledger plans fe_runtime for 32-bit addresses. */
typedef char fe_check_runtime[sizeof(void *) != 4 || sizeof(fe_client) == FE_RUNTIME_BYTES ? 1 : -1];

#define FE_STREAM_UPDATE 1 /* fleet/base/rng.py, Stream */

/* States of a round. STEPPED: steps were made since the push or the last update, so a batch may not be full. */
enum { CLOSED = 0, OPEN = 1, STEPPED = 2 };

static const fe_node this_node = {
#if FE_PROFILE_STATIC
    0,
#else
    fe_plan_words,
#endif
    (const uint8_t *)&fe_model,
    (uint8_t *)fe_state,
    (uint8_t *)fe_arena,
    0,
};

/* The node as it is now: with the caller's window, if it is read where it lies. */
static fe_node node_now(void)
{
    fe_node now = this_node;
#if FE_STREAMED
    now.window = fe_runtime.window;
#endif
    return now;
}

/* key(seed, stream, node): the same rounding as the simulated node of this number. */
static uint64_t key_of(uint32_t node)
{
    return fe_absorb(fe_absorb(fe_absorb(0, FE_FLEET_SEED), FE_STREAM_UPDATE), node);
}

fe_status fe_client_start(uint32_t node)
{
    static const fe_client nothing = {0};
#if !FE_PROFILE_STATIC
    fe_status status = fe_check_plan(fe_plan_words, FE_PLAN_WORDS, sizeof fe_model, sizeof fe_state, sizeof fe_arena);
    if (status == FE_OK)
        status = fe_check_tables(&this_node);
    if (status != FE_OK)
        return status;
#endif
    fe_reset(&this_node);
    fe_runtime = nothing;
    fe_runtime.node = node;
    fe_runtime.course.key = key_of(node);
    fe_runtime.course.own = fe_runtime.own;
    return FE_OK;
}

/* mant * 2^(exp - 31) in the normal form; others would leave the range that the update proves its shifts for. */
static int is_rate(fe_real rate)
{
    return rate.mant == 0 ? rate.exp == 0 : rate.mant >= 1 << 30 && rate.exp >= -31 && rate.exp <= 31;
}

static void open_round(const fe_push *push)
{
    fe_unpack_values(&fe_trained, push->values, (uint8_t *)fe_pushed);
    fe_unpack_values(&fe_trained, push->values, (uint8_t *)fe_state);
    fe_begin(&this_node);
    fe_runtime.course.rate = push->rate;
    fe_runtime.base = push->head.base;
    fe_runtime.round = push->head.round;
    fe_runtime.asked = push->head.steps;
    fe_runtime.steps = 0;
    fe_runtime.open = OPEN;
    for (int32_t i = 0; i < FE_OWN_BYTES; i++)
        fe_runtime.own[i] = push->own[i];
}

fe_status fe_client_push(const uint8_t *frame, uint32_t length)
{
    fe_push push;
    const fe_status status = fe_read_push(&fe_trained, frame, length, &push);
    if (status != FE_OK)
        return status;
    if (push.head.node != fe_runtime.node)
        return FE_OTHER_FRAME;
    if (!is_rate(push.rate) || fe_check_values(&fe_trained, push.values) != FE_OK)
        return FE_BAD_VALUES;
    open_round(&push);
    return FE_OK;
}

int8_t *fe_client_input(void)
{
    return fe_input(&this_node);
}

void fe_client_window(const int8_t *window)
{
#if FE_STREAMED
    fe_runtime.window = window;
#else
    int8_t *to = fe_client_input();
    for (int32_t i = 0; i < FE_INPUT_BYTES; i++)
        to[i] = window[i];
#endif
}

static fe_status counted(fe_status status)
{
    if (status == FE_OK) {
        fe_runtime.steps++;
        fe_runtime.open = STEPPED;
    }
    return status;
}

fe_status fe_client_train(int32_t label)
{
    const fe_node now = node_now();
    return counted(fe_train_step(&now, &fe_runtime.course, label, 0));
}

fe_status fe_client_fit(const int8_t *answer)
{
    const fe_node now = node_now();
    if (fe_runtime.open == CLOSED)
        return FE_BAD_LABEL;
    return counted(fe_fit_step(&now, &fe_runtime.course, answer, 0));
}

const void *fe_client_infer(void)
{
    const fe_node now = node_now();
#if FE_STREAMED
    return fe_infer(&now, now.window);
#else
    return fe_infer(&now, fe_client_input());
#endif
}

uint32_t fe_client_update(uint16_t windows)
{
    fe_frame_head head;
    if (fe_runtime.open == CLOSED)
        return 0;
    if (fe_runtime.open == STEPPED)
        fe_close_batch(&this_node, &fe_runtime.course);
    fe_runtime.open = OPEN;
    head.node = fe_runtime.node;
    head.base = fe_runtime.base;
    head.round = fe_runtime.round;
    head.steps = fe_runtime.steps;
    head.windows = windows;
    return fe_write_update(&fe_trained, &head, fe_runtime.own, (const uint8_t *)fe_state, (const uint8_t *)fe_pushed,
                           (uint8_t *)fe_frame);
}

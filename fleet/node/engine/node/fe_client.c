/* SPDX-License-Identifier: Apache-2.0
 *
 * One node's client over the engine: static memory, no I/O.
 */
#include "fe_client.h"

#include "fe_message.h"
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

/* What an image runs of its own. */
static const fe_image own_image = {
#if FE_PROFILE_STATIC
    0, (const uint8_t *)&fe_model, &fe_trained, 0, sizeof fe_model, 0,
#else
    fe_plan_words, (const uint8_t *)&fe_model, &fe_trained, FE_PLAN_WORDS, sizeof fe_model, 0,
#endif
};

#if FE_WITH_RUNTIME
#define PLAN fe_runtime.plan
#define MODEL fe_runtime.model
#define LAYOUT fe_runtime.layout
#else
#define PLAN own_image.plan
#define MODEL own_image.model
#define LAYOUT own_image.layout
#endif

/* The node as it is now: with the caller's window, if it is read where it lies. */
static fe_node node_now(void)
{
    fe_node now;
    now.plan = PLAN;
    now.model = MODEL;
    now.state = (uint8_t *)fe_state;
    now.arena = (uint8_t *)fe_arena;
    now.window = 0;
#if FE_STREAMED
    now.window = fe_runtime.window;
#endif
    return now;
}

const fe_layout *fe_client_layout(void)
{
    return LAYOUT;
}

/* Whether a step can read its window. */
static int has_window(void)
{
#if FE_STREAMED
    return fe_runtime.window != 0;
#else
    return 1;
#endif
}

/* key(seed, stream, node): the same rounding as the simulated node of this number. */
static uint64_t key_of(uint32_t node)
{
    return fe_absorb(fe_absorb(fe_absorb(0, FE_FLEET_SEED), FE_STREAM_UPDATE), node);
}

/* The plan of a table is refused before anything has changed; calls that were compiled need no check. */
static fe_status check(const fe_image *image)
{
#if FE_PROFILE_STATIC
    (void)image;
    return FE_OK;
#else
    const fe_node as = {image->plan, image->model, (uint8_t *)fe_state, (uint8_t *)fe_arena, 0};
    const fe_status status =
        fe_check_plan(image->plan, image->words, image->model_bytes, sizeof fe_state, sizeof fe_arena);
    return status == FE_OK ? fe_check_tables(&as) : status;
#endif
}

static fe_status start(uint32_t node, const fe_image *image)
{
    static const fe_client nothing = {0};
    const fe_status status = check(image);
    fe_node now;
    if (status != FE_OK)
        return status;
    fe_runtime = nothing;
#if FE_WITH_RUNTIME
    fe_runtime.plan = image->plan;
    fe_runtime.model = image->model;
    fe_runtime.layout = image->layout;
#endif
    fe_runtime.number = image->number;
    fe_runtime.node = node;
    fe_runtime.course.key = key_of(node);
    fe_runtime.course.own = fe_runtime.own;
    for (uint32_t i = 0; i < FE_VALUE_BYTES / 4; i++)
        fe_pushed[i] = 0;
    now = node_now();
    fe_reset(&now);
    return FE_OK;
}

fe_status fe_client_start(uint32_t node)
{
    return start(node, &own_image);
}

#if FE_WITH_RUNTIME
fe_image fe_client_own_image(void)
{
    return own_image;
}

fe_status fe_client_start_with(uint32_t node, const fe_image *image)
{
    return start(node, image);
}
#endif

/* mant * 2^(exp - 31) in the normal form; others would leave the range that the update proves its shifts for. */
static int is_rate(fe_real rate)
{
    return rate.mant == 0 ? rate.exp == 0 : rate.mant >= 1 << 30 && rate.exp >= -31 && rate.exp <= 31;
}

/* New values from outside; what earlier steps left is forgotten. */
static void take(const uint8_t *values)
{
    const fe_node now = node_now();
    fe_unpack_values(LAYOUT, values, (uint8_t *)fe_pushed);
    fe_unpack_values(LAYOUT, values, (uint8_t *)fe_state);
    fe_begin(&now);
}

void fe_client_begin(const fe_push *push)
{
    take(push->values);
    fe_runtime.course.rate = push->rate;
    fe_runtime.base = push->head.base;
    fe_runtime.round = push->head.round;
    fe_runtime.asked = push->head.steps;
    fe_runtime.steps = 0;
    fe_runtime.open = FE_OPEN;
    for (int32_t i = 0; i < FE_OWN_BYTES; i++)
        fe_runtime.own[i] = push->own[i];
}

fe_status fe_client_read_push(const uint8_t *frame, uint32_t length, fe_push *push)
{
    const fe_status status = fe_read_push(LAYOUT, frame, length, push);
    if (status != FE_OK)
        return status;
    if (push->head.node != fe_runtime.node || push->head.model != fe_runtime.number)
        return FE_OTHER_FRAME;
    if (!is_rate(push->rate) || fe_check_values(LAYOUT, push->values) != FE_OK)
        return FE_BAD_VALUES;
    return FE_OK;
}

fe_status fe_client_push(const uint8_t *frame, uint32_t length)
{
    fe_push push;
    const fe_status status = fe_client_read_push(frame, length, &push);
    if (status == FE_OK)
        fe_client_begin(&push);
    return status;
}

fe_status fe_client_set_values(const uint8_t *values, uint32_t length)
{
    if (length != fe_values_bytes(LAYOUT) || fe_check_values(LAYOUT, values) != FE_OK)
        return FE_BAD_VALUES;
    take(values);
    fe_runtime.open = FE_CLOSED;
    return FE_OK;
}

int8_t *fe_client_input(void)
{
    const fe_node now = node_now();
    return fe_input(&now);
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
        if (fe_runtime.open != FE_CLOSED)
            fe_runtime.open = FE_STEPPED;
    }
    return status;
}

fe_status fe_client_train(int32_t label)
{
    const fe_node now = node_now();
    if (!has_window())
        return FE_NOT_NOW;
    return counted(fe_train_step(&now, &fe_runtime.course, label, 0));
}

fe_status fe_client_fit(const int8_t *answer)
{
    const fe_node now = node_now();
    if (fe_runtime.open == FE_CLOSED)
        return FE_BAD_LABEL;
    if (!has_window())
        return FE_NOT_NOW;
    return counted(fe_fit_step(&now, &fe_runtime.course, answer, 0));
}

const void *fe_client_infer(void)
{
    const fe_node now = node_now();
    if (!has_window())
        return 0;
#if FE_STREAMED
    return fe_infer(&now, now.window);
#else
    return fe_infer(&now, fe_client_input());
#endif
}

uint32_t fe_client_update(uint16_t windows)
{
    fe_frame_head head;
    if (fe_runtime.open == FE_CLOSED)
        return 0;
    if (fe_runtime.open == FE_STEPPED) {
        const fe_node now = node_now();
        fe_close_batch(&now, &fe_runtime.course);
    }
    fe_runtime.open = FE_OPEN;
    head.node = fe_runtime.node;
    head.base = fe_runtime.base;
    head.round = fe_runtime.round;
    head.steps = fe_runtime.steps;
    head.windows = windows;
    head.model = fe_runtime.number;
    return fe_write_update(LAYOUT, &head, fe_runtime.own, (const uint8_t *)fe_state, (const uint8_t *)fe_pushed,
                           (uint8_t *)fe_frame);
}

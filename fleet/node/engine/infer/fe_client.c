/* SPDX-License-Identifier: Apache-2.0
 *
 * A node that only infers: static memory, no I/O, no state.
 */
#include "fe_client.h"

#include "fe_steps.h"

/* The ledger's lines. */
#if FE_STREAMED
const int8_t *fe_runtime; /* the window, where its owner holds it */
#endif
uint32_t fe_arena[FE_ARENA_BYTES / 4];

static fe_node node_now(void)
{
    fe_node now = {0};
#if !FE_PROFILE_STATIC
    now.plan = fe_plan_words;
#endif
    now.model = (const uint8_t *)&fe_model;
    now.arena = (uint8_t *)fe_arena;
#if FE_STREAMED
    now.window = fe_runtime;
#endif
    return now;
}

fe_status fe_client_start(uint32_t node)
{
    (void)node;
#if FE_PROFILE_STATIC
    return FE_OK;
#else
    const fe_node now = node_now();
    const fe_status status = fe_check_plan(fe_plan_words, FE_PLAN_WORDS, sizeof fe_model, 0, sizeof fe_arena);
    return status == FE_OK ? fe_check_tables(&now) : status;
#endif
}

int8_t *fe_client_input(void)
{
    const fe_node now = node_now();
    return fe_input(&now);
}

void fe_client_window(const int8_t *window)
{
#if FE_STREAMED
    fe_runtime = window;
#else
    int8_t *to = fe_client_input();
    for (int32_t i = 0; i < FE_INPUT_BYTES; i++)
        to[i] = window[i];
#endif
}

const void *fe_client_infer(void)
{
    const fe_node now = node_now();
#if FE_STREAMED
    if (now.window == 0)
        return 0;
#endif
    fe_forward_steps(&now);
    return fe_at(&now, fe_header(&now)->output);
}

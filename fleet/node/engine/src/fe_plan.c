/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading a plan: references, and the refusal of plans that are not for this engine.
 */
#include "fe_plan.h"

typedef char fe_check_shift[(-3 >> 1) == -2 ? 1 : -1]; /* arithmetic right shift */

void *fe_at(const fe_node *node, int32_t ref)
{
    const int32_t offset = ref & 0x0FFFFFFF;
    switch (ref >> 28) {
    case FE_MODEL:
        return (void *)(uintptr_t)(node->model + offset);
    case FE_STATE:
        return node->state + offset;
    case FE_ARENA:
        return node->arena + offset;
    default:
        return 0;
    }
}

static int fits(int32_t value, uint32_t limit)
{
    return value >= 0 && (uint32_t)value <= limit;
}

/* Steps must be known, whole, and end exactly at the last word. */
static fe_status check_steps(const int32_t *plan, int32_t words)
{
    int32_t at = (int32_t)(sizeof(fe_plan) / sizeof(int32_t));
    int seen_loss = 0;
    while (at < words) {
        if (words - at < 2 || plan[at] < FE_CONV || plan[at] > FE_UPDATE_BIAS)
            return FE_BAD_PLAN;
        if (plan[at + 1] < 2 || plan[at + 1] > words - at)
            return FE_BAD_PLAN;
        seen_loss |= at == ((const fe_plan *)(const void *)plan)->loss_word && plan[at] == FE_LOSS;
        at += plan[at + 1];
    }
    return seen_loss ? FE_OK : FE_BAD_PLAN;
}

fe_status fe_check_plan(const int32_t *plan, uint32_t words, uint32_t model_bytes, uint32_t state_bytes,
                        uint32_t arena_bytes)
{
    const fe_plan *p = (const fe_plan *)(const void *)plan;
    if (words * sizeof(int32_t) < sizeof(fe_plan) || p->magic != FE_PLAN_MAGIC)
        return FE_BAD_MAGIC;
    if (p->version != FE_PLAN_VERSION)
        return FE_BAD_VERSION;
    if (p->words < 0 || (uint32_t)p->words != words || !fits(p->model_bytes, model_bytes) ||
        !fits(p->state_bytes, state_bytes) || !fits(p->arena_bytes, arena_bytes))
        return FE_BAD_PLAN;
    return check_steps(plan, p->words);
}

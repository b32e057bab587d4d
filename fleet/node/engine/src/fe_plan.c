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

/* What a step's words must look like. words: how many there are. refs, slots: bit i set = word i is a reference, or
 * names an exponent. */
typedef struct {
    int32_t words;
    uint32_t refs, slots;
} fe_form;

#define BIT(i) (1u << (i))
#define LAYER {24, BIT(2) | BIT(3) | BIT(4) | BIT(5) | BIT(6) | BIT(7) | BIT(8), 0}
#define GRAD {26, BIT(2) | BIT(4) | BIT(6) | BIT(7) | BIT(8), BIT(3) | BIT(5)}
#define MOVE {7, BIT(2) | BIT(4), BIT(3) | BIT(5)}
#define UPDATE {24, BIT(3) | BIT(5) | BIT(6) | BIT(7) | BIT(8), BIT(4)}

static const fe_form forms[FE_UPDATE_BIAS + 1] = {
    {0, 0, 0},
    LAYER,                                      /* conv, depthwise, dense */
    LAYER,
    LAYER,
    {16, BIT(2) | BIT(3) | BIT(4) | BIT(5), 0}, /* add */
    {6, BIT(2) | BIT(3), 0},                    /* pool */
    {6, BIT(2) | BIT(4), BIT(5)},               /* loss */
    {5, BIT(2) | BIT(3), 0},                    /* mask */
    GRAD,                                       /* conv, depthwise, dense */
    GRAD,
    GRAD,
    MOVE,                                   /* grad of add */
    {10, BIT(2) | BIT(4), BIT(3) | BIT(5)}, /* grad of pool */
    MOVE,                                   /* copy, merge, block */
    MOVE,
    MOVE,
    UPDATE,                                 /* conv, depthwise, dense */
    UPDATE,
    UPDATE,
    {8, BIT(2) | BIT(6) | BIT(7), BIT(3)},  /* bias */
};

/* A reference is none, or starts inside its memory. Where it ends is the business of who made the plan. */
static int points_inside(const fe_plan *p, int32_t ref)
{
    const int32_t offset = ref & 0x0FFFFFFF;
    switch (ref >> 28) {
    case FE_NONE:
        return ref == 0;
    case FE_MODEL:
        return offset < p->model_bytes;
    case FE_STATE:
        return offset < p->state_bytes;
    case FE_ARENA:
        return offset < p->arena_bytes;
    default:
        return 0;
    }
}

static int in_form(const fe_plan *p, const int32_t *step, const fe_form *form)
{
    if (step[1] != form->words)
        return 0;
    for (int32_t i = 2; i < form->words; i++) {
        if ((form->refs >> i & 1u) != 0 && !points_inside(p, step[i]))
            return 0;
        if ((form->slots >> i & 1u) != 0 && (step[i] < 0 || step[i] >= p->exponent_count))
            return 0;
    }
    return 1;
}

/* Steps must be known, whole, in form, and end exactly at the last word; the loss must be where the header says. */
static fe_status check_steps(const fe_plan *p, const int32_t *plan)
{
    int32_t at = (int32_t)(sizeof(fe_plan) / sizeof(int32_t));
    int seen_loss = 0;
    while (at < p->words) {
        if (p->words - at < 2 || plan[at] < FE_CONV || plan[at] > FE_UPDATE_BIAS)
            return FE_BAD_PLAN;
        if (forms[plan[at]].words > p->words - at || !in_form(p, plan + at, &forms[plan[at]]))
            return FE_BAD_PLAN;
        seen_loss |= at == p->loss_word && plan[at] == FE_LOSS;
        at += plan[at + 1];
    }
    return seen_loss ? FE_OK : FE_BAD_PLAN;
}

/* The header's own references and counts. */
static int header_fits(const fe_plan *p)
{
    const int32_t region = 0x0FFFFFFF;
    return p->input >> 28 == FE_ARENA && p->logits >> 28 == FE_ARENA && p->exponents >> 28 == FE_ARENA &&
           p->first_values >> 28 == FE_MODEL && p->classes > 0 && p->input_bytes > 0 && p->exponent_count > 0 &&
           p->input_bytes <= p->arena_bytes - (p->input & region) &&
           p->classes <= (p->arena_bytes - (p->logits & region)) / 2 &&
           p->exponent_count <= (p->arena_bytes - (p->exponents & region)) / 4 &&
           p->state_bytes <= p->model_bytes - (p->first_values & region);
}

fe_status fe_check_plan(const int32_t *plan, uint32_t words, uint32_t model_bytes, uint32_t state_bytes,
                        uint32_t arena_bytes)
{
    const fe_plan *p = (const fe_plan *)(const void *)plan;
    if (words < sizeof(fe_plan) / sizeof(int32_t) || p->magic != FE_PLAN_MAGIC)
        return FE_BAD_MAGIC;
    if (p->version != FE_PLAN_VERSION)
        return FE_BAD_VERSION;
    if (p->words < 0 || (uint32_t)p->words != words || !fits(p->model_bytes, model_bytes) ||
        !fits(p->state_bytes, state_bytes) || !fits(p->arena_bytes, arena_bytes) || !header_fits(p))
        return FE_BAD_PLAN;
    return check_steps(p, plan);
}

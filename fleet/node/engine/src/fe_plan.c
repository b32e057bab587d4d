/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading a plan: references, and the refusal of plans that are not for this engine.
 */
#include "fe_plan.h"

#include "fe_bottleneck.h"
#include "fe_fit.h"
#include "fe_rows.h"

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
#if FE_STREAMED
    case FE_INPUT:
        return (void *)(uintptr_t)(node->window + offset);
#endif
    default:
        return 0;
    }
}

int32_t *fe_exponents(const fe_node *node)
{
    return fe_at(node, fe_header(node)->exponents);
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
#define LAYER_REFS BIT(2) | BIT(3) | BIT(4) | BIT(5) | BIT(6) | BIT(7) | BIT(8)
#define LAYER {27, LAYER_REFS, 0}
#define FLOW BIT(2) | BIT(4) | BIT(6) | BIT(8)
#define FLOW_SLOTS BIT(3) | BIT(5) | BIT(7) | BIT(9)
#define GRAD {36, FLOW | BIT(13) | BIT(14) | BIT(15), FLOW_SLOTS}
#define WINDOW {23, BIT(2) | BIT(3) | BIT(4), 0}
#define GRAD_WINDOW {33, FLOW | BIT(13), FLOW_SLOTS}
#define MOVE {7, BIT(2) | BIT(4), BIT(3) | BIT(5)}
#define UPDATE {30, BIT(3) | BIT(5) | BIT(6) | BIT(7) | BIT(8) | BIT(9) | BIT(10) | BIT(11), BIT(4)}

static const fe_form forms[FE_DEPTHWISE_IN_PLACE + 1] = {
    [FE_CONV] = LAYER,
    [FE_DEPTHWISE] = LAYER,
    [FE_LOGITS] = LAYER,
    [FE_ADD] = {26, BIT(2) | BIT(3) | BIT(4) | BIT(5), 0},
    [FE_POOL] = {6, BIT(2) | BIT(3), 0},
    [FE_LOSS] = {6, BIT(2) | BIT(4), BIT(5)},
    [FE_MASK] = {5, BIT(2) | BIT(3), 0},
    [FE_GRAD_CONV] = GRAD,
    [FE_GRAD_DEPTHWISE] = GRAD,
    [FE_GRAD_DENSE] = GRAD,
    [FE_GRAD_ADD] = {19, FLOW, FLOW_SLOTS},
    [FE_GRAD_POOL] = {15, FLOW, FLOW_SLOTS},
    [FE_COPY] = MOVE,
    [FE_MERGE] = MOVE,
    [FE_BLOCK] = MOVE,
    [FE_UPDATE_CONV] = UPDATE,
    [FE_UPDATE_DEPTHWISE] = UPDATE,
    [FE_UPDATE_DENSE] = UPDATE,
    [FE_UPDATE_BIAS] = {10, BIT(2) | BIT(6) | BIT(7) | BIT(8) | BIT(9), BIT(3)},
    [FE_DENSE] = LAYER,
    [FE_MUL] = {22, BIT(2) | BIT(3) | BIT(4) | BIT(5), 0},
    [FE_AVERAGE_POOL] = WINDOW,
    [FE_MAX_POOL] = WINDOW,
    [FE_MEAN] = {14, BIT(2) | BIT(3), 0},
    [FE_MOVE] = {18, BIT(2) | BIT(3), 0},
    [FE_RESIZE] = {10, BIT(2) | BIT(3) | BIT(4), 0},
    [FE_TABLE] = {6, BIT(2) | BIT(3) | BIT(4), 0},
    [FE_SOFTMAX] = {7, BIT(2) | BIT(3) | BIT(4), 0},
#if FE_FLOAT
    [FE_QUANTIZE] = {9, BIT(2) | BIT(3), 0},
    [FE_DEQUANTIZE] = {9, BIT(2) | BIT(3), 0},
#endif
    [FE_GRAD_MUL] = {26, FLOW | BIT(13), FLOW_SLOTS},
    [FE_GRAD_AVERAGE_POOL] = GRAD_WINDOW,
    [FE_GRAD_MAX_POOL] = GRAD_WINDOW,
    [FE_GRAD_MEAN] = {21, FLOW, FLOW_SLOTS},
    [FE_GRAD_MOVE] = {27, FLOW, FLOW_SLOTS},
    [FE_GRAD_RESIZE] = {19, FLOW | BIT(13), FLOW_SLOTS},
    [FE_GRAD_TABLE] = {17, FLOW | BIT(13) | BIT(14), FLOW_SLOTS},
    [FE_LOSS_SQUARED] = {8, BIT(2) | BIT(4), BIT(5)},
    [FE_APPLY] = {8, BIT(3) | BIT(4) | BIT(5) | BIT(6), 0},
    [FE_APPLY_BIAS] = {6, BIT(2) | BIT(3) | BIT(4), 0},
    [FE_ROWS] = {3, 0, 0},
    [FE_CHANNELS] = {5, 0, 0},
    [FE_DEPTHWISE_IN_PLACE] = {28, LAYER_REFS | BIT(27), 0},
};

/* A reference is none, or starts inside its memory. Where it has to end, fe_step_fits knows. */
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
#if FE_STREAMED
    case FE_INPUT:
        return p->input == (int32_t)((uint32_t)FE_INPUT << 28) && offset < p->input_bytes;
#endif
    default:
        return 0;
    }
}

/* Gradients in fp32 have no exponents: every slot is 0 and nobody reads it. */
static int names_exponent(const fe_plan *p, int32_t slot)
{
    return p->exponent_count == 0 ? slot == 0 : slot >= 0 && slot < p->exponent_count;
}

/* A flow stands at words 2 to 12; only one with a shift has an acc and an e. */
static int is_static(const int32_t *step, const fe_form *form)
{
    return form->slots == (FLOW_SLOTS) && step[4] != 0 && step[10] >= 0;
}

static int in_form(const fe_plan *p, const int32_t *step, const fe_form *form)
{
    if (step[1] != form->words || (!FE_STATIC && is_static(step, form)))
        return 0;
    for (int32_t i = 2; i < form->words && i < 32; i++) {
        if ((form->refs >> i & 1u) != 0 && !points_inside(p, step[i]))
            return 0;
        if ((form->slots >> i & 1u) != 0 && !names_exponent(p, step[i]))
            return 0;
    }
    return 1;
}

static int is_known(int32_t code)
{
    return code >= FE_CONV && code <= FE_DEPTHWISE_IN_PLACE && forms[code].words != 0 && FE_RUNS(code);
}

static int is_group(int32_t code)
{
    return (FE_RUNS(FE_ROWS) && code == FE_ROWS) || (FE_RUNS(FE_CHANNELS) && code == FE_CHANNELS);
}

/* Whether this step is whole, known, in form and can run, and is no group. seen: what its group looks at itself. */
static int is_step(const fe_plan *p, const int32_t *step, int32_t words, int32_t seen)
{
    return words >= 2 && is_known(step[0]) && !is_group(step[0]) && forms[step[0]].words <= words &&
           in_form(p, step, &forms[step[0]]) && fe_step_fits(p, (const void *)step, seen);
}

/* What a group looks at itself of its step number i: of rows, maps of other steps of the group, and what the step makes. */
static int32_t seen_of(const int32_t *group, int32_t i)
{
    const fe_row_form *form = (const fe_row_form *)(const void *)(group + forms[FE_ROWS].words) + i;
    if (!FE_RUNS(FE_ROWS) || group[0] != FE_ROWS)
        return FE_SEEN_GRADIENTS;
    return FE_SEEN_Y | (form->x_from >= 0 ? FE_SEEN_X : 0) | (form->x2_from >= 0 ? FE_SEEN_X2 : 0);
}

/* The words of a group whose own step is at `step`, with three more for each step that goes by rows: all its steps in
 * form. 0 for one that is not. */
static int32_t group_words(const fe_plan *p, const int32_t *step, int32_t words)
{
    int32_t at = forms[step[0]].words;
    if (words < at || step[2] < 1 || step[2] > FE_GROUP_MOST)
        return 0;
    at += FE_RUNS(FE_ROWS) && step[0] == FE_ROWS ? 3 * step[2] : 0;
    if (step[1] != at)
        return 0;
    for (int32_t i = 0; i < step[2]; i++) {
        if (at >= words || !is_step(p, step + at, words - at, seen_of(step, i)))
            return 0;
        at += step[at + 1];
    }
    return at;
}

static int is_loss(int32_t code)
{
    return code == FE_LOSS || code == FE_LOSS_SQUARED;
}

/* Steps must be known, whole, in form, and end exactly at the last word; the loss must be where the header says, or
 * at the end, where nothing trains; so must the steps that end a batch. */
static fe_status check_steps(const fe_plan *p, const int32_t *plan)
{
    int32_t at = (int32_t)(sizeof(fe_plan) / sizeof(int32_t));
    int seen_loss = p->loss_word == p->words, seen_apply = p->apply_word == p->words;
    while (at < p->words) {
        const int32_t group = is_group(plan[at]) ? group_words(p, plan + at, p->words - at) : 0;
        if (group == 0 && !is_step(p, plan + at, p->words - at, 0))
            return FE_BAD_PLAN;
        if (group != 0 && FE_RUNS(FE_ROWS) && plan[at] == FE_ROWS && !fe_rows_fit(p, (const void *)(plan + at)))
            return FE_BAD_PLAN;
        if (group != 0 && FE_RUNS(FE_CHANNELS) && plan[at] == FE_CHANNELS &&
            !fe_channels_fit(p, (const void *)(plan + at)))
            return FE_BAD_PLAN;
        seen_loss |= at == p->loss_word && is_loss(plan[at]);
        seen_apply |= at == p->apply_word;
        at += group != 0 ? group : plan[at + 1];
    }
    return seen_loss && seen_apply && (p->loss_word < p->apply_word || p->loss_word == p->words) ? FE_OK : FE_BAD_PLAN;
}

int fe_lies_in_arena(const fe_plan *p, int32_t ref, int64_t bytes)
{
    return fe_writable(p, ref, bytes, 1);
}

static int model_holds(const fe_plan *p, int32_t ref, int32_t bytes)
{
    const int32_t offset = ref & 0x0FFFFFFF;
    return points_inside(p, ref) && ref >> 28 == FE_MODEL && bytes <= p->model_bytes - offset;
}

/* What the recipe says is something this engine does; gradients have their exponents. */
static int recipe_fits(const fe_plan *p)
{
    if (p->gradients < FE_INT8 || p->gradients > FE_FP32 || p->rule < FE_STOCHASTIC || p->rule > FE_LATENT)
        return 0;
    if (!FE_FLOAT && (p->gradients == FE_FP32 || p->rule == FE_LATENT))
        return 0; /* built without */
    if ((FE_RULES >> p->rule & 1u) == 0)
        return 0;
    if (p->momentum < 0 || p->momentum > 32767 || p->batch < 1)
        return 0;
    if (p->loss_word == p->words || p->gradients == FE_FP32)
        return p->exponent_count == 0 && p->exponents == 0;
    return p->exponent_count > 0 && p->exponent_count <= p->arena_bytes / 4 &&
           fe_writable(p, p->exponents, 4 * (int64_t)p->exponent_count, 4);
}

/* Of a streamed one `points_inside` says all. */
static int input_fits(const fe_plan *p)
{
    if (FE_STREAMED && p->input >> 28 == FE_INPUT)
        return points_inside(p, p->input);
    return fe_lies_in_arena(p, p->input, p->input_bytes);
}

/* The header's own references and counts. */
static int header_fits(const fe_plan *p)
{
    if (!input_fits(p) || !fe_writable(p, p->output, p->output_bytes, p->classes > 0 ? 2 : 1) || p->classes < 0 ||
        p->input_bytes == 0 || p->output_bytes == 0 || p->classes > p->output_bytes / 2)
        return 0;
    if (p->value_bytes < 0 || p->value_bytes > p->state_bytes || p->weights < 0 || p->weights > p->value_bytes)
        return 0;
    if (p->value_bytes % 4 != 0)
        return 0;
    if (p->rule == FE_LATENT && p->weights > (p->state_bytes - p->value_bytes) / 4)
        return 0;
    return p->value_bytes == 0 ? p->first_values == 0 : model_holds(p, p->first_values, p->value_bytes);
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
        !fits(p->state_bytes, state_bytes) || !fits(p->arena_bytes, arena_bytes) || !header_fits(p) || !recipe_fits(p))
        return FE_BAD_PLAN;
    return check_steps(p, plan);
}

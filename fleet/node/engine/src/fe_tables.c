/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables of the model that a plan reads numbers from which decide where an operator reads, or whether it ends.
 */
#include "fe_map_steps.h"
#include "fe_run.h"

/* Scales or rates: not below 0, and of a scale a shift that 32 bits know. */
static int are_reals(const fe_node *node, int32_t ref, int32_t count, int32_t most)
{
    const fe_reals table = fe_reals_at(node, ref, count);
    for (int32_t i = 0; i < count; i++)
        if (table.mant[i] < 0 || table.exp[i] > most || table.exp[i] < -most)
            return 0;
    return 1;
}

static int are_places(const uint16_t *places, int32_t count, int32_t sides)
{
    for (int32_t i = 0; i < count; i++)
        if (places[i] >= sides)
            return 0;
    return 1;
}

static int resizes(const fe_node *node, const fe_resize_step *s)
{
    const uint16_t *places = fe_at(node, s->places);
    return are_places(places, s->d.out_h, s->d.in_h) && are_places(places + s->d.out_h, s->d.out_w, s->d.in_w);
}

/* None is negative, and that of the largest value alone is more than nothing. */
static int shares(const fe_node *node, const fe_softmax_step *s)
{
    const int32_t *exps = fe_at(node, s->exps);
    for (int32_t i = 0; i < 256; i++)
        if (exps[i] < 0)
            return 0;
    return exps[0] >= 1 << 12;
}

static int tables_fit(const fe_node *node, const fe_step *step)
{
    const void *s = step;
    switch (step->op) {
    case FE_CONV:
    case FE_DEPTHWISE:
    case FE_DENSE:
    case FE_LOGITS:
    case FE_DEPTHWISE_IN_PLACE:
        return are_reals(node, ((const fe_layer_step *)s)->scale, ((const fe_layer_step *)s)->d.out_c, 31);
    case FE_UPDATE_CONV:
    case FE_UPDATE_DEPTHWISE:
    case FE_UPDATE_DENSE:
        return are_reals(node, ((const fe_update_step *)s)->rate, ((const fe_update_step *)s)->d.out_c, 128);
    case FE_UPDATE_BIAS:
        return are_reals(node, ((const fe_bias_step *)s)->rate, ((const fe_bias_step *)s)->channels, 128);
    case FE_RESIZE:
        return !FE_RUNS(FE_RESIZE) || resizes(node, s);
    case FE_SOFTMAX:
        return !FE_RUNS(FE_SOFTMAX) || shares(node, s);
    default:
        return 1;
    }
}

fe_status fe_check_tables(const fe_node *node)
{
    const fe_plan *plan = fe_header(node);
    const fe_step *step = (const void *)(plan + 1), *end = (const void *)(node->plan + plan->words);
    for (; step != end; step = fe_following(step)) /* a group's own ones too */
        if (!tables_fit(node, step))
            return FE_BAD_VALUES;
    return FE_OK;
}

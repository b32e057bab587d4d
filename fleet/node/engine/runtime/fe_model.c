/* SPDX-License-Identifier: Apache-2.0
 *
 * Models and plans that came over the air: which one runs, and how another one comes in.
 */
#include "fe_session.h"

#include "fe_bytes.h"
#include "fe_plan.h"
#include "fe_port.h"

#define LAYOUT_BYTES 24u

static const fe_place pair[2] = {FE_MODEL_PLACES};

#if FE_PROFILE_STATIC
/* Steps were compiled: there is nothing that another plan could run in. */
static fe_status find_plan(const uint8_t *content, const fe_slot *slot, fe_image *image)
{
    (void)content;
    (void)slot;
    (void)image;
    return FE_BAD_PLAN;
}
#else

static int is_within(int32_t first, int32_t count, int32_t each, int32_t all)
{
    return first >= 0 && count >= 0 && each >= 0 && (int64_t)first + (int64_t)count * each <= all;
}

/* Whether a plan that was checked reads and says what this image gives and takes: windows of its size, where it gives
 * them; an image that hands over addresses copies none. */
static int plan_fits(const fe_plan *p)
{
    return p->input_bytes == FE_INPUT_BYTES && p->output_bytes == FE_OUTPUT_BYTES && p->classes <= FE_CLASSES &&
           (p->input >> 28 == FE_INPUT) == FE_STREAMED && p->value_bytes <= (int32_t)FE_VALUE_BYTES;
}

/* Whether a layout is the plan's, and its frames have room. */
static int layout_fits(const fe_plan *p, const fe_layout *l)
{
    return l->classes == FE_CLASSES && l->weights == p->weights && l->weights >= 0 && l->biases >= 0 &&
           ((int64_t)l->weights + 3) / 4 * 4 + 4 * (int64_t)l->biases == p->value_bytes &&
           is_within(l->head_weight, l->classes, l->head_inputs, l->weights) &&
           (l->head_bias < 0 || is_within(l->head_bias, l->classes, 1, l->biases)) &&
           fe_push_bytes(l) + FE_SEAL_BYTES <= sizeof fe_frame;
}

/* Whether plan and model, which lie one behind the other, are those that a slot says it holds. */
static int is_of(uint32_t plan_id, const uint8_t *bytes, uint32_t count)
{
    uint8_t digest[FE_DIGEST_BYTES];
    fe_sha256 s;
    fe_sha256_start(&s);
    fe_sha256_add(&s, bytes, count);
    fe_sha256_end(&s, digest);
    return ((uint32_t)digest[0] << 24 | (uint32_t)digest[1] << 16 | (uint32_t)digest[2] << 8 | digest[3]) == plan_id;
}

/* Layout, words of the plan, plan, model: where they lie, and whether they go together. */
static fe_status find_plan(const uint8_t *content, const fe_slot *slot, fe_image *image)
{
    const uint32_t length = slot->length;
    const fe_plan *plan;
    fe_status status;
    if (length < LAYOUT_BYTES + 4 || !is_of(slot->plan, content + LAYOUT_BYTES + 4, length - LAYOUT_BYTES - 4))
        return FE_BAD_PLAN;
    image->words = fe_get_u32(content + LAYOUT_BYTES);
    if (image->words > (length - LAYOUT_BYTES - 4) / 4)
        return FE_BAD_PLAN;
    image->layout = (const fe_layout *)(const void *)content;
    image->plan = (const int32_t *)(const void *)(content + LAYOUT_BYTES + 4);
    image->model = content + LAYOUT_BYTES + 4 + 4 * image->words;
    image->model_bytes = length - LAYOUT_BYTES - 4 - 4 * image->words;
    status = fe_check_plan(image->plan, image->words, image->model_bytes, sizeof fe_state, sizeof fe_arena);
    if (status != FE_OK)
        return status;
    plan = (const fe_plan *)(const void *)image->plan;
    return plan_fits(plan) && layout_fits(plan, image->layout) ? FE_OK : FE_BAD_PLAN;
}
#endif

/* What a slot would have this node run. */
static fe_status image_in(fe_place place, const fe_slot *slot, fe_image *image)
{
    const uint8_t *content = fe_port_flash_at(place.at + FE_SLOT_CONTENT);
    if (content == 0)
        return FE_BAD_SLOT;
    *image = fe_client_own_image();
    image->number = slot->number;
    if (slot->kind == FE_NEW_PLAN)
        return find_plan(content, slot, image);
    image->model = content;
    return slot->kind == FE_NEW_MODEL && slot->plan == FE_PLAN_ID && slot->length == image->model_bytes ? FE_OK
                                                                                                       : FE_BAD_SLOT;
}

/* The model that a restart would have if that at a place were rejected. */
static uint32_t sequence_of_other(int at)
{
    fe_slot slot;
    const fe_place other = pair[1 - at];
    const int runs = fe_slot_read(other, &slot) == FE_OK && fe_slot_has(other, FE_CONFIRMED) &&
                     !fe_slot_has(other, FE_REJECTED);
    return runs ? slot.sequence : 0;
}

/* Starts with the slot's model; one that was tried and not confirmed, or does not start, is rejected. */
static fe_status start_from(uint32_t node, int at, const fe_slot *slot)
{
    fe_image image;
    const int confirmed = fe_slot_has(pair[at], FE_CONFIRMED);
    fe_status status = FE_NOT_NOW;
    if (confirmed || !fe_slot_has(pair[at], FE_TRIED))
        status = image_in(pair[at], slot, &image);
    if (status == FE_OK && !confirmed)
        status = fe_slot_mark(pair[at], FE_TRIED);
    if (status == FE_OK)
        status = fe_client_start_with(node, &image);
    if (status != FE_OK) {
        (void)fe_slot_mark(pair[at], FE_REJECTED);
        return status;
    }
    fe_now.model_at = (int8_t)at;
    fe_now.model = slot->sequence;
    fe_now.trial = (uint8_t)!confirmed;
    fe_now.back_to = sequence_of_other(at);
    return FE_OK;
}

fe_status fe_model_choose(uint32_t node)
{
    fe_slot slot;
    fe_now.model_at = -1;
    fe_now.trial = 0;
    for (int tries = 0; tries < 2; tries++) { /* each one that fails is rejected */
        const int at = fe_slot_newest(pair, &slot);
        if (at < 0)
            break;
        if (start_from(node, at, &slot) == FE_OK)
            return FE_OK;
    }
    return fe_client_start(node);
}

/* 32 times the same byte is flash that nobody gave a key, and 0 a point of small order: signed is then what nobody
 * signed. */
static int is_key(const uint8_t *signer)
{
    uint32_t differ = 0;
    for (uint32_t i = 1; i < FE_SIGNER_BYTES; i++)
        differ |= (uint32_t)(signer[i] ^ signer[0]);
    return differ != 0;
}

static int is_signed(const uint8_t *body)
{
    const uint8_t *signer = fe_port_signer();
    return signer != 0 && is_key(signer) &&
           fe_port_verify_ed25519(signer, body, FE_SLOT_HEAD_BYTES, body + FE_SLOT_HEAD_BYTES) == 1;
}

/* The place that holds no model in use; of two such, the one that the node would not come back to. */
static int spare_place(void)
{
    fe_slot slot;
    if (fe_now.model_at >= 0)
        return 1 - fe_now.model_at;
    return fe_slot_newest(pair, &slot) == 0 ? 1 : 0;
}

/* The highest sequence there ever was has to outlive the slot that is about to be erased, or it could be taken again. */
static int remembers(uint32_t last)
{
    if (last <= fe_now.model_last)
        return 1;
    fe_now.model_last = last;
    return fe_persist_save() == FE_OK;
}

/* Whether what an offer describes can run here: another plan only where steps are words, a model only of our own. */
static int is_for_us(const fe_slot *slot, fe_place place)
{
    return slot->number != 0 && slot->number != fe_runtime.number && slot->length > 0 &&
           slot->length <= place.bytes - FE_SLOT_CONTENT &&
           (slot->kind == FE_NEW_PLAN ? !FE_PROFILE_STATIC : slot->kind == FE_NEW_MODEL && slot->plan == FE_PLAN_ID);
}

fe_status fe_model_offer(const fe_message *m)
{
    fe_slot slot;
    const fe_place place = pair[spare_place()];
    const uint32_t last = fe_slot_last(pair);
    if (fe_now.trial || fe_now.restart)
        return FE_NOT_NOW;
    if (m->own != 0 || m->body_bytes != FE_SLOT_HEAD_BYTES + FE_SIGNATURE_BYTES)
        return FE_BAD_FRAME;
    if (fe_slot_parse(m->body, &slot) != FE_OK || slot.sequence <= last || slot.sequence <= fe_now.model_last ||
        !is_for_us(&slot, place) || !is_signed(m->body))
        return FE_BAD_SLOT;
    if (!remembers(last))
        return FE_BAD_SLOT;
    for (uint32_t i = 0; i < FE_DIGEST_BYTES; i++)
        slot.digest[i] = m->body[FE_SLOT_UNIT + i];
    fe_now.loading = 0;
    fe_now.offered = slot;
    if (fe_slot_open(&fe_now.writer, place) != FE_OK)
        return FE_BAD_SLOT;
    fe_now.loading = 1;
    return FE_OK;
}

static fe_status finish(void)
{
    uint8_t digest[FE_DIGEST_BYTES];
    fe_status status;
    for (uint32_t i = 0; i < FE_DIGEST_BYTES; i++)
        digest[i] = fe_now.offered.digest[i];
    fe_now.loading = 0;
    status = fe_slot_close(&fe_now.writer, &fe_now.offered, digest);
    if (status == FE_OK) {
        fe_now.model_last = fe_now.offered.sequence;
        fe_now.restart = 1;
    }
    return status;
}

fe_status fe_model_piece(const fe_message *m)
{
    const uint32_t done = fe_now.writer.done;
    const uint32_t count = m->body_bytes - 4;
    uint32_t offset;
    fe_status status;
    if (!fe_now.loading)
        return FE_NOT_NOW;
    if (m->own != 0 || m->body_bytes < 4)
        return FE_BAD_FRAME;
    offset = fe_get_u32(m->body);
    if (m->head.base != fe_now.offered.sequence || offset > done)
        return FE_BAD_VALUES;
    if (offset < done) /* once more: what is there stays */
        return FE_OK;
    if (count > fe_now.offered.length - done)
        return FE_BAD_VALUES;
    status = fe_slot_add(&fe_now.writer, m->body + 4, count);
    if (status != FE_OK)
        fe_now.loading = 0;
    else if (fe_now.writer.done == fe_now.offered.length)
        status = finish();
    return status;
}

uint32_t fe_model_done(void)
{
    return fe_now.loading || fe_now.restart ? fe_now.writer.done : 0;
}

fe_status fe_model_confirm(void)
{
    if (!fe_now.trial)
        return FE_OK;
    if (fe_slot_mark(pair[fe_now.model_at], FE_CONFIRMED) != FE_OK)
        return FE_BAD_SLOT;
    fe_now.trial = 0;
    fe_now.kept = fe_now.latest; /* the old model's checkpoint is of no use any more */
    return FE_OK;
}

fe_status fe_model_reject(void)
{
    return fe_now.model_at < 0 ? FE_NOT_NOW : fe_slot_mark(pair[fe_now.model_at], FE_REJECTED);
}

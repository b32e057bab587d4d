/* SPDX-License-Identifier: Apache-2.0
 *
 * Frames beside push and update.
 */
#include "fe_message.h"

#include "fe_bytes.h"

fe_status fe_read_message(const uint8_t *frame, uint32_t length, fe_message *m)
{
    if (length < FE_HEAD_BYTES + 4 || fe_crc32(0, frame, length - 4) != fe_get_u32(frame + length - 4))
        return FE_BAD_FRAME;
    if (frame[0] != 'F' || frame[1] != FE_FRAME_VERSION)
        return FE_OTHER_FRAME;
    m->kind = frame[2];
    m->own = frame[3];
    m->head.node = fe_get_u32(frame + 4);
    m->head.round = (uint16_t)fe_get_u16(frame + 8);
    m->head.steps = (uint16_t)fe_get_u16(frame + 10);
    m->head.windows = (uint16_t)fe_get_u16(frame + 12);
    m->head.model = (uint16_t)fe_get_u16(frame + 14);
    m->head.base = fe_get_u32(frame + 16);
    m->body = frame + FE_HEAD_BYTES;
    m->body_bytes = length - FE_HEAD_BYTES - 4;
    return FE_OK;
}

uint32_t fe_values_bytes(const fe_layout *l)
{
    return (uint32_t)l->weights + 4 * (uint32_t)l->biases;
}

fe_status fe_check_set(const fe_layout *l, const fe_message *m)
{
    if (m->kind != FE_SET || m->own != 0)
        return FE_OTHER_FRAME;
    if (m->body_bytes != fe_values_bytes(l) || m->head.base != fe_base(l, m->body))
        return FE_BAD_VALUES;
    return fe_check_values(l, m->body);
}

uint8_t *fe_pack_values(const fe_layout *l, const uint8_t *state, uint8_t *to)
{
    const uint8_t *biases = state + (((uint32_t)l->weights + 3) & ~3u);
    for (int32_t i = 0; i < l->weights; i++)
        *to++ = state[i];
    for (int32_t i = 0; i < 4 * l->biases; i++)
        *to++ = biases[i];
    return to;
}

static uint32_t closed(uint8_t *frame, uint8_t *end)
{
    end = fe_put_u32(end, fe_crc32(0, frame, (uint32_t)(end - frame)));
    return (uint32_t)(end - frame);
}

uint32_t fe_write_values(const fe_layout *l, const fe_frame_head *head, const uint8_t *state, uint8_t *frame)
{
    fe_frame_head own = *head;
    uint8_t *values = frame + FE_HEAD_BYTES;
    uint8_t *end = fe_pack_values(l, state, values);
    own.base = fe_base(l, values);
    (void)fe_put_head(frame, FE_VALUES, &own, 0);
    return closed(frame, end);
}

uint32_t fe_write_ack(const fe_frame_head *head, uint32_t done, uint8_t *frame)
{
    return closed(frame, fe_put_u32(fe_put_head(frame, FE_ACK, head, 0), done));
}

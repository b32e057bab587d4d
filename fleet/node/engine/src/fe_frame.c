/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading a push, writing an update. Words are little-endian and lie at any byte of a frame.
 */
#include "fe_frame.h"

#include "fe_bytes.h"

/* CRC-32, reflected polynomial 0xEDB88320, four bits at a time: 64 bytes of table instead of 1024. */
static const uint32_t crc_of_nibble[16] = {
    0x00000000u, 0x1DB71064u, 0x3B6E20C8u, 0x26D930ACu, 0x76DC4190u, 0x6B6B51F4u, 0x4DB26158u, 0x5005713Cu,
    0xEDB88320u, 0xF00F9344u, 0xD6D6A3E8u, 0xCB61B38Cu, 0x9B64C2B0u, 0x86D3D2D4u, 0xA00AE278u, 0xBDBDF21Cu,
};

uint32_t fe_crc32(uint32_t crc, const uint8_t *bytes, uint32_t count)
{
    crc = ~crc;
    for (uint32_t i = 0; i < count; i++) {
        crc ^= bytes[i];
        crc = (crc >> 4) ^ crc_of_nibble[crc & 15];
        crc = (crc >> 4) ^ crc_of_nibble[crc & 15];
    }
    return ~crc;
}

static uint32_t own_bytes(const fe_layout *l)
{
    return (uint32_t)(l->classes + 7) / 8;
}

static uint32_t padding(const fe_layout *l)
{
    return (0u - (uint32_t)l->weights) & 3;
}

uint32_t fe_push_bytes(const fe_layout *l)
{
    return FE_HEAD_BYTES + 8 + own_bytes(l) + (uint32_t)l->weights + 4 * (uint32_t)l->biases + 4;
}

uint32_t fe_base(const fe_layout *l, const uint8_t *values)
{
    static const uint8_t zeros[3] = {0};
    const uint32_t weights = (uint32_t)l->weights;
    uint32_t crc = fe_crc32(0, values, weights);
    crc = fe_crc32(crc, zeros, padding(l));
    return fe_crc32(crc, values + weights, 4 * (uint32_t)l->biases);
}

/* No bit may stand for a class that the layout does not have. */
static int own_fits(const fe_layout *l, const uint8_t *own)
{
    const int32_t used = l->classes & 7;
    return used == 0 || own[l->classes >> 3] >> used == 0;
}

fe_status fe_read_push(const fe_layout *l, const uint8_t *frame, uint32_t length, fe_push *push)
{
    const uint8_t *body = frame + FE_HEAD_BYTES;
    if (length < FE_HEAD_BYTES + 4 || fe_crc32(0, frame, length - 4) != fe_get_u32(frame + length - 4))
        return FE_BAD_FRAME;
    if (frame[0] != 'F' || frame[1] != FE_FRAME_VERSION || frame[2] != FE_PUSH)
        return FE_OTHER_FRAME;
    if (length != fe_push_bytes(l) || frame[3] != own_bytes(l) || !own_fits(l, body + 8))
        return FE_BAD_VALUES;
    push->head.node = fe_get_u32(frame + 4);
    push->head.round = (uint16_t)fe_get_u16(frame + 8);
    push->head.steps = (uint16_t)fe_get_u16(frame + 10);
    push->head.windows = (uint16_t)fe_get_u16(frame + 12);
    push->head.model = (uint16_t)fe_get_u16(frame + 14);
    push->head.base = fe_get_u32(frame + 16);
    push->rate.mant = (int32_t)fe_get_u32(body);
    push->rate.exp = (int32_t)fe_get_u32(body + 4);
    push->own = body + 8;
    push->values = body + 8 + own_bytes(l);
    return push->head.base == fe_base(l, push->values) ? FE_OK : FE_BAD_VALUES;
}

fe_status fe_check_values(const fe_layout *l, const uint8_t *values)
{
    const uint8_t *biases = values + l->weights;
    const int32_t limit = 1 << 30;
    for (int32_t i = 0; i < l->weights; i++)
        if (values[i] == 0x80)
            return FE_BAD_VALUES;
    for (int32_t i = 0; i < l->biases; i++) {
        const int32_t b = (int32_t)fe_get_u32(biases + 4 * i);
        if (b > limit || b < -limit)
            return FE_BAD_VALUES;
    }
    return FE_OK;
}

void fe_unpack_values(const fe_layout *l, const uint8_t *values, uint8_t *state)
{
    for (int32_t i = 0; i < l->weights; i++)
        *state++ = *values++;
    for (uint32_t i = 0; i < padding(l); i++)
        *state++ = 0;
    for (int32_t i = 0; i < 4 * l->biases; i++)
        *state++ = *values++;
}

static int32_t is_own(const uint8_t *own, int32_t c)
{
    return own[c >> 3] >> (c & 7) & 1;
}

/* What of a state's values an update carries, and how far it has been written. */
typedef struct {
    const fe_layout *layout;
    const uint8_t *own, *state, *pushed;
    uint8_t *to;
} fe_writer;

static int32_t weight_delta(const fe_writer *w, int32_t i)
{
    return (int8_t)w->state[i] - (int8_t)w->pushed[i];
}

uint8_t fe_weight_delta(uint8_t value, uint8_t pushed)
{
    const int32_t delta = (int8_t)value - (int8_t)pushed;
    return (uint8_t)(delta > 127 ? 127 : delta < -127 ? -127 : delta);
}

static void write_weights(fe_writer *w, int32_t first, int32_t end)
{
    for (int32_t i = first; i < end; i++)
        *w->to++ = fe_weight_delta(w->state[i], w->pushed[i]);
}

/* Every weight but those of the head for classes the node lacks. */
static void write_held_weights(fe_writer *w)
{
    const fe_layout *l = w->layout;
    const int32_t n = l->head_inputs;
    const int32_t behind = n > 0 ? l->head_weight + l->classes * n : 0;
    if (n > 0)
        write_weights(w, 0, l->head_weight);
    for (int32_t c = 0; n > 0 && c < l->classes; c++)
        if (is_own(w->own, c))
            write_weights(w, l->head_weight + c * n, l->head_weight + (c + 1) * n);
    write_weights(w, behind, l->weights);
}

static void write_held_biases(fe_writer *w)
{
    const fe_layout *l = w->layout;
    const uint32_t first = (uint32_t)l->weights + padding(l);
    for (int32_t i = 0; i < l->biases; i++) {
        const int32_t c = i - l->head_bias;
        const uint32_t at = first + 4 * (uint32_t)i;
        if (l->head_bias < 0 || c < 0 || c >= l->classes || is_own(w->own, c))
            w->to = fe_put_u32(w->to, fe_get_u32(w->state + at) - fe_get_u32(w->pushed + at));
    }
}

static uint32_t count_clipped(const fe_writer *w)
{
    uint32_t count = 0;
    for (int32_t i = 0; i < w->layout->weights; i++) {
        const int32_t delta = weight_delta(w, i);
        count += delta > 127 || delta < -127;
    }
    return count;
}

uint8_t *fe_put_head(uint8_t *at, uint8_t kind, const fe_frame_head *h, uint32_t own)
{
    *at++ = 'F';
    *at++ = FE_FRAME_VERSION;
    *at++ = kind;
    *at++ = (uint8_t)own;
    at = fe_put_u32(at, h->node);
    at = fe_put_u16(fe_put_u16(at, h->round), h->steps);
    at = fe_put_u16(fe_put_u16(at, h->windows), h->model);
    return fe_put_u32(at, h->base);
}

uint32_t fe_write_update(const fe_layout *l, const fe_frame_head *head, const uint8_t *own, const uint8_t *state,
                         const uint8_t *pushed, uint8_t *frame)
{
    fe_writer w;
    w.layout = l;
    w.own = own;
    w.state = state;
    w.pushed = pushed;
    w.to = fe_put_head(frame, FE_UPDATE, head, own_bytes(l));
    w.to = fe_put_u32(w.to, count_clipped(&w));
    for (uint32_t i = 0; i < own_bytes(l); i++)
        *w.to++ = own[i];
    write_held_weights(&w);
    write_held_biases(&w);
    w.to = fe_put_u32(w.to, fe_crc32(0, frame, (uint32_t)(w.to - frame)));
    return (uint32_t)(w.to - frame);
}

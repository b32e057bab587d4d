/* SPDX-License-Identifier: Apache-2.0
 *
 * One turn of a node: events from radio, training and clock go to the table, and its actions are done.
 */
#include "fe_turn.h"

#include "fe_port.h"
#include "fe_round.h"
#include "fe_session.h"

fe_session fe_now;

/* The ledger's line. */
typedef char fe_check_session[sizeof(fe_session) == FE_SESSION_BYTES ? 1 : -1];

static uint8_t *frame(void)
{
    return (uint8_t *)fe_frame;
}

fe_status fe_node_start(void)
{
    uint8_t *bytes = (uint8_t *)&fe_now;
    fe_status status;
    for (uint32_t i = 0; i < sizeof fe_now; i++)
        bytes[i] = 0;
    fe_now.sent.low = FE_BY_NODE;
    fe_now.ahead = fe_now.sent;
    fe_now.latest = fe_now.kept = -1;
    status = fe_model_choose(fe_port_node());
    if (status == FE_OK)
        fe_persist_resume();
    return status;
}

/* Sends the frame in its buffer, sealed if the node has a key. A counter is used once, whatever happens to the power. */
static void transmit(uint32_t length)
{
    const uint8_t *key = fe_port_key();
    if (key != 0) {
        if (!fe_counter_above(fe_now.ahead, fe_now.sent) && fe_persist_save() != FE_OK)
            return;
        fe_now.sent = fe_counter_plus(fe_now.sent, 2);
        length = fe_seal(key, fe_now.sent, frame(), length);
    }
    (void)fe_port_send(frame(), length);
}

/* The entry of the table; the state is the next one afterwards. Returns the action. */
static int happened(int event)
{
    const uint8_t entry = fe_round_table[fe_now.state][event];
    fe_now.state = entry & 15;
    return entry >> 4;
}

static void send_update(uint32_t tries)
{
    const uint32_t wait = FE_RETRY_MS << tries;
    fe_now.tries = (uint8_t)tries;
    fe_now.since = fe_port_time_ms();
    fe_now.waiting_ms = wait + fe_port_random() % FE_RETRY_MS;
    transmit(fe_client_update(fe_app_windows()));
}

/* The update is written before it is saved, since that closes the batch, and saved before it is sent. */
static void trained(void)
{
    if (happened(FE_ON_TRAINED) != FE_DO_SEND)
        return;
    (void)fe_client_update(fe_app_windows());
    (void)fe_persist_save();
    send_update(0);
}

static void train(void)
{
    fe_sample sample = {0, 0, 0};
    fe_status status = FE_NOT_NOW;
    if (fe_runtime.steps < fe_runtime.asked && fe_app_sample(fe_runtime.steps, &sample)) {
        fe_client_window(sample.window);
        status = sample.answer == 0 ? fe_client_train(sample.label) : fe_client_fit(sample.answer);
    }
    if (status != FE_OK)
        trained();
}

static void timed(void)
{
    if (fe_port_time_ms() - fe_now.since < fe_now.waiting_ms)
        return;
    if (happened(fe_now.tries + 1u < FE_RETRIES ? FE_ON_TIMEOUT : FE_ON_SPENT) == FE_DO_SEND)
        send_update(fe_now.tries + 1u);
}

static void acknowledged(const fe_message *m)
{
    const int ours = m->own == 0 && m->body_bytes == 4 && m->head.round == fe_runtime.round &&
                     m->head.base == fe_runtime.base && m->head.model == fe_runtime.number;
    if (happened(ours ? FE_ON_ACK : FE_ON_OTHER_ACK) != FE_DO_CLOSE)
        return;
    (void)fe_persist_save();
    (void)fe_model_confirm();
    fe_app_round_done(fe_runtime.round);
}

static void answer(const fe_message *m, fe_status status)
{
    fe_frame_head head = m->head;
    head.windows = (uint16_t)-status;
    transmit(fe_write_ack(&head, fe_model_done(), frame()));
}

static void pushed(const fe_message *m, uint32_t length)
{
    fe_push push;
    const fe_status status = fe_client_read_push(frame(), length, &push);
    if (status != FE_OK) {
        answer(m, status);
        return;
    }
    switch (happened(fe_round_push(fe_now.state, fe_runtime.round, fe_runtime.base, push.head.round, push.head.base))) {
    case FE_DO_BEGIN:
        fe_client_begin(&push);
        (void)fe_persist_save();
        break;
    case FE_DO_SEND:
        send_update(0);
        break;
    default:
        break;
    }
}

static fe_status set(const fe_message *m)
{
    const fe_status status =
        m->head.model == fe_runtime.number ? fe_check_set(fe_client_layout(), m) : FE_OTHER_FRAME;
    if (status != FE_OK)
        return status;
    (void)fe_client_set_values(m->body, m->body_bytes);
    (void)happened(FE_ON_SET);
    return fe_persist_save();
}

static void tell_values(const fe_message *m)
{
    fe_frame_head head = m->head;
    head.steps = fe_runtime.steps;
    head.windows = fe_app_windows();
    head.model = fe_runtime.number;
    transmit(fe_write_values(fe_client_layout(), &head, (const uint8_t *)fe_state, frame()));
}

/* What came, seal and all. Frames that are not for us, or not whole, are not answered. */
static void take(uint32_t length)
{
    const uint8_t *key = fe_port_key();
    fe_message m;
    if (key != 0) {
        if (fe_unseal(key, FE_BY_SERVER, &fe_now.heard, frame(), length) != FE_OK)
            return;
        length -= FE_SEAL_BYTES;
    }
    if (fe_read_message(frame(), length, &m) != FE_OK || m.head.node != fe_runtime.node)
        return;
    switch (m.kind) {
    case FE_PUSH:
        pushed(&m, length);
        break;
    case FE_ACK:
        acknowledged(&m);
        break;
    case FE_SET:
        answer(&m, set(&m));
        break;
    case FE_GET:
        tell_values(&m);
        break;
    case FE_OFFER:
        answer(&m, fe_model_offer(&m));
        break;
    case FE_PIECE:
        answer(&m, fe_model_piece(&m));
        break;
    default:
        break;
    }
}

static int is_busy(void)
{
    return fe_now.state == FE_TRAINING || fe_now.state == FE_SENT;
}

static uint32_t nothing_to_do_ms(void)
{
    const uint32_t waited = fe_port_time_ms() - fe_now.since;
    if (fe_now.state == FE_TRAINING || (fe_now.restart && !is_busy()))
        return 0;
    if (fe_now.state == FE_SENT)
        return waited < fe_now.waiting_ms ? fe_now.waiting_ms - waited : 0;
    return FE_FOREVER;
}

uint32_t fe_node_turn(void)
{
    const uint32_t length = fe_port_receive(frame(), sizeof fe_frame);
    if (length > 0 && length <= sizeof fe_frame) {
        take(length);
    } else if (fe_now.state == FE_TRAINING) {
        train();
    } else if (fe_now.state == FE_SENT) {
        timed();
    } else if (fe_now.restart) {
        (void)fe_persist_save();
        (void)fe_node_start();
    }
    return nothing_to_do_ms();
}

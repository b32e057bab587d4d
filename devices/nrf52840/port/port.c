/* SPDX-License-Identifier: Apache-2.0
 *
 * nRF52840: what the runtime asks of the board (runtime/fe_port.h). As it stands it talks to a mailbox in RAM, so that
 * the firmware runs in an emulator. Beside each function stands the call of Nordic's nRF5 SDK 17.1 that takes its place.
 */
#include "fe_mailbox.h"

/* sd_ble_gatts_hvx() on a characteristic, in packets of the MTU. */
int32_t fe_port_send(const uint8_t *frame, uint32_t length)
{
    return fe_mailbox_send(frame, length);
}

/* What BLE_GATTS_EVT_WRITE has put together since the last call. */
uint32_t fe_port_receive(uint8_t *frame, uint32_t room)
{
    return fe_mailbox_receive(frame, room);
}

/* Flash is memory: a copy. */
int32_t fe_port_flash_read(uint32_t from, void *to, uint32_t count)
{
    return fe_mailbox_flash_read(from, to, count);
}

/* sd_flash_write() of words; wait for NRF_EVT_FLASH_OPERATION_SUCCESS. */
int32_t fe_port_flash_program(uint32_t to, const void *from, uint32_t count)
{
    return fe_mailbox_flash_program(to, from, count);
}

/* sd_flash_page_erase() for each page of 4096 bytes; wait for the same event. */
int32_t fe_port_flash_erase(uint32_t from, uint32_t count)
{
    return fe_mailbox_flash_erase(from, count);
}

const void *fe_port_flash_at(uint32_t at)
{
    return fe_mailbox_at(at);
}

/* app_timer_cnt_get() and its overflows, in milliseconds. */
uint32_t fe_port_time_ms(void)
{
    return fe_mail.time_ms;
}

/* sd_rand_application_vector_get(). */
uint32_t fe_port_random(void)
{
    return fe_mail.random;
}

/* app_timer_start(), then sd_app_evt_wait() until it or the radio woke the core; give 1. */
int32_t fe_port_sleep(uint32_t ms)
{
    fe_mail.slept_ms = ms;
    return 0;
}

/* A word of UICR->CUSTOMER. */
uint32_t fe_port_node(void)
{
    return fe_mail.node;
}

/* A page that the bootloader protects; the key from UICR, or wrapped by the CC310. */
const uint8_t *fe_port_key(void)
{
    return fe_mailbox_at(fe_mail.key);
}

const uint8_t *fe_port_signer(void)
{
    return fe_mailbox_at(fe_mail.signer);
}

/* nrf_crypto_eddsa_verify() of the CC310. */
int fe_port_verify_ed25519(const uint8_t *signer, const uint8_t *message, uint32_t count, const uint8_t *signature)
{
    return fe_mailbox_verify(signer, message, count, signature);
}

/* The windows of your sensor's log, oldest first. */
int fe_app_sample(uint32_t number, fe_sample *sample)
{
    return fe_mailbox_sample(number, sample);
}

uint16_t fe_app_windows(void)
{
    return (uint16_t)fe_mail.window_count;
}

/* nrf_gpio_pin_toggle(LED_1). */
void fe_app_round_done(uint16_t round)
{
    (void)round;
    fe_mail.rounds_done++;
}

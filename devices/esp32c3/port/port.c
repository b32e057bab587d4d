/* SPDX-License-Identifier: Apache-2.0
 *
 * ESP32-C3: what the runtime asks of the board (runtime/fe_port.h). As it stands it talks to a mailbox in RAM, so that
 * the firmware runs in an emulator. Beside each function stands the call of ESP-IDF that takes its place.
 */
#include "fe_mailbox.h"

/* send() on a socket, or esp_now_send(). */
int32_t fe_port_send(const uint8_t *frame, uint32_t length)
{
    return fe_mailbox_send(frame, length);
}

/* What recv() without waiting has put together since the last call. */
uint32_t fe_port_receive(uint8_t *frame, uint32_t room)
{
    return fe_mailbox_receive(frame, room);
}

/* Flash is memory: a copy. */
int32_t fe_port_flash_read(uint32_t from, void *to, uint32_t count)
{
    return fe_mailbox_flash_read(from, to, count);
}

/* esp_partition_write(). */
int32_t fe_port_flash_program(uint32_t to, const void *from, uint32_t count)
{
    return fe_mailbox_flash_program(to, from, count);
}

/* esp_partition_erase_range() of sectors of 4096 bytes. */
int32_t fe_port_flash_erase(uint32_t from, uint32_t count)
{
    return fe_mailbox_flash_erase(from, count);
}

const void *fe_port_flash_at(uint32_t at)
{
    return fe_mailbox_at(at);
}

/* esp_timer_get_time() / 1000. */
uint32_t fe_port_time_ms(void)
{
    return fe_mail.time_ms;
}

/* esp_random(). */
uint32_t fe_port_random(void)
{
    return fe_mail.random;
}

/* esp_sleep_enable_timer_wakeup(), esp_light_sleep_start(), or vTaskDelay() while the radio is on; give 1. */
int32_t fe_port_sleep(uint32_t ms)
{
    fe_mail.slept_ms = ms;
    return 0;
}

/* esp_efuse_mac_get_default() looked up in the fleet's list. */
uint32_t fe_port_node(void)
{
    return fe_mail.node;
}

/* An eFuse block, or NVS with flash encryption on. */
const uint8_t *fe_port_key(void)
{
    return fe_mailbox_at(fe_mail.key);
}

const uint8_t *fe_port_signer(void)
{
    return fe_mailbox_at(fe_mail.signer);
}

/* crypto_sign_verify_detached() of the component libsodium. */
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

/* gpio_set_level() of the pin of your LED. */
void fe_app_round_done(uint16_t round)
{
    (void)round;
    fe_mail.rounds_done++;
}

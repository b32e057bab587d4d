/* SPDX-License-Identifier: Apache-2.0
 *
 * RP2040: what the runtime asks of the board (runtime/fe_port.h). As it stands it talks to a mailbox in RAM, so that
 * the firmware runs in an emulator. Beside each function stands the call of pico-sdk that takes its place.
 */
#include "fe_mailbox.h"

/* uart_write_blocking() to a radio module, framed by COBS or SLIP. */
int32_t fe_port_send(const uint8_t *frame, uint32_t length)
{
    return fe_mailbox_send(frame, length);
}

/* What the handler of UART0_IRQ has put together since the last call. */
uint32_t fe_port_receive(uint8_t *frame, uint32_t room)
{
    return fe_mailbox_receive(frame, room);
}

/* Flash is memory: a copy. */
int32_t fe_port_flash_read(uint32_t from, void *to, uint32_t count)
{
    return fe_mailbox_flash_read(from, to, count);
}

/* flash_range_program() of whole pages of 256 bytes, interrupts off: no code may run from flash meanwhile. */
int32_t fe_port_flash_program(uint32_t to, const void *from, uint32_t count)
{
    return fe_mailbox_flash_program(to, from, count);
}

/* flash_range_erase() of sectors of 4096 bytes, interrupts off. */
int32_t fe_port_flash_erase(uint32_t from, uint32_t count)
{
    return fe_mailbox_flash_erase(from, count);
}

const void *fe_port_flash_at(uint32_t at)
{
    return fe_mailbox_at(at);
}

/* to_ms_since_boot(get_absolute_time()). */
uint32_t fe_port_time_ms(void)
{
    return fe_mail.time_ms;
}

/* get_rand_32() of pico_rand. */
uint32_t fe_port_random(void)
{
    return fe_mail.random;
}

/* best_effort_wfe_or_timeout() until the time or the radio woke the core; give 1. */
int32_t fe_port_sleep(uint32_t ms)
{
    fe_mail.slept_ms = ms;
    return 0;
}

/* flash_get_unique_id() looked up in the fleet's list. */
uint32_t fe_port_node(void)
{
    return fe_mail.node;
}

/* A sector of the flash: anybody who holds this board can read it, it has no better place. */
const uint8_t *fe_port_key(void)
{
    return fe_mailbox_at(fe_mail.key);
}

const uint8_t *fe_port_signer(void)
{
    return fe_mailbox_at(fe_mail.signer);
}

/* A library you link, such as crypto_ed25519_check() of Monocypher: this part has no unit for it. */
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

/* gpio_xor_mask(1u << PICO_DEFAULT_LED_PIN). */
void fe_app_round_done(uint16_t round)
{
    (void)round;
    fe_mail.rounds_done++;
}

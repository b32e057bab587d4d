/* SPDX-License-Identifier: Apache-2.0
 *
 * STM32U585: what the runtime asks of the board (runtime/fe_port.h). As it stands it talks to a mailbox in RAM, so that
 * the firmware runs in an emulator. Beside each function stands the call of ST's HAL that takes its place.
 */
#include "fe_mailbox.h"

/* HAL_UART_Transmit_DMA() to a radio module, framed by COBS or SLIP. */
int32_t fe_port_send(const uint8_t *frame, uint32_t length)
{
    return fe_mailbox_send(frame, length);
}

/* What HAL_UARTEx_RxEventCallback() has put together since the last call. */
uint32_t fe_port_receive(uint8_t *frame, uint32_t room)
{
    return fe_mailbox_receive(frame, room);
}

/* Flash is memory: a copy. */
int32_t fe_port_flash_read(uint32_t from, void *to, uint32_t count)
{
    return fe_mailbox_flash_read(from, to, count);
}

/* HAL_FLASH_Unlock(), HAL_FLASH_Program(FLASH_TYPEPROGRAM_QUADWORD) by 16 bytes, HAL_FLASH_Lock(). */
int32_t fe_port_flash_program(uint32_t to, const void *from, uint32_t count)
{
    return fe_mailbox_flash_program(to, from, count);
}

/* HAL_FLASHEx_Erase() of the pages of 8192 bytes that lie there. */
int32_t fe_port_flash_erase(uint32_t from, uint32_t count)
{
    return fe_mailbox_flash_erase(from, count);
}

const void *fe_port_flash_at(uint32_t at)
{
    return fe_mailbox_at(at);
}

/* HAL_GetTick(). */
uint32_t fe_port_time_ms(void)
{
    return fe_mail.time_ms;
}

/* HAL_RNG_GenerateRandomNumber(). */
uint32_t fe_port_random(void)
{
    return fe_mail.random;
}

/* HAL_RTCEx_SetWakeUpTimer_IT(), then HAL_PWREx_EnterSTOP2Mode() until it or the radio woke the core; give 1. */
int32_t fe_port_sleep(uint32_t ms)
{
    fe_mail.slept_ms = ms;
    return 0;
}

/* A word of the OTP area, or HAL_GetUIDw0() looked up in the fleet's list. */
uint32_t fe_port_node(void)
{
    return fe_mail.node;
}

/* The OTP area, with read-out protection set; or wrapped by the SAES unit. */
const uint8_t *fe_port_key(void)
{
    return fe_mailbox_at(fe_mail.key);
}

const uint8_t *fe_port_signer(void)
{
    return fe_mailbox_at(fe_mail.signer);
}

/* A library you link, such as crypto_ed25519_check() of Monocypher: the PKA unit does ECDSA, not Ed25519. */
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

/* HAL_GPIO_TogglePin(LD1_GPIO_Port, LD1_Pin). */
void fe_app_round_done(uint16_t round)
{
    (void)round;
    fe_mail.rounds_done++;
}

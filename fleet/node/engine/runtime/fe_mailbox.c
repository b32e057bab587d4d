/* SPDX-License-Identifier: Apache-2.0
 *
 * The board that an emulator is. A firmware for a real one does not link this file.
 */
#include "fe_mailbox.h"

#include "fe_project.h"

fe_mailbox fe_mail;

/* The ledger's line. */
typedef char fe_check_mailbox[sizeof(fe_mailbox) == FE_MAILBOX_BYTES ? 1 : -1];

/* What an emulator wrote is not what this program did: read as it is now. */
static uint32_t now(const uint32_t *word)
{
    return *(const volatile uint32_t *)word;
}

static uint32_t address_of(const void *place)
{
    return (uint32_t)(uintptr_t)place;
}

const void *fe_mailbox_at(uint32_t address)
{
    return (const void *)(uintptr_t)address;
}

int32_t fe_mailbox_send(const uint8_t *frame, uint32_t length)
{
    fe_mail.outbox = address_of(frame);
    fe_mail.outbox_bytes = length;
    fe_mail.sent++;
    return 0;
}

uint32_t fe_mailbox_receive(uint8_t *frame, uint32_t room)
{
    const uint8_t *from = fe_mailbox_at(now(&fe_mail.inbox));
    const uint32_t length = now(&fe_mail.inbox_bytes);
    fe_mail.inbox_bytes = 0;
    if (length > room)
        return 0;
    for (uint32_t i = 0; i < length; i++)
        frame[i] = ((const volatile uint8_t *)from)[i];
    return length;
}

static volatile uint8_t *flash(uint32_t address)
{
    return (volatile uint8_t *)(uintptr_t)address;
}

int32_t fe_mailbox_flash_read(uint32_t from, void *to, uint32_t count)
{
    uint8_t *bytes = to;
    for (uint32_t i = 0; i < count; i++)
        bytes[i] = flash(from)[i];
    return 0;
}

int32_t fe_mailbox_flash_program(uint32_t to, const void *from, uint32_t count)
{
    const uint8_t *bytes = from;
    for (uint32_t i = 0; i < count; i++)
        if (flash(to)[i] != 0xFF)
            return 1; /* what is not erased takes nothing: STM32L4 and U5 have a code for errors per 8 or 16 bytes */
    for (uint32_t i = 0; i < count; i++)
        flash(to)[i] = bytes[i];
    return 0;
}

int32_t fe_mailbox_flash_erase(uint32_t from, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        flash(from)[i] = 0xFF;
    return 0;
}

__attribute__((noinline)) void fe_mailbox_ask(void)
{
    __asm__ volatile("" ::: "memory");
}

int fe_mailbox_verify(const uint8_t *signer, const uint8_t *message, uint32_t count, const uint8_t *signature)
{
    fe_mail.question[0] = address_of(signer);
    fe_mail.question[1] = address_of(message);
    fe_mail.question[2] = count;
    fe_mail.question[3] = address_of(signature);
    fe_mail.verdict = 0;
    fe_mailbox_ask();
    return now(&fe_mail.verdict) == 1;
}

int fe_mailbox_sample(uint32_t number, fe_sample *sample)
{
    const uint32_t count = now(&fe_mail.window_count);
    const uint32_t at = count > 0 ? number % count : 0;
    const uint8_t *labels = fe_mailbox_at(now(&fe_mail.labels));
    const int8_t *answers = fe_mailbox_at(now(&fe_mail.answers));
    if (count == 0)
        return 0;
    sample->window = (const int8_t *)fe_mailbox_at(now(&fe_mail.windows)) + at * FE_INPUT_BYTES;
    sample->answer = answers == 0 ? 0 : answers + at * FE_OUTPUT_BYTES;
    sample->label = labels == 0 ? 0 : ((const volatile uint8_t *)labels)[at];
    return 1;
}

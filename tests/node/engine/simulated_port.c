/* SPDX-License-Identifier: Apache-2.0
 *
 * A board in the memory of a test: flash that keeps to its rules and loses power at any operation.
 *
 * An operation erases one page or programs one unit. At operation number sim_cut the power goes: sim_torn bytes of it
 * happen: its first ones, or, with sim_backwards, its last ones and its last page first. From then on nothing that the
 * program does has an effect, until sim_power_on clears its RAM. While sim_worn is set every unit fails to be programmed;
 * of the sim_weak-th one from now on the last byte keeps what it was, and nobody says so.
 *
 * Flash has a code for errors, as that of STM32L4 and U5: a unit that was programmed, whatever with, is refused until it
 * is erased, and counted as a fault.
 */
#include <string.h>

#include "fe_client.h"
#include "fe_port.h"
#include "fe_session.h"

uint8_t sim_flash[SIM_FLASH_BYTES], sim_programmed[SIM_FLASH_BYTES / 32];
uint32_t sim_operations, sim_cut, sim_torn, sim_backwards, sim_dead, sim_faults, sim_worn, sim_weak;
uint32_t sim_time_ms, sim_random_word, sim_node, sim_count, sim_rounds_done, sim_sent;
const uint8_t *sim_key, *sim_signer, *sim_windows, *sim_labels, *sim_inbox;
uint32_t sim_inbox_bytes, sim_outbox_bytes;
uint8_t sim_outbox[1 << 16];
int (*sim_verify)(const uint8_t *, const uint8_t *, uint32_t, const uint8_t *);

/* A test has written sim_flash. */
void sim_flash_changed(void)
{
    for (uint32_t i = 0; i < SIM_FLASH_BYTES; i += 32) {
        sim_programmed[i / 32] = 0;
        for (uint32_t j = i; j < i + 32; j++)
            sim_programmed[i / 32] |= sim_flash[j] != 0xFF;
    }
}

void sim_power_on(void)
{
    memset(&fe_now, 0, sizeof fe_now);
    memset(&fe_runtime, 0, sizeof fe_runtime);
    memset(fe_arena, 0, sizeof fe_arena);
    memset(fe_state, 0, sizeof fe_state);
    memset(fe_pushed, 0, sizeof fe_pushed);
    memset(fe_frame, 0, sizeof fe_frame);
    sim_operations = sim_cut = sim_dead = sim_inbox_bytes = 0;
}

/* How many of the bytes of an operation happen. */
static uint32_t effect(uint32_t count)
{
    if (sim_dead)
        return 0;
    if (++sim_operations != sim_cut)
        return count;
    sim_dead = 1;
    return sim_torn < count ? sim_torn : count;
}

static int lies_outside(uint32_t at, uint32_t count)
{
    const int outside = at < SIM_FLASH_START || at - SIM_FLASH_START > SIM_FLASH_BYTES ||
                        count > SIM_FLASH_BYTES - (at - SIM_FLASH_START);
    sim_faults += (uint32_t)outside;
    return outside;
}

int32_t fe_port_flash_read(uint32_t from, void *to, uint32_t count)
{
    if (lies_outside(from, count))
        return 1;
    memcpy(to, sim_flash + (from - SIM_FLASH_START), count);
    return 0;
}

int32_t fe_port_flash_program(uint32_t to, const void *from, uint32_t count)
{
    const uint8_t *bytes = from;
    uint8_t *at = sim_flash + (to - SIM_FLASH_START);
    if (lies_outside(to, count) || sim_worn)
        return 1;
    if (to % 32 != 0 || count != 32)
        sim_faults++;
    if (sim_programmed[(to - SIM_FLASH_START) / 32]) {
        sim_faults += !sim_dead;
        return 1;
    }
    const uint32_t taken = sim_weak == 1 ? count - 1 : count;
    const uint32_t happened = effect(taken), first = sim_backwards ? count - happened : 0;
    sim_programmed[(to - SIM_FLASH_START) / 32] = happened > 0;
    sim_weak -= sim_weak > 0;
    for (uint32_t i = first; i < first + happened; i++)
        at[i] &= bytes[i];
    return 0;
}

int32_t fe_port_flash_erase(uint32_t from, uint32_t count)
{
    if (lies_outside(from, count))
        return 1;
    if (from % SIM_PAGE_BYTES != 0 || count % SIM_PAGE_BYTES != 0)
        sim_faults++;
    for (uint32_t page = 0; page < count; page += SIM_PAGE_BYTES) {
        const uint32_t happened = effect(SIM_PAGE_BYTES), first = sim_backwards ? SIM_PAGE_BYTES - happened : 0;
        const uint32_t at = from - SIM_FLASH_START + (sim_backwards ? count - SIM_PAGE_BYTES - page : page);
        const uint32_t from_unit = (first + 31) / 32, to_unit = (first + happened) / 32; /* whole ones */
        memset(sim_flash + at + first, 0xFF, happened);
        if (to_unit > from_unit)
            memset(sim_programmed + at / 32 + from_unit, 0, to_unit - from_unit);
    }
    return 0;
}

const void *fe_port_flash_at(uint32_t at)
{
    return sim_flash + (at - SIM_FLASH_START);
}

int32_t fe_port_send(const uint8_t *frame, uint32_t length)
{
    if (sim_dead || length > sizeof sim_outbox)
        return 1;
    memcpy(sim_outbox, frame, length);
    sim_outbox_bytes = length;
    sim_sent++;
    return 0;
}

uint32_t fe_port_receive(uint8_t *frame, uint32_t room)
{
    const uint32_t length = sim_inbox_bytes;
    sim_inbox_bytes = 0;
    if (length > room)
        return 0;
    if (length > 0)
        memcpy(frame, sim_inbox, length);
    return length;
}

uint32_t fe_port_time_ms(void)
{
    return sim_time_ms;
}

uint32_t fe_port_random(void)
{
    return sim_random_word;
}

int32_t fe_port_sleep(uint32_t ms)
{
    (void)ms;
    return 0;
}

uint32_t fe_port_node(void)
{
    return sim_node;
}

const uint8_t *fe_port_key(void)
{
    return sim_key;
}

const uint8_t *fe_port_signer(void)
{
    return sim_signer;
}

int fe_port_verify_ed25519(const uint8_t *signer, const uint8_t *message, uint32_t count, const uint8_t *signature)
{
    return sim_verify == 0 ? 0 : sim_verify(signer, message, count, signature);
}

int fe_app_sample(uint32_t number, fe_sample *sample)
{
    if (sim_count == 0)
        return 0;
    sample->window = (const int8_t *)sim_windows + number % sim_count * FE_INPUT_BYTES;
    sample->answer = 0;
    sample->label = sim_labels[number % sim_count];
    return 1;
}

uint16_t fe_app_windows(void)
{
    return (uint16_t)sim_count;
}

void fe_app_round_done(uint16_t round)
{
    (void)round;
    sim_rounds_done += !sim_dead;
}

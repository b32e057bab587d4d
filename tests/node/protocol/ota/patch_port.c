/* SPDX-License-Identifier: Apache-2.0
 *
 * A board for fleet/node/engine/ota in the memory of a test: flash that keeps to its rules and loses power at an operation,
 * signatures by a function of the test's.
 */
#include "fe_patch.h"
#include "fe_port.h"

#define BYTES 0x40000u
#define START 0x1000u

uint8_t port_flash[BYTES];
uint32_t port_page, port_operations, port_cut, port_torn, port_dead, port_faults;
fe_patch port_patch;
uint32_t port_patch_bytes = sizeof port_patch;

int (*port_verify)(const uint8_t *, const uint8_t *, uint32_t, const uint8_t *);

int fe_port_verify_ed25519(const uint8_t *signer, const uint8_t *message, uint32_t count, const uint8_t *signature)
{
    return port_verify != 0 && port_verify(signer, message, count, signature);
}

/* How many bytes of an operation happen. */
static uint32_t effect(uint32_t count)
{
    if (port_dead)
        return 0;
    if (++port_operations != port_cut)
        return count;
    port_dead = 1;
    return port_torn < count ? port_torn : count;
}

static int lies_outside(uint32_t at, uint32_t count)
{
    const int outside = at < START || count > BYTES || at - START > BYTES - count;
    port_faults += (uint32_t)outside;
    return outside;
}

int32_t fe_port_flash_read(uint32_t from, void *to, uint32_t count)
{
    if (port_dead || lies_outside(from, count))
        return 1;
    for (uint32_t i = 0; i < count; i++)
        ((uint8_t *)to)[i] = port_flash[from - START + i];
    return 0;
}

int32_t fe_port_flash_program(uint32_t to, const void *from, uint32_t count)
{
    if (lies_outside(to, count))
        return 1;
    port_faults += to % 32 != 0 || count % 32 != 0;
    for (uint32_t i = 0; i < count && !port_dead; i++)
        port_faults += port_flash[to - START + i] != 0xFF;
    const uint32_t happened = effect(count);
    for (uint32_t i = 0; i < happened; i++)
        port_flash[to - START + i] &= ((const uint8_t *)from)[i];
    return (int32_t)port_dead;
}

int32_t fe_port_flash_erase(uint32_t from, uint32_t count)
{
    if (lies_outside(from, count))
        return 1;
    port_faults += from % port_page != 0 || count % port_page != 0;
    for (uint32_t page = 0; page < count; page += port_page) {
        const uint32_t happened = effect(port_page);
        for (uint32_t i = 0; i < happened; i++)
            port_flash[from - START + page + i] = 0xFF;
    }
    return (int32_t)port_dead;
}

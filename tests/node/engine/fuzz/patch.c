/* Patches as somebody might send them, for libFuzzer: what fe_patch_open lets through runs, over a flash that counts
 * whatever breaks its rules. Input: the patch. */
#include <stdlib.h>
#include <string.h>

#include "fe_patch.h"

enum { START = 0x1000, MEMORY = 4096, LOG = START + MEMORY, LOG_BYTES = 4096, PATCH = LOG + LOG_BYTES };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

extern uint8_t port_flash[];
extern uint32_t port_page, port_faults, port_operations;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static fe_patch patch;
    uint32_t operations;
    memset(port_flash, 0xFF, MEMORY + LOG_BYTES);
    memset(port_flash, 0x5A, MEMORY / 2);
    memset(port_flash + PATCH - START + size, 0xFF, 64);
    memcpy(port_flash + PATCH - START, data, size);
    port_page = 256;
    port_operations = 0;
    if (fe_patch_open(&patch, PATCH, (uint32_t)size, START, MEMORY, port_page) == FE_PATCH_OK) {
        if (port_operations != 0 || fe_patch_run(&patch, LOG, LOG_BYTES) == FE_PATCH_BAD)
            abort();
        operations = port_operations;
        if (fe_patch_run(&patch, LOG, LOG_BYTES) != FE_PATCH_OK || port_operations != operations)
            abort();
    }
    if (port_faults != 0)
        abort();
    return 0;
}

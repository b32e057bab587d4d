/* SPDX-License-Identifier: Apache-2.0
 *
 * In-place patches of detools: an image is rewritten where it lies, with no memory but this struct.
 *
 *   fe_patch_open(&patch, ...)    reads the head and checks every piece of the patch; nothing is written yet
 *   fe_patch_run(&patch, log)     all steps that the log does not hold; after a power cut once more
 *
 * A step erases one segment and writes it from what no earlier step that is recorded has changed; then its unit of the log
 * is programmed. So a step that was cut is made again. The same order as fleet/node/protocol/ota/in_place.py.
 */
#ifndef FE_PATCH_H
#define FE_PATCH_H

#include "fe_unpack.h"

#define FE_PATCH_UNIT 32u /* programmed at once, as fe_port.h says */

/* OK: done. BAD: not a patch for this memory, nothing was touched. FLASH: flash failed, or the log is too short. */
enum { FE_PATCH_OK = 0, FE_PATCH_BAD = -1, FE_PATCH_FLASH = -2 };

/* Addresses; sizes in bytes. base: of the memory. next: segment that the stream stands before. */
typedef struct {
    fe_unpack stream;
    uint32_t body, end, base, memory, segment, shift, from, to, next;
    uint8_t packed;
    uint8_t out[FE_PATCH_UNIT];
} fe_patch;

/* at, bytes: where the patch lies, at a multiple of 32. base, room: the memory. page: erase unit of its flash. */
int32_t fe_patch_open(fe_patch *p, uint32_t at, uint32_t bytes, uint32_t base, uint32_t room, uint32_t page);

/* How many steps, and one of them, from 0. */
uint32_t fe_patch_steps(const fe_patch *p);
int32_t fe_patch_step(fe_patch *p, uint32_t step);

/* Every step, each recorded in a unit of a log at an address, erased before the first run. */
int32_t fe_patch_run(fe_patch *p, uint32_t log, uint32_t log_bytes);

#endif

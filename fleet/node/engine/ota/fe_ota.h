/* SPDX-License-Identifier: Apache-2.0
 *
 * An update as the node sees it: a table of states and events, without clock or I/O. The same as
 * fleet/node/protocol/ota/table.py; SPEC.md, "Over the air".
 */
#ifndef FE_OTA_H
#define FE_OTA_H

#include <stdint.h>

enum {
    FE_OTA_IDLE = 0, FE_OTA_MANIFEST = 1, FE_OTA_DOWNLOAD = 2, FE_OTA_VERIFY = 3,
    FE_OTA_INSTALL = 4, FE_OTA_TEST_BOOT = 5, FE_OTA_CONFIRM = 6, FE_OTA_REVERT = 7,
    FE_OTA_STATES = 8
};

/* OFFER: a manifest came; AGAIN: that of the update in work. ADMITTED: nothing speaks against it. INSTALLED: the
 * bootloader started the new content; NOT_INSTALLED: it did not. LATE: nobody confirmed in time. RESTART: the node starts
 * during the trial. LOW: the battery is below the floor. DONE: what the state is for is in flash. WORN: flash failed. */
enum {
    FE_OTA_ON_OFFER = 0, FE_OTA_ON_AGAIN = 1, FE_OTA_ON_ADMITTED = 2, FE_OTA_ON_REFUSED = 3,
    FE_OTA_ON_FRAGMENT = 4, FE_OTA_ON_COMPLETE = 5, FE_OTA_ON_INTACT = 6, FE_OTA_ON_BROKEN = 7,
    FE_OTA_ON_INSTALLED = 8, FE_OTA_ON_NOT_INSTALLED = 9, FE_OTA_ON_HEALTHY = 10,
    FE_OTA_ON_UNHEALTHY = 11, FE_OTA_ON_LATE = 12, FE_OTA_ON_RESTART = 13, FE_OTA_ON_LOW = 14,
    FE_OTA_ON_DONE = 15, FE_OTA_ON_WORN = 16, FE_OTA_ON_CANCEL = 17, FE_OTA_EVENTS = 18
};

/* PREPARE: erase, write the manifest, persist. REPORT: say which fragments are missing. ASK: mark the content for the
 * bootloader and start again. TRY: run it on trial. BUMP: raise the security counter. FORGET: the update is over. WAIT:
 * until there is charge. */
enum {
    FE_OTA_DO_NOTHING = 0, FE_OTA_DO_CHECK = 1, FE_OTA_DO_REFUSE = 2, FE_OTA_DO_PREPARE = 3,
    FE_OTA_DO_STORE = 4, FE_OTA_DO_REPORT = 5, FE_OTA_DO_VERIFY = 6, FE_OTA_DO_ASK = 7,
    FE_OTA_DO_TRY = 8, FE_OTA_DO_CONFIRM = 9, FE_OTA_DO_BUMP = 10, FE_OTA_DO_ROLL_BACK = 11,
    FE_OTA_DO_FORGET = 12, FE_OTA_DO_WAIT = 13
};

/* What an event does in a state: action << 4 | next state. A pair that is not in the table changes nothing. */
uint8_t fe_ota_react(uint8_t state, uint8_t event);

#endif

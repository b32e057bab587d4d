/* SPDX-License-Identifier: Apache-2.0
 *
 * What a node does when, as a table.
 */
#include "fe_round.h"

#define T(action, next) (uint8_t)((action) << 4 | (next))
#define STAY(state) T(FE_DO_NOTHING, state)

/* Columns: push, again, stale, trained, ack, other ack, timeout, spent, set. */
const uint8_t fe_round_table[FE_ROUND_STATES][FE_ROUND_EVENTS] = {
    {T(FE_DO_BEGIN, FE_TRAINING), STAY(FE_IDLE), STAY(FE_IDLE), STAY(FE_IDLE), STAY(FE_IDLE), STAY(FE_IDLE),
     STAY(FE_IDLE), STAY(FE_IDLE), T(FE_DO_FORGET, FE_IDLE)},
    {T(FE_DO_BEGIN, FE_TRAINING), STAY(FE_TRAINING), STAY(FE_TRAINING), T(FE_DO_SEND, FE_SENT), STAY(FE_TRAINING),
     STAY(FE_TRAINING), STAY(FE_TRAINING), STAY(FE_TRAINING), T(FE_DO_FORGET, FE_IDLE)},
    {T(FE_DO_BEGIN, FE_TRAINING), T(FE_DO_SEND, FE_SENT), STAY(FE_SENT), STAY(FE_SENT), T(FE_DO_CLOSE, FE_DONE),
     STAY(FE_SENT), T(FE_DO_SEND, FE_SENT), T(FE_DO_GIVE_UP, FE_DONE), T(FE_DO_FORGET, FE_IDLE)},
    {T(FE_DO_BEGIN, FE_TRAINING), T(FE_DO_SEND, FE_SENT), STAY(FE_DONE), STAY(FE_DONE), STAY(FE_DONE), STAY(FE_DONE),
     STAY(FE_DONE), STAY(FE_DONE), T(FE_DO_FORGET, FE_IDLE)},
};

int fe_round_push(int state, uint16_t round, uint32_t base, uint16_t pushed_round, uint32_t pushed_base)
{
    const uint16_t ahead = (uint16_t)(pushed_round - round);
    if (state == FE_IDLE)
        return FE_ON_PUSH;
    if (ahead == 0)
        return pushed_base == base ? FE_ON_AGAIN : FE_ON_STALE;
    return ahead < 0x8000 ? FE_ON_PUSH : FE_ON_STALE;
}

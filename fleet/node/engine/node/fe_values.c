/* SPDX-License-Identifier: Apache-2.0
 *
 * What a node has learned, for whoever asks: its values, and what the last round changed.
 */
#include "fe_bytes.h"
#include "fe_client.h"
#include "fe_message.h"

uint32_t fe_client_get_values(uint8_t *values)
{
    return (uint32_t)(fe_pack_values(fe_client_layout(), (const uint8_t *)fe_state, values) - values);
}

uint32_t fe_client_deltas(uint8_t *deltas)
{
    const fe_layout *l = fe_client_layout();
    const uint32_t first = ((uint32_t)l->weights + 3) & ~3u;
    const uint8_t *now = (const uint8_t *)fe_state, *then = (const uint8_t *)fe_pushed;
    if (fe_runtime.open == FE_CLOSED)
        return 0;
    for (int32_t i = 0; i < l->weights; i++)
        *deltas++ = fe_weight_delta(now[i], then[i]);
    for (uint32_t at = first; at < first + 4 * (uint32_t)l->biases; at += 4)
        deltas = fe_put_u32(deltas, fe_get_u32(now + at) - fe_get_u32(then + at));
    return fe_values_bytes(l);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Little-endian words at any byte.
 */
#ifndef FE_BYTES_H
#define FE_BYTES_H

#include <stdint.h>

static inline uint32_t fe_get_u16(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8;
}

static inline uint32_t fe_get_u32(const uint8_t *at)
{
    return fe_get_u16(at) | fe_get_u16(at + 2) << 16;
}

static inline uint8_t *fe_put_u16(uint8_t *at, uint32_t v)
{
    at[0] = (uint8_t)v;
    at[1] = (uint8_t)(v >> 8);
    return at + 2;
}

static inline uint8_t *fe_put_u32(uint8_t *at, uint32_t v)
{
    return fe_put_u16(fe_put_u16(at, v), v >> 16);
}

#endif

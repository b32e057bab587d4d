/* SPDX-License-Identifier: Apache-2.0
 *
 * Counter-based random numbers: a 64-bit key per (seed, stream, node, step, layer), a cheap 32-bit
 * hash per draw. The order of drawing cannot matter. Constants: mixers of Steele, Lea and Flood
 * (SplitMix64, 64 bit) and Wellons (lowbias32, 32 bit). Vectors: SPEC.md, "Random numbers".
 */
#ifndef FE_RANDOM_H
#define FE_RANDOM_H

#include <stdint.h>

static inline uint64_t fe_absorb(uint64_t key, uint64_t value)
{
    uint64_t z = (key ^ value) + 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static inline uint32_t fe_draw(uint64_t key, uint32_t index)
{
    uint32_t x = index + (uint32_t)key;
    x = (x ^ (x >> 16)) * 0x7FEB352Du;
    x ^= (uint32_t)(key >> 32);
    x = (x ^ (x >> 15)) * 0x846CA68Bu;
    return x ^ (x >> 16);
}

#endif

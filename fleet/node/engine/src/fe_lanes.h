/* SPDX-License-Identifier: Apache-2.0
 *
 * Four int8 as two pairs of int16, on a core that multiplies pairs (ARMv7E-M, ARMv8-M with DSP): lanes 0 and 2 of a
 * word are its even pair, lanes 1 and 3 its odd one. Products go into sums of 32 bits. Little-endian; words may lie
 * anywhere, as these cores load them.
 */
#ifndef FE_LANES_H
#define FE_LANES_H

#include <stdint.h>

#include "fe.h"

/* Whether a core multiplies pairs, and whether it multiplies 32 by 32 bits into 64: ARMv6-M and ARMv8-M Baseline do not. */
#ifndef FE_PAIRS
#if FE_TILES && defined(__ARM_FEATURE_SIMD32)
#define FE_PAIRS 1
#else
#define FE_PAIRS 0
#endif
#endif
#ifndef FE_LONG_PRODUCTS
#if defined(__ARM_ARCH_ISA_THUMB) && __ARM_ARCH_ISA_THUMB == 1 && !defined(__ARM_ARCH_ISA_ARM)
#define FE_LONG_PRODUCTS 0
#else
#define FE_LONG_PRODUCTS 1
#endif
#endif

/* Keeps a pointer's steps apart from its neighbours': clang would rather have one index and spill for it. */
#ifdef __GNUC__
#define FE_APART(pointer) __asm__("" : "+r"(pointer))
#define FE_AGAIN() __asm__("" : : : "memory") /* what lies in memory is read again: rather than kept, and that spilled */
#define FE_ALWAYS static inline __attribute__((always_inline))
#define FE_ALONE static __attribute__((noinline)) /* a loop that needs all registers */
#else
#define FE_APART(pointer) (void)(pointer)
#define FE_AGAIN() (void)0
#define FE_ALWAYS static inline
#define FE_ALONE static
#endif

#if FE_PAIRS

#ifdef __ARM_FEATURE_SIMD32
#include <arm_acle.h>
#else
#include "fe_pairs_in_c.h" /* of the tests: the same functions in C */
#endif

static inline int32_t fe_load4(const int8_t *at)
{
    int32_t word;
    __builtin_memcpy(&word, at, sizeof word);
    return word;
}

static inline int32_t fe_even(int32_t word)
{
    return __sxtb16(word);
}

static inline int32_t fe_odd(int32_t word)
{
    return __sxtb16((int32_t)((uint32_t)word >> 8 | (uint32_t)word << 24));
}

/* Whether inner loops that need all registers are blocks of instructions: a compiler left to itself spills. */
#if defined(__GNUC__) && defined(__ARM_FEATURE_SIMD32)
#define FE_BLOCKS 1
#else
#define FE_BLOCKS 0
#endif

/* Both lanes of a pair less the same: what is 255 at most beside an int8 stays an int16. */
static inline int32_t fe_twice(int32_t value)
{
    return (int32_t)((uint32_t)value << 16 | ((uint32_t)value & 0xFFFFu));
}

static inline int32_t fe_pair_up(int32_t low, int32_t high)
{
    return (int32_t)((uint32_t)high << 16 | ((uint32_t)low & 0xFFFFu));
}

static inline int32_t fe_even_plus(int32_t pair, int32_t word)
{
    return __sxtab16(pair, word);
}

static inline int32_t fe_odd_plus(int32_t pair, int32_t word)
{
    return __sxtab16(pair, (int32_t)((uint32_t)word >> 8 | (uint32_t)word << 24));
}

#endif
#endif

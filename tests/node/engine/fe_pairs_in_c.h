/* The instructions on pairs of int16 that fe_lanes.h asks a core for, in C: what they do, bit for bit, so that kernels
 * for those cores run on any machine and under its sanitizers. Names and meaning: Arm C Language Extensions, 32-bit
 * SIMD intrinsics. */
#ifndef FE_PAIRS_IN_C_H
#define FE_PAIRS_IN_C_H

#include <stdint.h>


static inline int32_t __low(int32_t pair)
{
    return (int16_t)((uint32_t)pair & 0xFFFFu);
}

static inline int32_t __high(int32_t pair)
{
    return (int16_t)((uint32_t)pair >> 16);
}

static inline int32_t __pair(int32_t low, int32_t high)
{
    return (int32_t)((uint32_t)high << 16 | ((uint32_t)low & 0xFFFFu));
}

static inline int32_t __sxtb16(int32_t word)
{
    return __pair((int8_t)((uint32_t)word & 0xFFu), (int8_t)((uint32_t)word >> 16 & 0xFFu));
}

static inline int32_t __sxtab16(int32_t pair, int32_t word)
{
    const int32_t more = __sxtb16(word);
    return __pair(__low(pair) + __low(more), __high(pair) + __high(more));
}

static inline int32_t __smlad(int32_t a, int32_t b, int32_t sum)
{
    return sum + __low(a) * __low(b) + __high(a) * __high(b);
}

static inline int32_t __smlabb(int32_t a, int32_t b, int32_t sum)
{
    return sum + __low(a) * __low(b);
}

static inline int32_t __smlatt(int32_t a, int32_t b, int32_t sum)
{
    return sum + __high(a) * __high(b);
}

static inline int32_t __smlatb(int32_t a, int32_t b, int32_t sum)
{
    return sum + __high(a) * __low(b);
}

#endif

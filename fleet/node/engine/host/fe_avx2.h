/* SPDX-License-Identifier: Apache-2.0
 *
 * What the AVX2 kernels share: requantisation of eight sums at once, and bits of a mask.
 */
#ifndef FE_AVX2_H
#define FE_AVX2_H

#define __MM_MALLOC_H /* clang's header of intrinsics would ask for a C library: there is none here */
#include <immintrin.h>

#include "fe_kernels.h"

#define FE_TARGET __attribute__((target("avx2")))
#define FE_INLINE static inline __attribute__((always_inline, target("avx2")))

FE_INLINE __m256i fe_load(const void *at)
{
    return _mm256_loadu_si256((const __m256i *)at);
}

FE_INLINE void fe_store(void *at, __m256i v)
{
    _mm256_storeu_si256((__m256i *)at, v);
}

/* A word for all lanes. */
FE_INLINE __m256i fe_spread(const void *at)
{
    int32_t word;
    __builtin_memcpy(&word, at, sizeof(word));
    return _mm256_set1_epi32(word);
}

/* Sixteen s8 as s16. */
FE_INLINE __m256i fe_wide(const int8_t *x)
{
    return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)x));
}

/* scale(v) of eight outputs: fe_requant says which number. Both roundings as SPEC.md has them: high_mul keeps bits 31
 * to 62 of the product, in even lanes by a shift to the right, in odd lanes by one to the left. */
FE_INLINE __m256i fe_scaled(__m256i v, __m256i mant, __m256i half, __m256i shift)
{
    const __m256i nudge = _mm256_set1_epi64x((int64_t)1 << 30);
    const __m256i even = _mm256_add_epi64(_mm256_mul_epi32(v, mant), nudge);
    const __m256i odd = _mm256_mul_epi32(_mm256_srli_epi64(v, 32), _mm256_srli_epi64(mant, 32));
    const __m256i raised = _mm256_add_epi64(odd, nudge);
    const __m256i high =
        _mm256_blend_epi32(_mm256_srli_epi64(even, 31), _mm256_add_epi64(raised, raised), 0xAA);
    const __m256i size = _mm256_srlv_epi32(_mm256_add_epi32(_mm256_abs_epi32(high), half), shift);
    return _mm256_sign_epi32(size, high);
}

/* Sets `count` bits of a mask from bit `index` on, which were 0. */
static inline void fe_put_bits(uint8_t *mask, int32_t index, uint32_t bits, int32_t count)
{
    const uint32_t placed = (bits & ((1u << count) - 1)) << (index & 7);
    uint8_t *at = mask + (index >> 3);
    for (int32_t last = (index & 7) + count; last > 0; last -= 8, at++)
        *at = (uint8_t)(*at | placed >> (8 * (at - mask - (index >> 3))));
}

/* Where sixteen outputs from o on go; `valid` of them exist, of n per row. */
typedef struct {
    const fe_requant *q;
    int32_t o, n, valid;
    int8_t *y;
    uint8_t *mask;
} fe_place;

/* kept: bit by bit, whether clipping changed nothing. index: of the first of sixteen values. */
FE_INLINE void fe_put_row(const fe_place *at, int32_t index, __m128i y, uint32_t kept)
{
    if (at->valid == FE_PANEL) {
        _mm_storeu_si128((__m128i *)(void *)(at->y + index), y);
    } else {
        int8_t row[FE_PANEL];
        _mm_storeu_si128((__m128i *)(void *)row, y);
        __builtin_memcpy(at->y + index, row, (size_t)at->valid);
    }
    if (at->mask == 0)
        return;
    if (at->valid == FE_PANEL && (index & 7) == 0) {
        const uint16_t bits = (uint16_t)kept;
        __builtin_memcpy(at->mask + (index >> 3), &bits, sizeof(bits));
    } else {
        fe_put_bits(at->mask, index, kept, at->valid);
    }
}

#endif

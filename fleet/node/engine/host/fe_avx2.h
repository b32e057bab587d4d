/* SPDX-License-Identifier: Apache-2.0
 *
 * What the AVX2 kernels share: requantisation of eight sums at once, and bits of a mask.
 */
#ifndef FE_AVX2_H
#define FE_AVX2_H

#ifdef FE_EMULATED /* a test builds all variants with an emulation of what this processor lacks */
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>
#else
#define __MM_MALLOC_H /* clang's header of intrinsics would ask for a C library: there is none here */
#include <immintrin.h>
#endif

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

/* Odd lanes where a product of even lanes reads them. A shuffle: of a shift, clang makes a whole product of 64 bits. */
FE_INLINE __m256i fe_odd(__m256i v)
{
    return _mm256_shuffle_epi32(v, 0xF5);
}

/* Where outputs lie as s16: zero point, least and largest value. */
typedef struct {
    __m256i zero, low, high;
} fe_limits;

FE_INLINE fe_limits fe_limits_of(const fe_requant *q)
{
    const fe_limits v = {_mm256_set1_epi16((int16_t)q->zero), _mm256_set1_epi16((int16_t)q->low),
                         _mm256_set1_epi16((int16_t)q->high)};
    return v;
}

/* Requantisation of sixteen outputs, in registers: for all a compiler knows, stores of bytes could change it
 * elsewhere. */
typedef struct {
    __m256i mant[2], odd[2], half[2], shift[2];
    fe_limits to;
} fe_quantiser;

FE_INLINE fe_quantiser fe_quantiser_at(const fe_requant *q, int32_t o)
{
    fe_quantiser v;
    for (int i = 0; i < 2; i++) {
        v.mant[i] = fe_load(q->mant + o + 8 * i);
        v.odd[i] = fe_odd(v.mant[i]);
        v.half[i] = fe_load(q->half + o + 8 * i);
        v.shift[i] = fe_load(q->shift + o + 8 * i);
    }
    v.to = fe_limits_of(q);
    return v;
}

/* scale(v) of eight outputs, the first or the second: fe_requant says which number. Both roundings as SPEC.md has
 * them: high_mul keeps bits 31 to 62 of the product, in even lanes by a shift to the right, in odd ones by one to the
 * left. */
FE_INLINE __m256i fe_scaled(const fe_quantiser *q, int i, __m256i v)
{
    const __m256i nudge = _mm256_set1_epi64x((int64_t)1 << 30);
    const __m256i even = _mm256_add_epi64(_mm256_mul_epi32(v, q->mant[i]), nudge);
    const __m256i odd = _mm256_add_epi64(_mm256_mul_epi32(fe_odd(v), q->odd[i]), nudge);
    const __m256i high = _mm256_blend_epi32(_mm256_srli_epi64(even, 31), _mm256_add_epi64(odd, odd), 0xAA);
    const __m256i size = _mm256_srlv_epi32(_mm256_add_epi32(_mm256_abs_epi32(high), q->half[i]), q->shift[i]);
    return _mm256_sign_epi32(size, high);
}

/* Sixteen sums as s16 around the zero point; within each half of the vector the first four before the second four. */
FE_INLINE __m256i fe_narrowed(const fe_quantiser *q, __m256i first, __m256i second)
{
    return _mm256_adds_epi16(_mm256_packs_epi32(fe_scaled(q, 0, first), fe_scaled(q, 1, second)), q->to.zero);
}

/* Where sixteen outputs go; `valid` of them exist, of n per row. */
typedef struct {
    int32_t n, valid;
    int8_t *y;
    uint8_t *mask;
} fe_place;

/* Sets `count` bits of a mask from bit `index` on, which were 0. */
static inline void fe_put_bits(uint8_t *mask, int32_t index, uint32_t bits, int32_t count)
{
    const uint32_t placed = (bits & ((1u << count) - 1)) << (index & 7);
    uint8_t *at = mask + (index >> 3);
    for (int32_t last = (index & 7) + count, by = 0; last > 0; last -= 8, by += 8, at++)
        *at = (uint8_t)(*at | placed >> by);
}

/* kept: bit by bit, whether clipping changed nothing. index: of the first of sixteen values. whole: rows are whole
 * panels, so that bits of one row fill whole bytes. */
FE_INLINE void fe_put_row(const fe_place *at, int32_t index, __m128i y, uint32_t kept, int whole)
{
    if (whole) {
        const uint16_t bits = (uint16_t)kept;
        _mm_storeu_si128((__m128i *)(void *)(at->y + index), y);
        if (at->mask != 0)
            __builtin_memcpy(at->mask + (index >> 3), &bits, sizeof(bits));
    } else {
        int8_t row[FE_PANEL];
        _mm_storeu_si128((__m128i *)(void *)row, y);
        __builtin_memcpy(at->y + index, row, (size_t)at->valid);
        if (at->mask != 0)
            fe_put_bits(at->mask, index, kept, at->valid);
    }
}

/* Two rows of sixteen, n apart, as fe_narrowed leaves them: clipped, noted what was kept, narrowed. order: of the
 * dwords after packing; both: whether there is a second row. */
FE_INLINE void fe_put_rows(const fe_place *at, const fe_limits *to, int32_t index, __m256i first, __m256i second,
                           __m256i order, int both, int whole)
{
    const __m256i c0 = _mm256_min_epi16(_mm256_max_epi16(first, to->low), to->high);
    const __m256i c1 = _mm256_min_epi16(_mm256_max_epi16(second, to->low), to->high);
    const __m256i y = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(c0, c1), order);
    uint32_t kept = 0;
    if (at->mask != 0) {
        const __m256i same = _mm256_packs_epi16(_mm256_cmpeq_epi16(first, c0), _mm256_cmpeq_epi16(second, c1));
        kept = (uint32_t)_mm256_movemask_epi8(_mm256_permutevar8x32_epi32(same, order));
    }
    fe_put_row(at, index, _mm256_castsi256_si128(y), kept & 0xFFFF, whole);
    if (both)
        fe_put_row(at, index + at->n, _mm256_extracti128_si256(y, 1), kept >> 16, whole);
}

#endif

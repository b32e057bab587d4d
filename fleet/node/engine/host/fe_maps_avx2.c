/* SPDX-License-Identifier: Apache-2.0
 *
 * Gradients value by value, AVX2: masks, blocks, merges, sums over positions.
 */
#include "fe_avx2_table.h"

#if FE_X86

/* Thirty-two bits become thirty-two bytes of all ones or zeros: each byte is made to hold the bits of its eight, and
 * keeps its own. */
FE_TARGET void fe_mask_avx2(int32_t size, const uint8_t *mask, int8_t *g)
{
    const int64_t ones = 0x0101010101010101;
    const __m256i which = _mm256_setr_epi64x(0, ones, 2 * ones, 3 * ones);
    const __m256i bit = _mm256_set1_epi64x((int64_t)0x8040201008040201u);
    int32_t i = 0;
    for (; i + 32 <= size; i += 32) {
        const __m256i bits = _mm256_and_si256(_mm256_shuffle_epi8(fe_spread(mask + i / 8), which), bit);
        fe_store(g + i, _mm256_and_si256(fe_load(g + i), _mm256_cmpeq_epi8(bits, bit)));
    }
    for (; i < size; i++)
        if ((mask[i >> 3] >> (i & 7) & 1) == 0)
            g[i] = 0;
}

FE_TARGET int32_t fe_largest_avx2(int32_t size, const int32_t *acc)
{
    __m256i most = _mm256_setzero_si256();
    int32_t lanes[8], m = 0, i = 0;
    for (; i + 8 <= size; i += 8)
        most = _mm256_max_epi32(most, _mm256_abs_epi32(fe_load(acc + i)));
    fe_store(lanes, most);
    for (int32_t j = 0; j < 8; j++)
        m = lanes[j] > m ? lanes[j] : m;
    for (; i < size; i++)
        m = fe_abs(acc[i]) > m ? fe_abs(acc[i]) : m;
    return m;
}

/* round_shift(v, n), 0 <= n <= 31. */
FE_INLINE __m256i rounded(__m256i v, int32_t n)
{
    const __m256i once = _mm256_sra_epi32(v, _mm_cvtsi32_si128(n - 1));
    return n == 0 ? v : _mm256_srai_epi32(_mm256_add_epi32(once, _mm256_set1_epi32(1)), 1);
}

FE_TARGET void fe_shift_avx2(int32_t size, const int32_t *acc, int32_t shift, int8_t *e)
{
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    int32_t i = 0;
    for (; i + 32 <= size; i += 32) {
        const __m256i a = rounded(fe_load(acc + i), shift), b = rounded(fe_load(acc + i + 8), shift);
        const __m256i c = rounded(fe_load(acc + i + 16), shift), d = rounded(fe_load(acc + i + 24), shift);
        const __m256i s8 = _mm256_packs_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
        const __m256i within = _mm256_max_epi8(s8, _mm256_set1_epi8(-127));
        fe_store(e + i, _mm256_permutevar8x32_epi32(within, order));
    }
    for (; i < size; i++)
        e[i] = (int8_t)fe_clamp(fe_round_shift(acc[i], shift), -127, 127);
}

/* acc += waiting 2^shift, or waiting rounded to 2^-shift; shift <= 22. */
FE_TARGET void fe_merge_avx2(int32_t size, const int8_t *waiting, int32_t shift, int32_t *acc)
{
    int32_t i = 0;
    for (; i + 8 <= size; i += 8) {
        const __m256i v = _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)(waiting + i)));
        const __m256i moved = shift >= 0    ? _mm256_sll_epi32(v, _mm_cvtsi32_si128(shift))
                              : shift > -32 ? rounded(v, -shift)
                                            : _mm256_setzero_si256();
        fe_store(acc + i, _mm256_add_epi32(fe_load(acc + i), moved));
    }
    for (; i < size; i++)
        acc[i] += shift >= 0 ? waiting[i] * (1 << shift) : fe_round_shift(waiting[i], -shift);
}

FE_TARGET void fe_accumulate_avx2(int32_t size, const int32_t *from, int32_t *to)
{
    int32_t i = 0;
    for (; i + 8 <= size; i += 8)
        fe_store(to + i, _mm256_add_epi32(fe_load(to + i), fe_load(from + i)));
    for (; i < size; i++)
        to[i] += from[i];
}

/* Sums of sixteen columns hold 256 rows in 16 bits: 256 * 127 < 2^15 and 256 * 128 = 2^15 downwards. */
FE_TARGET void fe_column_sums_avx2(const int8_t *g, int32_t rows, int32_t columns, int32_t *sums)
{
    int32_t c = 0;
    for (; c + 16 <= columns; c += 16) {
        __m256i lo = _mm256_setzero_si256(), hi = lo;
        for (int32_t p = 0; p < rows;) {
            const int32_t end = rows - p < 256 ? rows : p + 256;
            __m256i part = _mm256_setzero_si256();
            for (; p < end; p++)
                part = _mm256_add_epi16(part, fe_wide(g + (int64_t)p * columns + c));
            lo = _mm256_add_epi32(lo, _mm256_cvtepi16_epi32(_mm256_castsi256_si128(part)));
            hi = _mm256_add_epi32(hi, _mm256_cvtepi16_epi32(_mm256_extracti128_si256(part, 1)));
        }
        fe_store(sums + c, lo);
        fe_store(sums + c + 8, hi);
    }
    for (; c < columns; c++) {
        sums[c] = 0;
        for (int32_t p = 0; p < rows; p++)
            sums[c] += g[(int64_t)p * columns + c];
    }
}

#endif

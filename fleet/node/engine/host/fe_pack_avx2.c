/* SPDX-License-Identifier: Apache-2.0
 *
 * Operands of products, AVX2: s8 becomes s16, pairs come to lie side by side.
 */
#include "fe_avx2_table.h"

#if FE_X86

/* The first `count` of sixteen s8 as s16, `fill` beyond. */
FE_INLINE __m256i part_of(const int8_t *x, int32_t count, int32_t fill)
{
    int8_t part[16];
    if (count >= 16)
        return fe_wide(x);
    __builtin_memset(part, (uint8_t)fill, sizeof(part));
    if (count > 0)
        __builtin_memcpy(part, x, (size_t)count);
    return fe_wide(part);
}

FE_TARGET void fe_widen_avx2(const int8_t *x, int32_t count, int32_t zero, int16_t *to)
{
    const __m256i z = _mm256_set1_epi16((int16_t)zero);
    int32_t i = 0;
    for (; i + 16 <= count; i += 16)
        fe_store(to + i, _mm256_sub_epi16(fe_wide(x + i), z));
    for (; i < count; i++)
        to[i] = (int16_t)(x[i] - zero);
}

FE_TARGET void fe_lay_avx2(const int8_t *x, int32_t count, int32_t zero, void *to)
{
    fe_widen_avx2(x, count, zero, to);
}

/* Eight rows of eight words become eight columns. */
FE_INLINE void transpose(__m256i v[8])
{
    __m256i pairs[8], fours[8];
    for (int i = 0; i < 8; i += 2) {
        pairs[i] = _mm256_unpacklo_epi32(v[i], v[i + 1]);
        pairs[i + 1] = _mm256_unpackhi_epi32(v[i], v[i + 1]);
    }
    for (int i = 0; i < 8; i += 4) {
        fours[i] = _mm256_unpacklo_epi64(pairs[i], pairs[i + 2]);
        fours[i + 1] = _mm256_unpackhi_epi64(pairs[i], pairs[i + 2]);
        fours[i + 2] = _mm256_unpacklo_epi64(pairs[i + 1], pairs[i + 3]);
        fours[i + 3] = _mm256_unpackhi_epi64(pairs[i + 1], pairs[i + 3]);
    }
    for (int i = 0; i < 4; i++) {
        v[i] = _mm256_permute2x128_si256(fours[i], fours[i + 4], 0x20);
        v[i + 4] = _mm256_permute2x128_si256(fours[i], fours[i + 4], 0x31);
    }
}

/* Eight words of eight outputs from row o on, at k.   to: [words][16] */
FE_INLINE void pack_block(const int8_t *w, int32_t o, int32_t n, int32_t k, int32_t size, int32_t *to)
{
    __m256i v[8];
    const int32_t words = (size - k + 1) / 2;
    for (int i = 0; i < 8; i++)
        v[i] = o + i < n ? part_of(w + (int64_t)(o + i) * size + k, size - k, 0) : _mm256_setzero_si256();
    transpose(v);
    for (int i = 0; i < (words < 8 ? words : 8); i++)
        fe_store(to + FE_PANEL * i, v[i]);
}

FE_TARGET void fe_pack_forward_avx2(const int8_t *w, int32_t n, int32_t k, int32_t zero, void *panels,
                                    int32_t *offset)
{
    const int32_t depth = (k + 1) / 2;
    (void)zero;
    for (int32_t o = 0; o < n; o += FE_PANEL)
        for (int32_t half = 0; half < FE_PANEL; half += 8)
            for (int32_t i = 0; i < k; i += 16)
                pack_block(w, o + half, n, i, k, (int32_t *)panels + (int64_t)o * depth + i / 2 * FE_PANEL + half);
    for (int32_t o = 0; o < fe_up(n, FE_PANEL); o++)
        offset[o] = 0;
}

FE_TARGET void fe_pack_pairs_avx2(const int8_t *x, int32_t rows, int32_t columns, int32_t stride, int32_t zero,
                                  void *to, int32_t tile, int32_t step)
{
    const __m256i z = _mm256_set1_epi16((int16_t)zero);
    for (int32_t c = 0; c < columns; c += FE_PANEL) {
        int32_t *at = (int32_t *)to + (int64_t)(c / FE_PANEL) * tile;
        const int8_t *from = x + c;
        for (int32_t i = 0; i < rows; i += 2, at += step, from += 2 * (int64_t)stride) {
            const __m256i a = _mm256_sub_epi16(part_of(from, columns - c, zero), z);
            const __m256i b = i + 1 < rows ? _mm256_sub_epi16(part_of(from + stride, columns - c, zero), z)
                                           : _mm256_setzero_si256();
            const __m256i lo = _mm256_unpacklo_epi16(a, b), hi = _mm256_unpackhi_epi16(a, b);
            fe_store(at, _mm256_permute2x128_si256(lo, hi, 0x20));
            fe_store(at + 8, _mm256_permute2x128_si256(lo, hi, 0x31));
        }
    }
}

/* mulhrs(a, b) = (a b + 2^14) >> 15 is round_shift(a b, 15): g is shifted left by what r_shift lacks. r may be 2^15,
 * so both factors change their sign. */
FE_TARGET void fe_factors_avx2(const int8_t *g, const int16_t *minus_r, int32_t rows, int32_t channels, int32_t left,
                               int16_t *t, int32_t row)
{
    const __m128i by = _mm_cvtsi32_si128(left);
    for (int32_t p = 0; p < rows; p++, g += channels, t += row) {
        for (int32_t c = 0; c < channels; c += 16) {
            const __m256i e = _mm256_sll_epi16(part_of(g + c, channels - c, 0), by);
            const __m256i v = _mm256_mulhrs_epi16(_mm256_sub_epi16(_mm256_setzero_si256(), e), fe_load(minus_r + c));
            int16_t part[16];
            if (c + 16 <= row) {
                fe_store(t + c, v);
            } else {
                fe_store(part, v);
                __builtin_memcpy(t + c, part, sizeof(int16_t) * (size_t)(row - c));
            }
        }
    }
}

#endif

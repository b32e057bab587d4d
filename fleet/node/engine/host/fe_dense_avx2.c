/* SPDX-License-Identifier: Apache-2.0
 *
 * Dense layers, AVX2: one row of inputs meets every weight once, so weights are read where they lie.
 */
#include "fe_avx2_table.h"

#if FE_X86

FE_INLINE int32_t total(__m256i v)
{
    const __m128i four = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    const __m128i two = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4E));
    return _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32(two, 0xB1)));
}

FE_TARGET void fe_dots_avx2(const int8_t *x, int32_t zero, const int8_t *w, int32_t n, int32_t k, int32_t *sums)
{
    const __m256i z = _mm256_set1_epi16((int16_t)zero);
    for (int32_t o = 0; o < n; o++, w += k) {
        __m256i a = _mm256_setzero_si256(), b = a;
        int32_t i = 0, rest = 0;
        for (; i + 32 <= k; i += 32) {
            const __m256i x0 = _mm256_sub_epi16(fe_wide(x + i), z), x1 = _mm256_sub_epi16(fe_wide(x + i + 16), z);
            a = _mm256_add_epi32(a, _mm256_madd_epi16(x0, fe_wide(w + i)));
            b = _mm256_add_epi32(b, _mm256_madd_epi16(x1, fe_wide(w + i + 16)));
        }
        for (; i < k; i++)
            rest += (x[i] - zero) * w[i];
        sums[o] += total(_mm256_add_epi32(a, b)) + rest;
    }
}

FE_TARGET void fe_combine_avx2(const int16_t *t, const int8_t *w, int32_t n, int32_t k, int32_t *dx)
{
    int32_t i = 0;
    for (; i + 16 <= k; i += 16) {
        __m256i lo = _mm256_setzero_si256(), hi = lo;
        for (int32_t o = 0; o < n; o += 2) {
            const int8_t *at = w + (int64_t)o * k + i;
            const __m256i pair = fe_spread(t + o), a = fe_wide(at), b = o + 1 < n ? fe_wide(at + k) : a;
            lo = _mm256_add_epi32(lo, _mm256_madd_epi16(pair, _mm256_unpacklo_epi16(a, b)));
            hi = _mm256_add_epi32(hi, _mm256_madd_epi16(pair, _mm256_unpackhi_epi16(a, b)));
        }
        fe_store(dx + i, _mm256_permute2x128_si256(lo, hi, 0x20));
        fe_store(dx + i + 8, _mm256_permute2x128_si256(lo, hi, 0x31));
    }
    for (; i < k; i++) {
        dx[i] = 0;
        for (int32_t o = 0; o < n; o++)
            dx[i] += t[o] * w[(int64_t)o * k + i];
    }
}

/* |e (x - zero)| <= 127 * 255 fits 16 bits. */
FE_TARGET void fe_outer_avx2(const int8_t *x, int32_t zero, int32_t e, int32_t k, int32_t *row)
{
    const __m256i z = _mm256_set1_epi16((int16_t)zero), by = _mm256_set1_epi16((int16_t)e);
    int32_t i = 0;
    for (; i + 16 <= k; i += 16) {
        const __m256i v = _mm256_mullo_epi16(_mm256_sub_epi16(fe_wide(x + i), z), by);
        fe_store(row + i, _mm256_cvtepi16_epi32(_mm256_castsi256_si128(v)));
        fe_store(row + i + 8, _mm256_cvtepi16_epi32(_mm256_extracti128_si256(v, 1)));
    }
    for (; i < k; i++)
        row[i] = e * (x[i] - zero);
}

#endif

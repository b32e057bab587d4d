/* SPDX-License-Identifier: Apache-2.0
 *
 * Rates of several outputs, and biases, AVX2: eight at a time.
 */
#include "fe_avx2_table.h"

#if FE_X86

/* fe_multiply and fe_step_rate of eight outputs: count = base - exponent. */
FE_INLINE void rates8(const int32_t *mant, const int8_t *exp, fe_real rate, int32_t base, const fe_rates *to, int32_t i)
{
    const __m256i nudge = _mm256_set1_epi64x((int64_t)1 << 30), by = _mm256_set1_epi32(rate.mant), m = fe_load(mant);
    const __m256i even = _mm256_add_epi64(_mm256_mul_epi32(m, by), nudge);
    const __m256i odd = _mm256_add_epi64(_mm256_mul_epi32(fe_odd(m), by), nudge);
    const __m256i high = _mm256_blend_epi32(_mm256_srli_epi64(even, 31), _mm256_add_epi64(odd, odd), 0xAA);
    const __m256i small = _mm256_cmpgt_epi32(_mm256_set1_epi32(1 << 30), high); /* ones, which are -1 */
    const __m256i e = _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)exp));
    const __m256i sum = _mm256_add_epi32(_mm256_add_epi32(e, _mm256_set1_epi32(rate.exp)), small);
    const __m256i count = _mm256_sub_epi32(_mm256_set1_epi32(base), sum);
    const __m256i far = _mm256_cmpgt_epi32(count, _mm256_set1_epi32(62));
    const __m256i within = _mm256_max_epi32(count, _mm256_setzero_si256());
    const __m256i wide = _mm256_cmpgt_epi32(within, _mm256_set1_epi32(30));
    const __m256i limit = _mm256_sllv_epi32(_mm256_set1_epi32(1), within);
    const __m256i normal = _mm256_add_epi32(high, _mm256_and_si256(high, small));
    fe_store(to->mant + i, _mm256_andnot_si256(far, normal));
    fe_store(to->count + i, _mm256_blendv_epi8(within, _mm256_set1_epi32(1), far));
    fe_store(to->limit + i, _mm256_blendv_epi8(limit, _mm256_set1_epi32(INT32_MAX), wide));
}

FE_TARGET void fe_rates_avx2(fe_reals table, fe_real rate, int32_t base, int32_t n, const fe_rates *to)
{
    for (int32_t i = 0; i < n; i += 8) {
        int32_t mant[8] = {0};
        int8_t exp[8] = {0};
        const int32_t count = n - i < 8 ? n - i : 8;
        if (count == 8) {
            rates8(table.mant + i, table.exp + i, rate, base, to, i);
            continue;
        }
        __builtin_memcpy(mant, table.mant + i, sizeof(int32_t) * (size_t)count);
        __builtin_memcpy(exp, table.exp + i, (size_t)count);
        rates8(mant, exp, rate, base, to, i);
    }
}

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * Stochastic rounding of weights, AVX2: eight at a time. Shifts of 64 bits to the right exist for unsigned numbers
 * only, so a product below 2^62 is raised by 2^62 before and lowered by as much after.
 */
#include "fe_avx2_table.h"

#if FE_X86

typedef struct {
    __m256i mant, limit;       /* of eight weights */
    __m256i even, odd;         /* how far products of even and odd lanes go to the right */
    __m256i up_even, up_odd;   /* half a unit and 2^62 */
    __m256i low_even, low_odd; /* 2^62 where it arrives */
} fe_lanes;

FE_INLINE __m256i raised(__m256i count)
{
    const __m256i one = _mm256_set1_epi64x(1);
    const __m256i half = _mm256_srli_epi64(_mm256_sllv_epi64(one, count), 1);
    return _mm256_add_epi64(half, _mm256_set1_epi64x((int64_t)1 << 62));
}

FE_INLINE fe_lanes lanes_of(__m256i mant, __m256i count, __m256i limit)
{
    const __m256i unit = _mm256_set1_epi64x((int64_t)1 << 62);
    fe_lanes v;
    v.mant = mant;
    v.limit = limit;
    v.even = _mm256_and_si256(count, _mm256_set1_epi64x(0xFFFFFFFF));
    v.odd = _mm256_srli_epi64(count, 32);
    v.up_even = raised(v.even);
    v.up_odd = raised(v.odd);
    v.low_even = _mm256_srlv_epi64(unit, v.even);
    v.low_odd = _mm256_srlv_epi64(unit, v.odd);
    return v;
}

/* round_shift64(G mant, count) of eight weights. */
FE_INLINE __m256i steps_of(const fe_lanes *v, __m256i g)
{
    const __m256i most = _mm256_set1_epi32(1 << 30), least = _mm256_set1_epi32(-(1 << 30));
    const __m256i bound = _mm256_sub_epi32(_mm256_setzero_si256(), v->limit);
    const __m256i within = _mm256_min_epi32(_mm256_max_epi32(g, bound), v->limit);
    const __m256i even = _mm256_add_epi64(_mm256_mul_epi32(within, v->mant), v->up_even);
    const __m256i odd = _mm256_add_epi64(
        _mm256_mul_epi32(fe_odd(within), fe_odd(v->mant)), v->up_odd);
    const __m256i a = _mm256_sub_epi64(_mm256_srlv_epi64(even, v->even), v->low_even);
    const __m256i b = _mm256_sub_epi64(_mm256_srlv_epi64(odd, v->odd), v->low_odd);
    const __m256i q = _mm256_blend_epi32(a, _mm256_slli_epi64(b, 32), 0xAA);
    return _mm256_min_epi32(_mm256_max_epi32(q, least), most);
}

/* The same where count is 32 or more: the product of two numbers below 2^31 needs no limit then, and the lower halves
 * of the lanes may wrap. less: what the raising left in them. */
FE_INLINE __m256i far_steps_of(const fe_lanes *v, __m256i g, __m256i less)
{
    const __m256i even = _mm256_add_epi64(_mm256_mul_epi32(g, v->mant), v->up_even);
    const __m256i odd = _mm256_add_epi64(_mm256_mul_epi32(fe_odd(g), fe_odd(v->mant)), v->up_odd);
    const __m256i a = _mm256_srlv_epi64(even, v->even), b = _mm256_srlv_epi64(odd, v->odd);
    return _mm256_sub_epi32(_mm256_blend_epi32(a, _mm256_slli_epi64(b, 32), 0xAA), less);
}

/* Upper halves of draws index, index + 1, ... index + 7. */
FE_INLINE __m256i dither(uint64_t key, uint32_t index)
{
    const __m256i from = _mm256_set1_epi32((int32_t)(index + (uint32_t)key));
    __m256i x = _mm256_add_epi32(from, _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    x = _mm256_xor_si256(x, _mm256_srli_epi32(x, 16));
    x = _mm256_mullo_epi32(x, _mm256_set1_epi32(0x7FEB352D));
    x = _mm256_xor_si256(x, _mm256_set1_epi32((int32_t)(key >> 32)));
    x = _mm256_xor_si256(x, _mm256_srli_epi32(x, 15));
    x = _mm256_mullo_epi32(x, _mm256_set1_epi32((int32_t)0x846CA68Bu));
    return _mm256_srli_epi32(_mm256_xor_si256(x, _mm256_srli_epi32(x, 16)), 16);
}

/* Eight weights less their steps, not yet clipped. */
FE_INLINE __m256i moved(__m256i steps, uint64_t key, uint32_t index, const int8_t *w)
{
    const __m256i old = _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)w));
    return _mm256_sub_epi32(old, _mm256_srai_epi32(_mm256_add_epi32(steps, dither(key, index)), 16));
}

/* Sixteen weights clipped to 127. */
FE_INLINE __m128i clipped(__m256i first, __m256i second)
{
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 0, 4, 1, 5);
    const __m256i s16 = _mm256_packs_epi32(first, second), s8 = _mm256_packs_epi16(s16, s16);
    const __m256i within = _mm256_max_epi8(s8, _mm256_set1_epi8(-127));
    return _mm256_castsi256_si128(_mm256_permutevar8x32_epi32(within, order));
}

FE_INLINE void step8(const fe_lanes *v, uint64_t key, uint32_t index, const int32_t *g, int8_t *w)
{
    const __m256i stepped = moved(steps_of(v, fe_load(g)), key, index, w);
    _mm_storel_epi64((__m128i *)(void *)w, clipped(stepped, stepped));
}

/* The last weights of a row, fewer than eight. */
FE_INLINE void step_part(const fe_lanes *v, uint64_t key, uint32_t index, const int32_t *g, int8_t *w, int32_t count)
{
    int32_t sums[8] = {0};
    int8_t part[8] = {0};
    __builtin_memcpy(sums, g, sizeof(int32_t) * (size_t)count);
    __builtin_memcpy(part, w, (size_t)count);
    step8(v, key, index, sums, part);
    __builtin_memcpy(w, part, (size_t)count);
}

FE_TARGET void fe_step_row_avx2(uint64_t key, uint32_t first, fe_rate rate, const int32_t *g, int8_t *w, int32_t n)
{
    const fe_lanes v =
        lanes_of(_mm256_set1_epi32(rate.mant), _mm256_set1_epi32(rate.count), _mm256_set1_epi32(rate.limit));
    const __m256i less = _mm256_blend_epi32(v.low_even, _mm256_slli_epi64(v.low_odd, 32), 0xAA);
    int32_t i = 0;
    for (; rate.count >= 32 && i + 16 <= n; i += 16) {
        const __m256i a = moved(far_steps_of(&v, fe_load(g + i), less), key, first + (uint32_t)i, w + i);
        const __m256i b = moved(far_steps_of(&v, fe_load(g + i + 8), less), key, first + (uint32_t)i + 8, w + i + 8);
        _mm_storeu_si128((__m128i *)(void *)(w + i), clipped(a, b));
    }
    for (; i + 8 <= n; i += 8)
        step8(&v, key, first + (uint32_t)i, g + i, w + i);
    if (i < n)
        step_part(&v, key, first + (uint32_t)i, g + i, w + i, n - i);
}

FE_TARGET void fe_step_lanes_avx2(uint64_t key, uint32_t first, const fe_rates *rates, const int32_t *g, int8_t *w,
                                  int32_t n)
{
    for (int32_t i = 0; i < n; i += 8) {
        const fe_lanes v = lanes_of(fe_load(rates->mant + i), fe_load(rates->count + i), fe_load(rates->limit + i));
        if (i + 8 <= n)
            step8(&v, key, first + (uint32_t)i, g + i, w + i);
        else
            step_part(&v, key, first + (uint32_t)i, g + i, w + i, n - i);
    }
}

/* b - q within 2^30: q is bounded first, for b - q itself might need 33 bits. */
FE_INLINE __m256i bounded(__m256i b, __m256i q)
{
    const __m256i zero = _mm256_setzero_si256(), limit = _mm256_set1_epi32(1 << 30);
    const __m256i most = _mm256_add_epi32(_mm256_min_epi32(b, zero), limit);
    const __m256i least = _mm256_sub_epi32(_mm256_max_epi32(b, zero), limit);
    return _mm256_sub_epi32(b, _mm256_min_epi32(_mm256_max_epi32(q, least), most));
}

FE_TARGET void fe_step_biases_avx2(const fe_rates *rates, const int32_t *sums, int32_t *b, int32_t n)
{
    for (int32_t i = 0; i < n; i += 8) {
        const fe_lanes v = lanes_of(fe_load(rates->mant + i), fe_load(rates->count + i), fe_load(rates->limit + i));
        int32_t part[8] = {0}, old[8] = {0};
        const size_t bytes = sizeof(int32_t) * (size_t)(n - i < 8 ? n - i : 8);
        __builtin_memcpy(part, sums + i, bytes);
        __builtin_memcpy(old, b + i, bytes);
        fe_store(old, bounded(fe_load(old), steps_of(&v, fe_load(part))));
        __builtin_memcpy(b + i, old, bytes);
    }
}

/* fe_whole(g factor) of eight weights; what is no number is 0. */
FE_INLINE __m256i whole(__m256 g, __m256 factor)
{
    const __m256 v = _mm256_mul_ps(g, factor), limit = _mm256_set1_ps(1073741824.0f);
    const __m256 number = _mm256_and_ps(v, _mm256_cmp_ps(v, v, _CMP_ORD_Q));
    const __m256 least = _mm256_sub_ps(_mm256_setzero_ps(), limit);
    const __m256 within = _mm256_min_ps(_mm256_max_ps(number, least), limit);
    const __m256 below = _mm256_cmp_ps(within, _mm256_setzero_ps(), _CMP_LT_OQ);
    const __m256 half = _mm256_blendv_ps(_mm256_set1_ps(0.5f), _mm256_set1_ps(-0.5f), below);
    return _mm256_cvttps_epi32(_mm256_add_ps(within, half));
}

FE_INLINE void step8_f32(uint64_t key, uint32_t index, __m256 factor, const float *g, int8_t *w)
{
    const __m256i stepped = moved(whole(_mm256_loadu_ps(g), factor), key, index, w);
    _mm_storel_epi64((__m128i *)(void *)w, clipped(stepped, stepped));
}

/* factors: of each weight. */
FE_TARGET void fe_step_lanes_f32_avx2(uint64_t key, uint32_t first, const float *factors, const float *g, int8_t *w,
                                      int32_t n)
{
    int32_t i = 0;
    float part[8] = {0}, of[8] = {0};
    int8_t old[8] = {0};
    for (; i + 8 <= n; i += 8)
        step8_f32(key, first + (uint32_t)i, _mm256_loadu_ps(factors + i), g + i, w + i);
    if (i == n)
        return;
    __builtin_memcpy(part, g + i, sizeof(float) * (size_t)(n - i));
    __builtin_memcpy(of, factors + i, sizeof(float) * (size_t)(n - i));
    __builtin_memcpy(old, w + i, (size_t)(n - i));
    step8_f32(key, first + (uint32_t)i, _mm256_loadu_ps(of), part, old);
    __builtin_memcpy(w + i, old, (size_t)(n - i));
}

FE_TARGET void fe_step_row_f32_avx2(uint64_t key, uint32_t first, float factor, const float *g, int8_t *w, int32_t n)
{
    float all[8];
    int32_t i = 0;
    _mm256_storeu_ps(all, _mm256_set1_ps(factor));
    for (; i + 8 <= n; i += 8)
        step8_f32(key, first + (uint32_t)i, _mm256_set1_ps(factor), g + i, w + i);
    fe_step_lanes_f32_avx2(key, first + (uint32_t)i, all, g + i, w + i, n - i);
}

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * Sum of two maps of one shape, AVX2: thirty-two values at a time, each with three scales and six roundings.
 */
#include "fe_avx2_table.h"

#if FE_X86

/* One scale, at most 1, for all lanes. */
FE_INLINE fe_quantiser quantiser_of(fe_real scale)
{
    const fe_quantiser none = {0};
    fe_quantiser v = none;
    v.mant[0] = v.odd[0] = _mm256_set1_epi32(scale.mant);
    v.half[0] = _mm256_set1_epi32(scale.exp < 0 ? 1 << (-scale.exp - 1) : 0);
    v.shift[0] = _mm256_set1_epi32(-scale.exp);
    return v;
}

typedef struct {
    fe_quantiser x, x2, y;
    __m256i zero_x, zero_x2;
    fe_limits to;
} fe_sum;

/* Eight values of a map in the common scale, 2^20 finer. */
FE_INLINE __m256i raised(const fe_quantiser *q, const int8_t *x, __m256i zero)
{
    const __m256i v = _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)x));
    return fe_scaled(q, 0, _mm256_slli_epi32(_mm256_sub_epi32(v, zero), 20));
}

FE_INLINE __m256i sum8(const fe_sum *s, const int8_t *x, const int8_t *x2)
{
    return fe_scaled(&s->y, 0, _mm256_add_epi32(raised(&s->x, x, s->zero_x), raised(&s->x2, x2, s->zero_x2)));
}

FE_INLINE __m256i sum16(const fe_sum *s, const int8_t *x, const int8_t *x2)
{
    return _mm256_adds_epi16(_mm256_packs_epi32(sum8(s, x, x2), sum8(s, x + 8, x2 + 8)), s->to.zero);
}

FE_TARGET void fe_add_avx2(const fe_add *d, int32_t size, const int8_t *x, const int8_t *x2, int8_t *y, uint8_t *mask)
{
    const fe_requant ends = {0, 0, 0, 0, d->zero_y, d->low, d->high};
    const fe_sum s = {quantiser_of(d->scale_x), quantiser_of(d->scale_x2),      quantiser_of(d->scale_y),
                      _mm256_set1_epi32(d->zero_x), _mm256_set1_epi32(d->zero_x2), fe_limits_of(&ends)};
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    const fe_place at = {FE_PANEL, FE_PANEL, y, mask};
    int32_t i = 0;
    for (; i + 32 <= size; i += 32)
        fe_put_rows(&at, &s.to, i, sum16(&s, x + i, x2 + i), sum16(&s, x + i + 16, x2 + i + 16), order, 1, 1);
    for (; i < size; i += FE_PANEL) {
        const fe_place part = {FE_PANEL, size - i < FE_PANEL ? size - i : FE_PANEL, y, mask};
        int8_t a[FE_PANEL] = {0}, b[FE_PANEL] = {0};
        __m256i v;
        __builtin_memcpy(a, x + i, (size_t)part.valid);
        __builtin_memcpy(b, x2 + i, (size_t)part.valid);
        v = sum16(&s, a, b);
        fe_put_rows(&part, &s.to, i, v, v, order, 0, 0);
    }
}

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * Depthwise layers, AVX2: sixteen channels side by side, two taps at a time. The words of two taps are unpacked within
 * halves of a vector, so one sum holds channels 0-3 8-11 and the other 4-7 12-15; narrowing puts them in order again.
 */
#include "fe_avx2_table.h"

#if FE_X86

FE_TARGET void fe_pack_taps_avx2(const int8_t *w, int32_t taps, int32_t channels, int32_t flip, int16_t *to)
{
    for (int32_t c = 0; c < channels; c += 16)
        for (int32_t t = 0; t < taps; t += 2, to += 32) {
            int8_t a[16] = {0}, b[16] = {0};
            const size_t count = (size_t)(channels - c < 16 ? channels - c : 16);
            __builtin_memcpy(a, w + (int64_t)(flip ? taps - 1 - t : t) * channels + c, count);
            if (t + 1 < taps)
                __builtin_memcpy(b, w + (int64_t)(flip ? taps - 2 - t : t + 1) * channels + c, count);
            fe_store(to, _mm256_unpacklo_epi16(fe_wide(a), fe_wide(b)));
            fe_store(to + 16, _mm256_unpackhi_epi16(fe_wide(a), fe_wide(b)));
        }
}

/* acc of `n` outputs from number p on. */
FE_INLINE void sums_of(const fe_taps *d, const int16_t *map, int32_t p, const int16_t *w, int n, __m256i acc[4][2])
{
    const int16_t *at[4];
    for (int j = 0; j < n; j++) {
        at[j] = map + d->places[p + j];
        acc[j][0] = acc[j][1] = _mm256_setzero_si256();
    }
    for (int32_t t = 0; t < d->taps; t += 2, w += 32) {
        const int32_t a = d->offsets[t], b = d->offsets[t + 1];
        const __m256i w0 = fe_load(w), w1 = fe_load(w + 16);
        for (int j = 0; j < n; j++) {
            const __m256i va = fe_load(at[j] + a), vb = fe_load(at[j] + b);
            acc[j][0] = _mm256_add_epi32(acc[j][0], _mm256_madd_epi16(_mm256_unpacklo_epi16(va, vb), w0));
            acc[j][1] = _mm256_add_epi32(acc[j][1], _mm256_madd_epi16(_mm256_unpackhi_epi16(va, vb), w1));
        }
    }
}

/* Places j and j + 1. bias: of the two sums. */
FE_INLINE void pair_s8(const fe_place *at, const fe_quantiser *q, const __m256i bias[2], __m256i acc[4][2],
                       int32_t index, int j, int places, int whole)
{
    const int both = j + 1 < places;
    const __m256i order = _mm256_setr_epi32(0, 1, 4, 5, 2, 3, 6, 7);
    const __m256i first =
        fe_narrowed(q, _mm256_add_epi32(acc[j][0], bias[0]), _mm256_add_epi32(acc[j][1], bias[1]));
    const __m256i second =
        both ? fe_narrowed(q, _mm256_add_epi32(acc[j + both][0], bias[0]), _mm256_add_epi32(acc[j + both][1], bias[1]))
             : first;
    fe_put_rows(at, &q->to, index + j * at->n, first, second, order, both, whole);
}

FE_INLINE void outputs_s8(const fe_taps *d, const int16_t *map, int32_t p, const int16_t *w, const fe_place *at,
                          const fe_quantiser *q, const __m256i bias[2], int32_t index, int n, int whole)
{
    __m256i acc[4][2];
    sums_of(d, map, p, w, n, acc);
    pair_s8(at, q, bias, acc, index, 0, n, whole);
    if (n > 2)
        pair_s8(at, q, bias, acc, index, 2, n, whole);
}

/* Numbers of q lie in the order of the sums. */
FE_INLINE void map_s8(const fe_taps *d, const fe_requant *q, int8_t *y, uint8_t *mask, int whole)
{
    const int16_t *w = d->weights;
    for (int32_t c = 0; c < d->c; c += 16, w += 16 * d->taps) {
        const fe_place at = {d->c, d->c - c < 16 ? d->c - c : 16, y, mask};
        const fe_quantiser by = fe_quantiser_at(q, c);
        const __m256i bias[2] = {fe_load(q->bias + c), fe_load(q->bias + c + 8)};
        const int16_t *map = d->map + c;
        int32_t p = 0, index = c;
        for (; p + 4 <= d->count; p += 4, index += 4 * d->c)
            outputs_s8(d, map, p, w, &at, &by, bias, index, 4, whole);
        for (; p < d->count; p++, index += d->c)
            outputs_s8(d, map, p, w, &at, &by, bias, index, 1, whole);
    }
}

FE_TARGET void fe_taps_s8_avx2(const fe_taps *t, const fe_requant *q, int8_t *y, uint8_t *mask)
{
    const fe_taps d = *t;
    if (d.c % 16 == 0)
        map_s8(&d, q, y, mask, 1);
    else
        map_s8(&d, q, y, mask, 0);
}

FE_INLINE void put_sums(const __m256i acc[2], int32_t valid, int32_t *sums)
{
    const __m256i first = _mm256_permute2x128_si256(acc[0], acc[1], 0x20);
    const __m256i second = _mm256_permute2x128_si256(acc[0], acc[1], 0x31);
    int32_t part[16], *to = valid == 16 ? sums : part;
    fe_store(to, first);
    fe_store(to + 8, second);
    if (valid < 16)
        __builtin_memcpy(sums, part, sizeof(int32_t) * (size_t)valid);
}

FE_INLINE void outputs_s32(const fe_taps *d, const int16_t *map, int32_t p, const int16_t *w, int32_t valid, int32_t *y,
                           int n)
{
    __m256i acc[4][2];
    sums_of(d, map, p, w, n, acc);
    for (int j = 0; j < n; j++)
        put_sums(acc[j], valid, y + j * d->c);
}

FE_TARGET void fe_taps_s32_avx2(const fe_taps *d, int32_t *y)
{
    const int16_t *w = d->weights;
    for (int32_t c = 0; c < d->c; c += 16, w += 16 * d->taps) {
        const int32_t valid = d->c - c < 16 ? d->c - c : 16;
        const int16_t *map = d->map + c;
        int32_t *to = y + c, p = 0;
        for (; p + 4 <= d->count; p += 4, to += 4 * d->c)
            outputs_s32(d, map, p, w, valid, to, 4);
        for (; p < d->count; p++, to += d->c)
            outputs_s32(d, map, p, w, valid, to, 1);
    }
}

/* Sixteen s8 as s16, or the `valid` that exist. */
FE_INLINE __m256i wide_part(const int8_t *g, int32_t valid)
{
    int8_t part[16] = {0};
    if (valid == 16)
        return fe_wide(g);
    __builtin_memcpy(part, g, (size_t)valid);
    return fe_wide(part);
}

/* G of `taps` taps from t on and sixteen channels: two outputs, one after the other, are a pair. */
FE_INLINE void gather(const fe_taps *d, const int8_t *g, int32_t c, int32_t valid, int32_t t, int taps,
                      __m256i acc[4][2])
{
    const int16_t *map = d->map + c;
    for (int j = 0; j < taps; j++)
        acc[j][0] = acc[j][1] = _mm256_setzero_si256();
    for (int32_t p = 0; p < d->count; p += 2, g += 2 * (int64_t)d->c) {
        const int last = p + 1 == d->count;
        const __m256i e0 = wide_part(g, valid), e1 = last ? _mm256_setzero_si256() : wide_part(g + d->c, valid);
        const __m256i lo = _mm256_unpacklo_epi16(e0, e1), hi = _mm256_unpackhi_epi16(e0, e1);
        const int16_t *a = map + d->places[p], *b = map + d->places[last ? p : p + 1];
        for (int j = 0; j < taps; j++) {
            const __m256i va = fe_load(a + d->offsets[t + j]), vb = fe_load(b + d->offsets[t + j]);
            acc[j][0] = _mm256_add_epi32(acc[j][0], _mm256_madd_epi16(_mm256_unpacklo_epi16(va, vb), lo));
            acc[j][1] = _mm256_add_epi32(acc[j][1], _mm256_madd_epi16(_mm256_unpackhi_epi16(va, vb), hi));
        }
    }
}

FE_TARGET void fe_taps_gradient_avx2(const fe_taps *d, const int8_t *g, int32_t n, int32_t *sums)
{
    for (int32_t c = 0; c < n; c += 16) {
        const int32_t valid = n - c < 16 ? n - c : 16;
        int32_t t = 0;
        __m256i acc[4][2];
        for (; t + 3 <= d->taps; t += 3) {
            gather(d, g + c, c, valid, t, 3, acc);
            for (int j = 0; j < 3; j++)
                put_sums(acc[j], valid, sums + (t + j) * n + c);
        }
        for (; t < d->taps; t++) {
            gather(d, g + c, c, valid, t, 1, acc);
            put_sums(acc[0], valid, sums + t * n + c);
        }
    }
}

#endif

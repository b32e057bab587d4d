/* SPDX-License-Identifier: Apache-2.0
 *
 * Gradients in fp32, AVX2: depthwise layers, masks, sums over positions, stochastic steps. Channels lie side by side,
 * sums run in the order of SPEC.md.
 */
#include "fe_avx2_table.h"

#if FE_X86

/* y[place][c] = from + the taps ascending, eight channels at a time; from may be y, or none. */
FE_TARGET void fe_taps_f32_avx2(const fe_taps_f32 *d, const float *from, float *y)
{
    int32_t place = 0;
    for (int32_t oy = 0; oy < d->out_h; oy++)
        for (int32_t ox = 0; ox < d->out_w; ox++, place++) {
            const float *x = d->map + (int64_t)oy * d->down + (int64_t)ox * d->right;
            for (int32_t c = 0; c < d->c; c += 8) {
                const int64_t at = (int64_t)place * d->c + c;
                const int whole = d->c - c >= 8;
                const size_t bytes = sizeof(float) * (size_t)(whole ? 8 : d->c - c);
                float part[8] = {0};
                __m256 acc = _mm256_setzero_ps();
                if (from != 0 && whole) {
                    acc = _mm256_loadu_ps(from + at);
                } else if (from != 0) {
                    __builtin_memcpy(part, from + at, bytes);
                    acc = _mm256_loadu_ps(part);
                }
                for (int32_t t = 0; t < d->taps; t++)
                    acc = _mm256_add_ps(acc, _mm256_mul_ps(_mm256_loadu_ps(x + d->offsets[t] + c),
                                                           _mm256_loadu_ps(d->weights + t * d->channels + c)));
                if (whole) {
                    _mm256_storeu_ps(y + at, acc);
                } else {
                    _mm256_storeu_ps(part, acc);
                    __builtin_memcpy(y + at, part, bytes);
                }
            }
        }
}

/* sums[tap][channels] = G, positions ascending: four taps at a time. */
FE_INLINE void gather(const fe_taps_f32 *d, const float *g, int32_t c, int32_t t, int count, float *sums)
{
    __m256 acc[4];
    for (int j = 0; j < count; j++)
        acc[j] = _mm256_setzero_ps();
    for (int32_t oy = 0; oy < d->out_h; oy++) {
        const float *x = d->map + (int64_t)oy * d->down + c;
        for (int32_t ox = 0; ox < d->out_w; ox++, x += d->right, g += d->channels) {
            const __m256 e = _mm256_loadu_ps(g);
            for (int j = 0; j < count; j++)
                acc[j] = _mm256_add_ps(acc[j], _mm256_mul_ps(e, _mm256_loadu_ps(x + d->offsets[t + j])));
        }
    }
    for (int j = 0; j < count; j++)
        _mm256_storeu_ps(sums + (int64_t)(t + j) * d->channels + c, acc[j]);
}

FE_TARGET void fe_taps_gradient_f32_avx2(const fe_taps_f32 *d, const float *g, int32_t n, float *sums)
{
    for (int32_t c = 0; c < n; c += 8) {
        int32_t t = 0;
        for (; t + 4 <= d->taps; t += 4)
            gather(d, g + c, c, t, 4, sums);
        for (; t < d->taps; t++)
            gather(d, g + c, c, t, 1, sums);
    }
}

FE_TARGET void fe_mask_f32_avx2(int32_t size, const uint8_t *mask, float *g)
{
    const __m256i bit = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    int32_t i = 0;
    for (; i + 8 <= size; i += 8) {
        const __m256i bits = _mm256_and_si256(_mm256_set1_epi32(mask[i >> 3]), bit);
        fe_store(g + i, _mm256_and_si256(fe_load(g + i), _mm256_cmpeq_epi32(bits, bit)));
    }
    for (; i < size; i++)
        if ((mask[i >> 3] >> (i & 7) & 1) == 0)
            g[i] = 0.0f;
}

FE_TARGET void fe_column_sums_f32_avx2(const float *g, int32_t rows, int32_t columns, float *sums)
{
    int32_t c = 0;
    for (; c + 8 <= columns; c += 8) {
        __m256 acc = _mm256_setzero_ps();
        for (int32_t p = 0; p < rows; p++)
            acc = _mm256_add_ps(acc, _mm256_loadu_ps(g + (int64_t)p * columns + c));
        _mm256_storeu_ps(sums + c, acc);
    }
    for (; c < columns; c++) {
        sums[c] = 0.0f;
        for (int32_t p = 0; p < rows; p++)
            sums[c] += g[(int64_t)p * columns + c];
    }
}

/* Whether no value is infinite or none at all: their exponents are not all ones. */
FE_TARGET int fe_finite_f32_avx2(int32_t size, const float *g)
{
    const __m256i ones = _mm256_set1_epi32(0x7F800000);
    __m256i bad = _mm256_setzero_si256();
    int32_t i = 0, rest = 0;
    for (; i + 8 <= size; i += 8)
        bad = _mm256_or_si256(bad, _mm256_cmpeq_epi32(_mm256_and_si256(fe_load(g + i), ones), ones));
    for (; i < size; i++) {
        uint32_t bits;
        __builtin_memcpy(&bits, g + i, sizeof(bits));
        rest |= (bits & 0x7F800000u) == 0x7F800000u;
    }
    return rest == 0 && _mm256_testz_si256(bad, bad);
}

#endif

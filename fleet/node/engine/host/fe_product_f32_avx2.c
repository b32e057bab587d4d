/* SPDX-License-Identifier: Apache-2.0
 *
 * Gradients in fp32, AVX2: products whose sums run in the order of k, each product and each sum rounded. Only outputs
 * lie side by side in a vector, so the bits are those of SPEC.md, "Gradients in fp32".
 */
#include "fe_avx2_table.h"

#if FE_X86

#define ROWS 6

/* c += the products of a tile; c: float [rows][row], read from `from`, or zeros where there is none. */
FE_INLINE void multiply(const fe_product *p, const float *a, const float *b, int rows, __m256 acc[ROWS][2])
{
    const float *at[ROWS];
    int64_t k = 0;
    for (int r = 0; r < rows; r++)
        at[r] = a + (int64_t)r * p->row;
    for (int32_t i = 0; i < p->depth; i++, k += p->step, b += FE_PANEL) {
        const __m256 b0 = _mm256_loadu_ps(b), b1 = _mm256_loadu_ps(b + 8);
        for (int r = 0; r < rows; r++) {
            const __m256 v = _mm256_set1_ps(at[r][k]);
            acc[r][0] = _mm256_add_ps(acc[r][0], _mm256_mul_ps(v, b0));
            acc[r][1] = _mm256_add_ps(acc[r][1], _mm256_mul_ps(v, b1));
        }
    }
}

FE_INLINE void load_row(const float *from, int32_t valid, __m256 acc[2])
{
    float part[FE_PANEL] = {0};
    if (from != 0 && valid < FE_PANEL)
        __builtin_memcpy(part, from, sizeof(float) * (size_t)valid);
    if (from == 0 || valid < FE_PANEL)
        from = part;
    acc[0] = _mm256_loadu_ps(from);
    acc[1] = _mm256_loadu_ps(from + 8);
}

FE_INLINE void store_row(float *to, int32_t valid, const __m256 acc[2])
{
    float part[FE_PANEL], *at = valid < FE_PANEL ? part : to;
    _mm256_storeu_ps(at, acc[0]);
    _mm256_storeu_ps(at + 8, acc[1]);
    if (valid < FE_PANEL)
        __builtin_memcpy(to, part, sizeof(float) * (size_t)valid);
}

FE_INLINE void tile(const fe_product *p, const float *a, const float *b, const float *from, float *c, int32_t row,
                    int32_t valid, int rows)
{
    __m256 acc[ROWS][2];
    for (int r = 0; r < rows; r++)
        load_row(from == 0 ? 0 : from + (int64_t)r * row, valid, acc[r]);
    multiply(p, a, b, rows, acc);
    for (int r = 0; r < rows; r++)
        store_row(c + (int64_t)r * row, valid, acc[r]);
}

FE_TARGET void fe_product_f32_avx2(const fe_product *p, const float *from, float *c, int32_t row)
{
    for (int32_t o = 0; o < p->n; o += FE_PANEL) {
        const int32_t valid = p->n - o < FE_PANEL ? p->n - o : FE_PANEL;
        const float *a = p->a, *b = (const float *)p->b + (int64_t)o * p->depth, *on = from == 0 ? 0 : from + o;
        float *to = c + o;
        int32_t m = 0;
        for (; m + ROWS <= p->m; m += ROWS, a += (int64_t)ROWS * p->row, to += (int64_t)ROWS * row) {
            tile(p, a, b, on, to, row, valid, ROWS);
            on = on == 0 ? 0 : on + (int64_t)ROWS * row;
        }
        for (; m < p->m; m++, a += p->row, to += row) {
            tile(p, a, b, on, to, row, valid, 1);
            on = on == 0 ? 0 : on + row;
        }
    }
}

/* Sixteen s8, or the `count` there are, less zero. */
FE_INLINE void widen16(const int8_t *x, int32_t count, int32_t zero, float *to)
{
    int8_t part[16];
    __m256i v;
    if (count < 16) {
        __builtin_memset(part, (uint8_t)zero, sizeof(part));
        __builtin_memcpy(part, x, (size_t)count);
        x = part;
    }
    v = _mm256_sub_epi16(fe_wide(x), _mm256_set1_epi16((int16_t)zero));
    _mm256_storeu_ps(to, _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(_mm256_castsi256_si128(v))));
    _mm256_storeu_ps(to + 8, _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(_mm256_extracti128_si256(v, 1))));
}

FE_TARGET void fe_pack_f32_avx2(const int8_t *x, int32_t rows, int32_t columns, int32_t stride, int32_t zero, float *to)
{
    for (int32_t c = 0; c < columns; c += FE_PANEL)
        for (int32_t i = 0; i < rows; i++, to += FE_PANEL)
            widen16(x + (int64_t)i * stride + c, columns - c, zero, to);
}

FE_TARGET void fe_scale_f32_avx2(const float *g, const float *scale, int32_t rows, int32_t channels, float *t,
                                 int32_t row)
{
    for (int32_t p = 0; p < rows; p++, g += channels, t += row) {
        int32_t c = 0;
        for (; c + 8 <= channels; c += 8)
            _mm256_storeu_ps(t + c, _mm256_mul_ps(_mm256_loadu_ps(g + c), _mm256_loadu_ps(scale + c)));
        for (; c < channels; c++)
            t[c] = g[c] * scale[c];
    }
}

FE_TARGET void fe_combine_f32_avx2(const float *t, const int8_t *w, int32_t n, int32_t k, float *dx)
{
    for (int32_t i = 0; i < k; i += 16) {
        const int32_t valid = k - i < 16 ? k - i : 16;
        __m256 acc[2];
        float row[16];
        load_row(dx + i, valid, acc);
        for (int32_t o = 0; o < n; o++) {
            const __m256 v = _mm256_set1_ps(t[o]);
            widen16(w + (int64_t)o * k + i, valid, 0, row);
            acc[0] = _mm256_add_ps(acc[0], _mm256_mul_ps(v, _mm256_loadu_ps(row)));
            acc[1] = _mm256_add_ps(acc[1], _mm256_mul_ps(v, _mm256_loadu_ps(row + 8)));
        }
        store_row(dx + i, valid, acc);
    }
}

#endif

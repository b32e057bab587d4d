/* SPDX-License-Identifier: Apache-2.0
 *
 * Products of pairs of s16, AVX2: tiles of six rows by sixteen outputs stay in twelve registers; a word of A is spread
 * over a vector and meets eight outputs of B at a time.
 */
#include "fe_avx2_table.h"

#if FE_X86

#define ROWS 6

/* acc = init + the products of a tile. */
FE_INLINE void multiply(const fe_product *p, const int32_t *a, const int32_t *b, const int32_t *init, int rows,
                        __m256i acc[ROWS][2])
{
    const int32_t *at[ROWS];
    int64_t k = 0;
    for (int r = 0; r < rows; r++) {
        at[r] = a + (int64_t)r * p->row;
        acc[r][0] = init ? fe_load(init) : _mm256_setzero_si256();
        acc[r][1] = init ? fe_load(init + 8) : _mm256_setzero_si256();
    }
    for (int32_t i = 0; i < p->depth; i++, k += p->step, b += FE_PANEL) {
        const __m256i b0 = fe_load(b), b1 = fe_load(b + 8);
        for (int r = 0; r < rows; r++) {
            const __m256i v = fe_spread(at[r] + k);
            acc[r][0] = _mm256_add_epi32(acc[r][0], _mm256_madd_epi16(v, b0));
            acc[r][1] = _mm256_add_epi32(acc[r][1], _mm256_madd_epi16(v, b1));
        }
    }
}

/* What the stores of a tile of bytes need. */
typedef struct {
    fe_place at;
    fe_quantiser q;
    const int32_t *bias, *b;
} fe_strip;

/* Rows r and r + 1 of a tile. */
FE_INLINE void pair_s8(const fe_strip *s, __m256i acc[ROWS][2], int32_t index, int r, int rows, int whole)
{
    const int both = r + 1 < rows;
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    const __m256i first = fe_narrowed(&s->q, acc[r][0], acc[r][1]);
    const __m256i second = both ? fe_narrowed(&s->q, acc[r + 1][0], acc[r + 1][1]) : first;
    fe_put_rows(&s->at, &s->q.to, index + r * s->at.n, first, second, order, both, whole);
}

FE_INLINE void tile_s8(const fe_product *p, const fe_strip *s, const int32_t *a, int32_t index, int rows, int whole)
{
    __m256i acc[ROWS][2];
    multiply(p, a, s->b, s->bias, rows, acc);
    pair_s8(s, acc, index, 0, rows, whole);
    if (rows > 2)
        pair_s8(s, acc, index, 2, rows, whole);
    if (rows > 4)
        pair_s8(s, acc, index, 4, rows, whole);
}

/* Fewer rows than a tile has. */
FE_INLINE void rest_s8(const fe_product *p, const fe_strip *s, const int32_t *a, int32_t index, int32_t rows)
{
    switch (rows) {
    case 1:
        tile_s8(p, s, a, index, 1, 1);
        break;
    case 2:
        tile_s8(p, s, a, index, 2, 1);
        break;
    case 3:
        tile_s8(p, s, a, index, 3, 1);
        break;
    case 4:
        tile_s8(p, s, a, index, 4, 1);
        break;
    case 5:
        tile_s8(p, s, a, index, 5, 1);
        break;
    default:
        break;
    }
}

FE_INLINE fe_strip strip_of(const fe_product *p, const fe_requant *q, int32_t o, int8_t *y, uint8_t *mask)
{
    const int32_t left = p->n - o;
    const fe_strip s = {{p->n, left < FE_PANEL ? left : FE_PANEL, y, mask},
                        fe_quantiser_at(q, o),
                        q->bias + o,
                        (const int32_t *)p->b + (int64_t)o * p->depth};
    return s;
}

/* Rows are not whole panels: one output or sixteen, bits of masks begin anywhere. */
FE_TARGET static void uneven_s8(const fe_product *p, const fe_requant *q, int32_t first, int8_t *y, uint8_t *mask)
{
    for (int32_t o = 0; o < p->n; o += FE_PANEL) {
        const fe_strip s = strip_of(p, q, o, y, mask);
        const int32_t *a = p->a;
        int32_t m = 0, index = first * p->n + o;
        for (; m + ROWS <= p->m; m += ROWS, index += ROWS * p->n, a += (int64_t)ROWS * p->row)
            tile_s8(p, &s, a, index, ROWS, 0);
        for (; m < p->m; m++, index += p->n, a += p->row)
            tile_s8(p, &s, a, index, 1, 0);
    }
}

FE_TARGET void fe_product_s8_avx2(const fe_product *p, const fe_requant *q, int32_t first, int8_t *y, uint8_t *mask)
{
    const int32_t n = p->n, rows = p->m;
    if (n % FE_PANEL != 0) {
        uneven_s8(p, q, first, y, mask);
        return;
    }
    for (int32_t o = 0; o < n; o += FE_PANEL) {
        const fe_strip s = strip_of(p, q, o, y, mask);
        const int32_t *a = p->a;
        int32_t m = 0, index = first * n + o;
        for (; m + ROWS <= rows; m += ROWS, index += ROWS * n, a += (int64_t)ROWS * p->row)
            tile_s8(p, &s, a, index, ROWS, 1);
        rest_s8(p, &s, a, index, rows - m);
    }
}

FE_INLINE void tile_s32(const fe_product *p, const int32_t *a, const int32_t *b, const int32_t *init, int32_t *c,
                        int32_t row, int32_t valid, int rows)
{
    __m256i acc[ROWS][2];
    multiply(p, a, b, init, rows, acc);
    for (int r = 0; r < rows; r++, c += row) {
        if (valid == FE_PANEL) {
            fe_store(c, acc[r][0]);
            fe_store(c + 8, acc[r][1]);
        } else {
            int32_t sums[FE_PANEL];
            fe_store(sums, acc[r][0]);
            fe_store(sums + 8, acc[r][1]);
            __builtin_memcpy(c, sums, sizeof(int32_t) * (size_t)valid);
        }
    }
}

FE_TARGET static void rest_s32(const fe_product *p, const int32_t *a, const int32_t *b, const int32_t *init, int32_t *c,
                               int32_t row, int32_t valid, int32_t rows)
{
    switch (rows) {
    case 1:
        tile_s32(p, a, b, init, c, row, valid, 1);
        break;
    case 2:
        tile_s32(p, a, b, init, c, row, valid, 2);
        break;
    case 3:
        tile_s32(p, a, b, init, c, row, valid, 3);
        break;
    case 4:
        tile_s32(p, a, b, init, c, row, valid, 4);
        break;
    case 5:
        tile_s32(p, a, b, init, c, row, valid, 5);
        break;
    default:
        break;
    }
}

FE_TARGET void fe_product_init_avx2(const fe_product *p, const int32_t *init, int32_t *c, int32_t row)
{
    for (int32_t o = 0; o < p->n; o += FE_PANEL) {
        const int32_t *a = p->a, *b = (const int32_t *)p->b + (int64_t)o * p->depth, *on = init ? init + o : 0;
        const int32_t valid = p->n - o < FE_PANEL ? p->n - o : FE_PANEL;
        int32_t m = 0, *to = c + o;
        for (; m + ROWS <= p->m; m += ROWS, to += (int64_t)ROWS * row, a += (int64_t)ROWS * p->row)
            tile_s32(p, a, b, on, to, row, valid, ROWS);
        rest_s32(p, a, b, on, to, row, valid, p->m - m);
    }
}

FE_TARGET void fe_product_s32_avx2(const fe_product *p, int32_t *c, int32_t row)
{
    fe_product_init_avx2(p, 0, c, row);
}

#endif

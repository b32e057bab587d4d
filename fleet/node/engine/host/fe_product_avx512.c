/* SPDX-License-Identifier: Apache-2.0
 *
 * Products, AVX-512 VNNI: tiles of eight rows by two panels of sixteen outputs. Forward, A is x + 128 in unsigned
 * bytes and a word holds four products; what the 128 adds is known beforehand and lies in the biases. Backward, a word
 * holds two products of s16, as with AVX2. Sums may wrap on the way: the whole is below 2^31.
 */
#include "fe_avx512.h"

#if FE_X86

#define ROWS 8

enum { BYTES, PAIRS };

/* acc = init + the products of a tile, for one panel of B or two. Sums of their own: those of the caller, who finds
 * them by number, would be written in every round. */
FE_INLINE512 void multiply(const fe_product *p, const int32_t *a, const int32_t *b, const int32_t *init, int kind,
                           int rows, int panels, __m512i acc[ROWS][2])
{
    const int32_t *at[ROWS], *next = b + (int64_t)p->depth * FE_PANEL;
    const __m512i none = _mm512_setzero_si512();
    __m512i sums[ROWS][2];
    int64_t k = 0;
    for (int r = 0; r < rows; r++) {
        at[r] = a + (int64_t)r * p->row;
        sums[r][0] = init ? _mm512_loadu_si512(init) : none;
        sums[r][1] = init && panels > 1 ? _mm512_loadu_si512(init + FE_PANEL) : none;
    }
    for (int32_t i = 0; i < p->depth; i++, k += p->step, b += FE_PANEL, next += FE_PANEL) {
        const __m512i b0 = _mm512_loadu_si512(b), b1 = panels > 1 ? _mm512_loadu_si512(next) : none;
        for (int r = 0; r < rows; r++) {
            int32_t word;
            __m512i v;
            __builtin_memcpy(&word, at[r] + k, sizeof(word));
            v = _mm512_set1_epi32(word);
            sums[r][0] =
                kind == BYTES ? _mm512_dpbusd_epi32(sums[r][0], v, b0) : _mm512_dpwssd_epi32(sums[r][0], v, b0);
            if (panels > 1)
                sums[r][1] =
                    kind == BYTES ? _mm512_dpbusd_epi32(sums[r][1], v, b1) : _mm512_dpwssd_epi32(sums[r][1], v, b1);
        }
    }
    for (int r = 0; r < rows; r++) {
        acc[r][0] = sums[r][0];
        acc[r][1] = sums[r][1];
    }
}

/* Requantisation of sixteen outputs. zero, low, high: as s16. */
typedef struct {
    __m512i mant, odd, half, shift;
    __m512i zero, low, high;
} fe_quantiser512;

FE_INLINE512 fe_quantiser512 quantiser_at(const fe_requant *q, int32_t o)
{
    fe_quantiser512 v;
    v.mant = _mm512_loadu_si512(q->mant + o);
    v.odd = _mm512_srli_epi64(v.mant, 32);
    v.half = _mm512_loadu_si512(q->half + o);
    v.shift = _mm512_loadu_si512(q->shift + o);
    v.zero = _mm512_set1_epi16((int16_t)q->zero);
    v.low = _mm512_set1_epi16((int16_t)q->low);
    v.high = _mm512_set1_epi16((int16_t)q->high);
    return v;
}

/* Sixteen sums, as fe_scaled. */
FE_INLINE512 __m512i scaled(const fe_quantiser512 *q, __m512i v)
{
    const __m512i nudge = _mm512_set1_epi64((int64_t)1 << 30), none = _mm512_setzero_si512();
    const __m512i even = _mm512_add_epi64(_mm512_mul_epi32(v, q->mant), nudge);
    const __m512i odd = _mm512_add_epi64(_mm512_mul_epi32(_mm512_srli_epi64(v, 32), q->odd), nudge);
    const __m512i high =
        _mm512_mask_blend_epi32(0xAAAA, _mm512_srli_epi64(even, 31), _mm512_add_epi64(odd, odd));
    const __m512i size = _mm512_srlv_epi32(_mm512_add_epi32(_mm512_abs_epi32(high), q->half), q->shift);
    return _mm512_mask_sub_epi32(size, _mm512_movepi32_mask(high), none, size);
}

/* Rows r and r + 1 of one panel of a tile: packed to s16 in one register, in whose lanes fours of the rows alternate. */
FE_INLINE512 void pair_s8(const fe_place *at, const fe_quantiser512 *q, __m512i acc[ROWS][2], int32_t index, int panel,
                          int r, int rows, int whole)
{
    const int both = r + 1 < rows;
    const __m512i order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
    const __m512i first = scaled(q, acc[r][panel]), second = both ? scaled(q, acc[r + both][panel]) : first;
    const __m512i y = _mm512_adds_epi16(_mm512_permutexvar_epi64(order, _mm512_packs_epi32(first, second)), q->zero);
    const __m512i clipped = _mm512_min_epi16(_mm512_max_epi16(y, q->low), q->high);
    const __m256i bytes = _mm512_cvtepi16_epi8(clipped);
    uint32_t kept = 0;
    if (at->mask != 0)
        kept = (uint32_t)(_mm512_cmpge_epi16_mask(y, q->low) & _mm512_cmple_epi16_mask(y, q->high));
    fe_put_row(at, index + r * at->n, _mm256_castsi256_si128(bytes), kept & 0xFFFF, whole);
    if (both)
        fe_put_row(at, index + (r + 1) * at->n, _mm256_extracti128_si256(bytes, 1), kept >> 16, whole);
}

FE_INLINE512 void tile_s8(const fe_product *p, const fe_place at[2], const fe_quantiser512 q[2], const int32_t *bias,
                          const int32_t *a, const int32_t *b, int32_t index, int rows, int panels,
                          int whole)
{
    __m512i acc[ROWS][2];
    multiply(p, a, b, bias, BYTES, rows, panels, acc);
    for (int i = 0; i < panels; i++)
        for (int r = 0; r < rows; r += 2)
            pair_s8(at + i, q + i, acc, index + FE_PANEL * i, i, r, rows, whole);
}

/* All rows of one panel or two. */
FE_INLINE512 void strip_s8(const fe_product *p, const fe_requant *q, int32_t o, int32_t first, int8_t *y, uint8_t *mask,
                           int panels, int whole)
{
    const int32_t last = p->n - o - FE_PANEL * (panels - 1), n = p->n, end = p->m;
    const int32_t *a = p->a, *b = (const int32_t *)p->b + (int64_t)o * p->depth, *bias = q->bias + o;
    const fe_place at[2] = {{n, panels > 1 || last > FE_PANEL ? FE_PANEL : last, y, mask},
                            {n, last < FE_PANEL ? last : FE_PANEL, y, mask}};
    const fe_quantiser512 by[2] = {quantiser_at(q, o), quantiser_at(q, panels > 1 ? o + FE_PANEL : o)};
    int32_t m = 0, index = first * n + o;
    for (; m + ROWS <= end; m += ROWS, index += ROWS * n, a += (int64_t)ROWS * p->row)
        tile_s8(p, at, by, bias, a, b, index, ROWS, panels, whole);
    for (; m + 2 <= end; m += 2, index += 2 * n, a += 2 * (int64_t)p->row)
        tile_s8(p, at, by, bias, a, b, index, 2, panels, whole);
    if (m < end)
        tile_s8(p, at, by, bias, a, b, index, 1, panels, whole);
}

FE_TARGET512 void fe_product_s8_avx512(const fe_product *p, const fe_requant *q, int32_t first, int8_t *y,
                                       uint8_t *mask)
{
    const int whole = p->n % FE_PANEL == 0;
    int32_t o = 0;
    for (; whole && o + FE_PANEL < p->n; o += 2 * FE_PANEL)
        strip_s8(p, q, o, first, y, mask, 2, 1);
    if (whole && o < p->n)
        strip_s8(p, q, o, first, y, mask, 1, 1);
    for (; !whole && o < p->n; o += FE_PANEL)
        strip_s8(p, q, o, first, y, mask, 1, 0);
}

FE_INLINE512 void put_sums(int32_t *c, __m512i sums, int32_t valid)
{
    int32_t part[FE_PANEL];
    if (valid >= FE_PANEL) {
        _mm512_storeu_si512(c, sums);
        return;
    }
    _mm512_storeu_si512(part, sums);
    __builtin_memcpy(c, part, sizeof(int32_t) * (size_t)valid);
}

FE_INLINE512 void tile_s32(const fe_product *p, const int32_t *init, const int32_t *a, const int32_t *b, int32_t *c,
                           int32_t row, int32_t valid, int kind, int rows, int panels)
{
    __m512i acc[ROWS][2];
    multiply(p, a, b, init, kind, rows, panels, acc);
    for (int r = 0; r < rows; r++, c += row) {
        put_sums(c, acc[r][0], valid);
        if (panels > 1)
            put_sums(c + FE_PANEL, acc[r][1], valid - FE_PANEL);
    }
}

FE_INLINE512 void strip_s32(const fe_product *p, const int32_t *init, int32_t o, int32_t *c, int32_t row, int kind,
                            int panels)
{
    const int32_t *a = p->a, *b = (const int32_t *)p->b + (int64_t)o * p->depth, *on = init ? init + o : 0;
    int32_t m = 0, *to = c + o;
    for (; m + ROWS <= p->m; m += ROWS, to += (int64_t)ROWS * row, a += (int64_t)ROWS * p->row)
        tile_s32(p, on, a, b, to, row, p->n - o, kind, ROWS, panels);
    for (; m + 2 <= p->m; m += 2, to += 2 * (int64_t)row, a += 2 * (int64_t)p->row)
        tile_s32(p, on, a, b, to, row, p->n - o, kind, 2, panels);
    if (m < p->m)
        tile_s32(p, on, a, b, to, row, p->n - o, kind, 1, panels);
}

FE_TARGET512 void fe_product_init_avx512(const fe_product *p, const int32_t *init, int32_t *c, int32_t row)
{
    for (int32_t o = 0; o < p->n; o += FE_PANEL)
        strip_s32(p, init, o, c, row, BYTES, 1);
}

FE_TARGET512 void fe_product_s32_avx512(const fe_product *p, int32_t *c, int32_t row)
{
    int32_t o = 0;
    for (; o + FE_PANEL < p->n; o += 2 * FE_PANEL)
        strip_s32(p, 0, o, c, row, PAIRS, 2);
    if (o < p->n)
        strip_s32(p, 0, o, c, row, PAIRS, 1);
}

/* x + 128: the same bits with the first one turned. */
FE_TARGET512 void fe_lay_avx512(const int8_t *x, int32_t count, int32_t zero, void *to)
{
    uint8_t *out = to;
    int32_t i = 0;
    (void)zero;
    for (; i + 32 <= count; i += 32)
        fe_store(out + i, _mm256_xor_si256(fe_load(x + i), _mm256_set1_epi8(-128)));
    for (; i < count; i++)
        out[i] = (uint8_t)(x[i] + 128);
}

/* sum (x - zero) w = sum (x + 128) w - (zero + 128) sum w. */
FE_TARGET512 void fe_pack_forward_avx512(const int8_t *w, int32_t n, int32_t k, int32_t zero, void *panels,
                                         int32_t *offset)
{
    const int32_t depth = (k + 3) / 4;
    int8_t *to = panels;
    __builtin_memset(to, 0, (size_t)fe_up(n, FE_PANEL) * (size_t)depth * 4);
    for (int32_t o = 0; o < fe_up(n, FE_PANEL); o++) {
        const int8_t *row = w + (int64_t)o * k;
        int8_t *at = to + ((int64_t)(o / FE_PANEL) * depth * FE_PANEL + o % FE_PANEL) * 4;
        int32_t sum = 0, i = 0;
        offset[o] = 0;
        if (o >= n)
            continue;
        for (; i + 4 <= k; i += 4, at += 4 * FE_PANEL)
            __builtin_memcpy(at, row + i, 4);
        __builtin_memcpy(at, row + i, (size_t)(k - i));
        for (i = 0; i < k; i++)
            sum += row[i];
        offset[o] = -(zero + 128) * sum;
    }
}

#endif

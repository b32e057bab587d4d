/* SPDX-License-Identifier: Apache-2.0
 *
 * What a variant of the host's executor is made of: a table of functions over plain arrays. Every function gives the
 * bits of SPEC.md; sums are exact in 32 bits, so their order is free.
 *
 * A product is C[m][n] = sum over k of A[m][k] B[k][n], where the k go by words: two s16 or four s8 in 32 bits.
 * B lies in panels of 16 outputs: [n / 16][words][16] words, so that one vector holds a word of several outputs.
 */
#ifndef FE_KERNELS_H
#define FE_KERNELS_H

#include <stddef.h>

#include "fe_add_s8.h"
#include "fe_ops.h"

#define FE_PANEL 16

/* Rounded up to a multiple of n. */
static inline int32_t fe_up(int32_t v, int32_t n)
{
    return (v + n - 1) / n * n;
}

/* a, b: words. Word k of row m lies at a + m * row + k * step. m, n: size of C. depth: words to sum over. */
typedef struct {
    const void *a, *b;
    int32_t row, step;
    int32_t m, n, depth;
} fe_product;

/* From sums to int8: y = clip(scale(bias + sum) + zero, low, high). Arrays: s32 [outputs rounded up to 16], in the
 * order in which the kernel's lanes come. scale(v) = sign(v) ((|high_mul(v, mant)| + half) >> shift), which is
 * fe_scale for exponents up to 0. */
typedef struct {
    const int32_t *bias, *mant, *half, *shift;
    int32_t zero, low, high;
} fe_requant;

/* A depthwise layer over a padded map s16 [height][width][channels], channels a multiple of 16. places: where each
 * output begins in the map; offsets: of each tap from there, both in s16. The number of taps is even, the last one may
 * be none's. weights: as pack_taps lays them. count: places; c: channels of the output. */
typedef struct {
    const int16_t *map, *weights;
    const int32_t *places, *offsets;
    int32_t taps, channels;
    int32_t count, c;
} fe_taps;

/* The same in floats: map [height][width][channels], weights [taps][channels]. */
typedef struct {
    const float *map, *weights;
    const int32_t *offsets;
    int32_t taps, channels;
    int32_t out_h, out_w, down, right;
    int32_t c;
} fe_taps_f32;

/* What a rate and an exponent make of G: q = clamp((clamp(G, +-limit) * mant + half) >> count, +-2^30), half =
 * 2^(count - 1) or 0. It is round_shift64 without a branch: where count is small, the limit keeps q in 32 bits and
 * changes nothing, for mant is 0 or at least 2^30. */
typedef struct {
    int32_t mant, count, limit;
} fe_rate;

/* The same of several channels. */
typedef struct {
    int32_t *mant, *count, *limit;
} fe_rates;

static inline fe_rate fe_step_rate(fe_real rate, int32_t k)
{
    const int32_t count = 31 - rate.exp + k - 16;
    const fe_rate none = {0, 1, 0};
    const fe_rate r = {rate.mant, count < 0 ? 0 : count, count <= 0 ? 1 : count > 30 ? INT32_MAX : 1 << count};
    return count > 62 ? none : r;
}

typedef struct {
    int32_t s8_depth; /* values of k in a word of a forward product: 2 or 4 */

    /* A rows of s8 [count] as a forward product reads them, (x - zero) or x + 128. */
    void (*lay)(const int8_t *x, int32_t count, int32_t zero, void *to);
    /* Panels of w: s8 [n][k], for a forward product. offset: s32 [n up to 16], what to add to the biases for it. */
    void (*pack_forward)(const int8_t *w, int32_t n, int32_t k, int32_t zero, void *panels, int32_t *offset);
    /* y: s8 [m][n] from row `first` on. mask: a bit per value, or NULL. */
    void (*product_s8)(const fe_product *p, const fe_requant *q, int32_t first, int8_t *y, uint8_t *mask);
    /* The same sums without rounding, init[n] on top. */
    void (*product_init)(const fe_product *p, const int32_t *init, int32_t *c, int32_t row);

    /* C: s32 [m][row]. Words are pairs of s16. */
    void (*product_s32)(const fe_product *p, int32_t *c, int32_t row);
    /* Pairs of rows: word (i / 2, c) = (x[i][c] - zero, x[i + 1][c] - zero), 0 beyond the last row. Column c goes to
     * word (c / 16) * tile + (i / 2) * step + c % 16. x: s8 [rows][stride], of which `columns` count. */
    void (*pack_pairs)(const int8_t *x, int32_t rows, int32_t columns, int32_t stride, int32_t zero, void *to,
                       int32_t tile, int32_t step);
    /* t: s16 [rows][row] = round_shift(g r, 15 - left), minus_r[c] = -r[c]. Zero beyond `channels`. */
    void (*factors)(const int8_t *g, const int16_t *minus_r, int32_t rows, int32_t channels, int32_t left, int16_t *t,
                    int32_t row);

    /* to: s16 [count] = x - zero. */
    void (*widen)(const int8_t *x, int32_t count, int32_t zero, int16_t *to);
    /* w: s8 [taps][channels]. to: s16, for 16 channels and every two taps 32 numbers. flip: taps in reverse. */
    void (*pack_taps)(const int8_t *w, int32_t taps, int32_t channels, int32_t flip, int16_t *to);
    void (*taps_s8)(const fe_taps *d, const fe_requant *q, int8_t *y, uint8_t *mask);
    void (*taps_s32)(const fe_taps *d, int32_t *y);
    /* sums: s32 [taps][n] = G of the first n channels. g: s8 [out_h][out_w][c]. */
    void (*taps_gradient)(const fe_taps *d, const int8_t *g, int32_t n, int32_t *sums);

    /* w: s8 [n] by G: s32 [n]; first: number of the draw of w[0]. One rate for all, or one per lane. */
    void (*step_row)(uint64_t key, uint32_t first, fe_rate rate, const int32_t *g, int8_t *w, int32_t n);
    void (*step_lanes)(uint64_t key, uint32_t first, const fe_rates *rates, const int32_t *g, int8_t *w, int32_t n);

    /* Rates of n outputs with the course's rate, rounded up to eight; base: 31 + k, less 16 for weights. */
    void (*rates)(fe_reals table, fe_real rate, int32_t base, int32_t n, const fe_rates *to);
    /* b: s32 [n] by their gradients. */
    void (*step_biases)(const fe_rates *rates, const int32_t *sums, int32_t *b, int32_t n);

    /* Dense layers, one row of A. sums[o] += x w[o]. w: s8 [n][k]. */
    void (*dots)(const int8_t *x, int32_t zero, const int8_t *w, int32_t n, int32_t k, int32_t *sums);
    /* dx[i] = sum over o of t[o] w[o][i]. t: s16 [n up to 2], 0 beyond n. */
    void (*combine)(const int16_t *t, const int8_t *w, int32_t n, int32_t k, int32_t *dx);
    /* row[i] = e (x[i] - zero). */
    void (*outer)(const int8_t *x, int32_t zero, int32_t e, int32_t k, int32_t *row);

    /* y: s8 [size] of two maps of one shape, with scales up to 1. mask: bits cleared beforehand, or NULL. */
    void (*add)(const fe_add *d, int32_t size, const int8_t *x, const int8_t *x2, int8_t *y, uint8_t *mask);

    void (*column_sums)(const int8_t *g, int32_t rows, int32_t columns, int32_t *sums);
    void (*mask)(int32_t size, const uint8_t *mask, int8_t *g);
    int32_t (*largest)(int32_t size, const int32_t *acc);
    void (*shift)(int32_t size, const int32_t *acc, int32_t shift, int8_t *e);
    void (*merge)(int32_t size, const int8_t *waiting, int32_t shift, int32_t *acc);
    void (*accumulate)(int32_t size, const int32_t *from, int32_t *to);

    /* Gradients in fp32, every sum in the order of SPEC.md. Words of a product are floats; c begins as `from`, of the
     * same shape, or at 0. */
    void (*product_f32)(const fe_product *p, const float *from, float *c, int32_t row);
    /* Panels of floats [columns / 16][rows][16] = x - zero. */
    void (*pack_f32)(const int8_t *x, int32_t rows, int32_t columns, int32_t stride, int32_t zero, float *to);
    /* t: [rows][row] = g scale. */
    void (*scale_f32)(const float *g, const float *scale, int32_t rows, int32_t channels, float *t, int32_t row);
    /* dx[i] += the sum over o of t[o] w[o][i]. */
    void (*combine_f32)(const float *t, const int8_t *w, int32_t n, int32_t k, float *dx);
    void (*taps_f32)(const fe_taps_f32 *d, const float *from, float *y);
    /* g, sums: rows of `channels` floats. */
    void (*taps_gradient_f32)(const fe_taps_f32 *d, const float *g, int32_t n, float *sums);
    void (*mask_f32)(int32_t size, const uint8_t *mask, float *g);
    void (*column_sums_f32)(const float *g, int32_t rows, int32_t columns, float *sums);
    int (*finite_f32)(int32_t size, const float *g);
    /* As step_row, by q = G factor to the nearest whole number. */
    void (*step_row_f32)(uint64_t key, uint32_t first, float factor, const float *g, int8_t *w, int32_t n);
    void (*step_lanes_f32)(uint64_t key, uint32_t first, const float *factors, const float *g, int8_t *w, int32_t n);
} fe_kernels;

/* NULL for FE_PLAIN and for what this processor or this build has not. */
const fe_kernels *fe_host_kernels(int32_t variant);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * The functions of the AVX2 variant; fe_kernels.h says what each does.
 */
#ifndef FE_AVX2_TABLE_H
#define FE_AVX2_TABLE_H

#include "fe_kernels.h"

#if defined(__x86_64__)
#define FE_X86 1

#include "fe_avx2.h"

void fe_product_s8_avx2(const fe_product *p, const fe_requant *q, int32_t first, int8_t *y, uint8_t *mask);
void fe_product_init_avx2(const fe_product *p, const int32_t *init, int32_t *c, int32_t row);
void fe_product_s32_avx2(const fe_product *p, int32_t *c, int32_t row);

void fe_pack_forward_avx2(const int8_t *w, int32_t n, int32_t k, int32_t zero, void *panels, int32_t *offset);
void fe_pack_pairs_avx2(const int8_t *x, int32_t rows, int32_t columns, int32_t stride, int32_t zero, void *to,
                        int32_t tile, int32_t step);
void fe_factors_avx2(const int8_t *g, const int16_t *minus_r, int32_t rows, int32_t channels, int32_t left, int16_t *t,
                     int32_t row);
void fe_widen_avx2(const int8_t *x, int32_t count, int32_t zero, int16_t *to);
void fe_lay_avx2(const int8_t *x, int32_t count, int32_t zero, void *to);

void fe_pack_taps_avx2(const int8_t *w, int32_t taps, int32_t channels, int32_t flip, int16_t *to);
void fe_taps_s8_avx2(const fe_taps *d, const fe_requant *q, int8_t *y, uint8_t *mask);
void fe_taps_s32_avx2(const fe_taps *d, int32_t *y);
void fe_taps_gradient_avx2(const fe_taps *d, const int8_t *g, int32_t n, int32_t *sums);

void fe_step_row_avx2(uint64_t key, uint32_t first, fe_rate rate, const int32_t *g, int8_t *w, int32_t n);
void fe_step_lanes_avx2(uint64_t key, uint32_t first, const fe_rates *rates, const int32_t *g, int8_t *w, int32_t n);

void fe_rates_avx2(fe_reals table, fe_real rate, int32_t base, int32_t n, const fe_rates *to);
void fe_step_biases_avx2(const fe_rates *rates, const int32_t *sums, int32_t *b, int32_t n);

void fe_dots_avx2(const int8_t *x, int32_t zero, const int8_t *w, int32_t n, int32_t k, int32_t *sums);
void fe_combine_avx2(const int16_t *t, const int8_t *w, int32_t n, int32_t k, int32_t *dx);
void fe_outer_avx2(const int8_t *x, int32_t zero, int32_t e, int32_t k, int32_t *row);

void fe_add_avx2(const fe_add *d, int32_t size, const int8_t *x, const int8_t *x2, int8_t *y, uint8_t *mask);

void fe_column_sums_avx2(const int8_t *g, int32_t rows, int32_t columns, int32_t *sums);
void fe_mask_avx2(int32_t size, const uint8_t *mask, int8_t *g);
int32_t fe_largest_avx2(int32_t size, const int32_t *acc);
void fe_shift_avx2(int32_t size, const int32_t *acc, int32_t shift, int8_t *e);
void fe_merge_avx2(int32_t size, const int8_t *waiting, int32_t shift, int32_t *acc);
void fe_accumulate_avx2(int32_t size, const int32_t *from, int32_t *to);

void fe_product_f32_avx2(const fe_product *p, const float *from, float *c, int32_t row);
void fe_pack_f32_avx2(const int8_t *x, int32_t rows, int32_t columns, int32_t stride, int32_t zero, float *to);
void fe_scale_f32_avx2(const float *g, const float *scale, int32_t rows, int32_t channels, float *t, int32_t row);
void fe_combine_f32_avx2(const float *t, const int8_t *w, int32_t n, int32_t k, float *dx);
void fe_taps_f32_avx2(const fe_taps_f32 *d, const float *from, float *y);
void fe_taps_gradient_f32_avx2(const fe_taps_f32 *d, const float *g, int32_t n, float *sums);
void fe_mask_f32_avx2(int32_t size, const uint8_t *mask, float *g);
void fe_column_sums_f32_avx2(const float *g, int32_t rows, int32_t columns, float *sums);
int fe_finite_f32_avx2(int32_t size, const float *g);
void fe_step_lanes_f32_avx2(uint64_t key, uint32_t first, const float *factors, const float *g, int8_t *w, int32_t n);
void fe_step_row_f32_avx2(uint64_t key, uint32_t first, float factor, const float *g, int8_t *w, int32_t n);

#else
#define FE_X86 0
typedef int fe_not_x86; /* ISO C wants something in every file */
#endif

#endif

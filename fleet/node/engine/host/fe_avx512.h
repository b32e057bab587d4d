/* SPDX-License-Identifier: Apache-2.0
 *
 * The AVX-512 variant: products with VNNI, which sum four or two products into 32 bits in one instruction. All else is
 * the AVX2 variant's.
 */
#ifndef FE_AVX512_H
#define FE_AVX512_H

#include "fe_avx2_table.h"

#if FE_X86

#ifdef FE_EMULATED
#define FE_TARGET512
#define FE_INLINE512 static inline __attribute__((always_inline))
#else
#define FE_TARGET512 __attribute__((target("avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))
#define FE_INLINE512 \
    static inline __attribute__((always_inline, target("avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))
#endif

void fe_lay_avx512(const int8_t *x, int32_t count, int32_t zero, void *to);
void fe_pack_forward_avx512(const int8_t *w, int32_t n, int32_t k, int32_t zero, void *panels, int32_t *offset);
void fe_product_s8_avx512(const fe_product *p, const fe_requant *q, int32_t first, int8_t *y, uint8_t *mask);
void fe_product_init_avx512(const fe_product *p, const int32_t *init, int32_t *c, int32_t row);
void fe_product_s32_avx512(const fe_product *p, int32_t *c, int32_t row);

#endif

#endif

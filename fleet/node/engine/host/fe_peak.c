/* SPDX-License-Identifier: Apache-2.0
 *
 * For benchmarks: as many multiply-accumulates as this processor can do, with nothing to load or store. Twelve sums
 * hide the latency of each; the empty assembler keeps the compiler from doing the product once.
 */
#include "fe_avx512.h"
#include "fe_host.h"

#if FE_X86

#define SUMS 12
#define OPAQUE(v) __asm__ volatile("" : "+x"(v))
#ifdef FE_EMULATED
#define OPAQUE512(v) ((void)(v))
#else
#define OPAQUE512(v) __asm__ volatile("" : "+v"(v))
#endif

FE_TARGET static int64_t peak_avx2(int32_t rounds)
{
    __m256i acc[SUMS], a = _mm256_set1_epi16(3), b = _mm256_set1_epi16(5), all = _mm256_setzero_si256();
    for (int i = 0; i < SUMS; i++)
        acc[i] = all;
    for (int32_t r = 0; r < rounds; r++)
        for (int i = 0; i < SUMS; i++) {
            OPAQUE(a);
            acc[i] = _mm256_add_epi32(acc[i], _mm256_madd_epi16(a, b));
        }
    for (int i = 0; i < SUMS; i++)
        all = _mm256_add_epi32(all, acc[i]);
    OPAQUE(all);
    return (int64_t)rounds * SUMS * 16;
}

FE_TARGET512 static int64_t peak_avx512(int32_t rounds)
{
    __m512i acc[SUMS], a = _mm512_set1_epi8(3), b = _mm512_set1_epi8(5), all = _mm512_setzero_si512();
    for (int i = 0; i < SUMS; i++)
        acc[i] = all;
    for (int32_t r = 0; r < rounds; r++)
        for (int i = 0; i < SUMS; i++) {
            OPAQUE512(a);
            acc[i] = _mm512_dpbusd_epi32(acc[i], a, b);
        }
    for (int i = 0; i < SUMS; i++)
        all = _mm512_add_epi32(all, acc[i]);
    OPAQUE512(all);
    return (int64_t)rounds * SUMS * 64;
}

int64_t fe_host_peak(int32_t variant, int32_t rounds)
{
    if (fe_host_kernels(variant) == 0)
        return 0;
    return variant == FE_AVX512 ? peak_avx512(rounds) : peak_avx2(rounds);
}

#else

int64_t fe_host_peak(int32_t variant, int32_t rounds)
{
    (void)variant, (void)rounds;
    return 0;
}

#endif

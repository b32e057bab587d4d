/* SPDX-License-Identifier: Apache-2.0
 *
 * What this processor can run. An operating system must save the wider registers too: XGETBV says so.
 * Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, 14.3, 15.2.
 */
#include "fe_avx512.h"
#include "fe_host.h"

#if FE_X86

#include <cpuid.h>

#define BACKWARD_AND_MAPS                                                                                              \
    fe_pack_pairs_avx2, fe_factors_avx2, fe_widen_avx2, fe_pack_taps_avx2, fe_taps_s8_avx2, fe_taps_s32_avx2,          \
        fe_taps_gradient_avx2, fe_step_row_avx2, fe_step_lanes_avx2, fe_rates_avx2, fe_step_biases_avx2,               \
        fe_dots_avx2, fe_combine_avx2, fe_outer_avx2, fe_add_avx2, fe_column_sums_avx2, fe_mask_avx2,                  \
        fe_largest_avx2, fe_shift_avx2, fe_merge_avx2, fe_accumulate_avx2, fe_product_f32_avx2, fe_pack_f32_avx2,      \
        fe_scale_f32_avx2, fe_combine_f32_avx2, fe_taps_f32_avx2, fe_taps_gradient_f32_avx2, fe_mask_f32_avx2,         \
        fe_column_sums_f32_avx2, fe_finite_f32_avx2, fe_step_row_f32_avx2, fe_step_lanes_f32_avx2

static const fe_kernels avx2 = {
    2,
    fe_lay_avx2,
    fe_pack_forward_avx2,
    fe_product_s8_avx2,
    fe_product_init_avx2,
    fe_product_s32_avx2,
    BACKWARD_AND_MAPS,
};

static const fe_kernels avx512 = {
    4,
    fe_lay_avx512,
    fe_pack_forward_avx512,
    fe_product_s8_avx512,
    fe_product_init_avx512,
    fe_product_s32_avx512,
    BACKWARD_AND_MAPS,
};

/* Registers that the system saves: bit 1 xmm, 2 ymm, 5 to 7 those of AVX-512. */
static uint32_t saved(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

static int has_avx2(void)
{
    uint32_t a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || (c & bit_OSXSAVE) == 0 || (saved() & 6) != 6)
        return 0;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_AVX2) != 0;
}

#ifdef FE_EMULATED
static int has_avx512(void)
{
    return 1;
}
#else
static int has_avx512(void)
{
    const uint32_t wanted = bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL;
    uint32_t a, b, c, d;
    if (!has_avx2() || (saved() & 0xE6) != 0xE6 || !__get_cpuid_count(7, 0, &a, &b, &c, &d))
        return 0;
    return (b & wanted) == wanted && (c & bit_AVX512VNNI) != 0;
}
#endif

int32_t fe_host_best(void)
{
    return has_avx512() ? FE_AVX512 : has_avx2() ? FE_AVX2 : FE_PLAIN;
}

const fe_kernels *fe_host_kernels(int32_t variant)
{
    if (variant == FE_AVX512)
        return has_avx512() ? &avx512 : 0;
    return variant == FE_AVX2 && has_avx2() ? &avx2 : 0;
}

#else

int32_t fe_host_best(void)
{
    return FE_PLAIN;
}

const fe_kernels *fe_host_kernels(int32_t variant)
{
    (void)variant;
    return 0;
}

#endif

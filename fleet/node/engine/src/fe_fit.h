/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a step of a plan can run: every byte that it reads or writes lies in a memory that the header declares, on an
 * address that every core can load from, and its numbers are those that its operator is made for.   SPEC.md, "Plan"
 */
#ifndef FE_FIT_H
#define FE_FIT_H

#include "fe_plan.h"

/* What the group that a step belongs to has looked at itself: maps that exist in part, planes instead of gradients. */
enum { FE_SEEN_X = 1, FE_SEEN_X2 = 2, FE_SEEN_Y = 4, FE_SEEN_GRADIENTS = 8 };

/* The longest side of a map, kernel, stride or padding, and the most bytes of anything: an offset has 28 bits. */
enum { FE_MOST_SIDE = 0xFFFF, FE_MOST_BYTES = 0x0FFFFFFF };

int fe_step_fits(const fe_plan *p, const fe_step *step, int32_t seen);

/* The same by kind of operator. */
int fe_layer_fits(const fe_plan *p, const fe_step *step, int32_t seen);
int fe_map_fits(const fe_plan *p, const fe_step *step, int32_t seen);
int fe_map_gradient_fits(const fe_plan *p, const fe_step *step, int32_t seen);

/* Values of a map; -1 where a side or their number is not one that can be. */
int64_t fe_volume(int32_t h, int32_t w, int32_t c);

/* Whether so many bytes lie from a reference on, where they may be read or written; bytes < 0 never do. align: 1, 2 or 4. */
int fe_readable(const fe_plan *p, int32_t ref, int64_t bytes, int32_t align);
int fe_writable(const fe_plan *p, int32_t ref, int64_t bytes, int32_t align);
int fe_lies_in(const fe_plan *p, int32_t region, int32_t ref, int64_t bytes, int32_t align);

/* A mask of so many bits, or none. */
int fe_mask_lies(const fe_plan *p, int32_t ref, int64_t bits);

/* The gradient of an operator's input, of a map of places and channels, from `size` values behind it. */
int fe_flow_fits(const fe_plan *p, const fe_flow *f, int64_t size, int64_t places, int32_t channels, int32_t seen);

/* Sides that a window can walk, and what it may be clipped to. */
int fe_is_geometry(const fe_geometry *d);

/* A side is repeated, or as long. */
int fe_repeats_into(const fe_repeat *d);

/* What clips an output, and a positive real number in the normal form. */
static inline int fe_is_byte(int32_t v)
{
    return v >= -128 && v <= 127;
}

static inline int fe_is_clip(int32_t low, int32_t high)
{
    return fe_is_byte(low) && fe_is_byte(high) && low <= high;
}

static inline int fe_is_scale(fe_real v)
{
    return v.mant >= 0 && v.exp >= -31 && v.exp <= 31;
}

/* Bytes of one value of a gradient. */
static inline int32_t fe_gradient_bytes(const fe_plan *p)
{
    return FE_FLOAT && p->gradients == FE_FP32 ? 4 : 1;
}

#endif

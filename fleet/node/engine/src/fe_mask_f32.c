/* SPDX-License-Identifier: Apache-2.0
 *
 * Clipping masks on gradients in fp32.
 */
#include "fe_block.h"

#if FE_FLOAT

void fe_mask_f32(int32_t size, const uint8_t *mask, float *g)
{
    for (int32_t i = 0; i < size; i++)
        if ((mask[i >> 3] >> (i & 7) & 1) == 0)
            g[i] = 0.0f;
}

#endif

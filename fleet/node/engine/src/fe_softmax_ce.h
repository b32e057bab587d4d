/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FE_SOFTMAX_CE_H
#define FE_SOFTMAX_CE_H

#include "fe_ops.h"

extern const uint16_t fe_exp2_table[256];

/* Returns the Q15 probability of the label before the step. */
uint32_t fe_softmax_ce(int32_t classes, const int16_t *z, const uint8_t *own, int32_t label, int32_t *g);

#endif

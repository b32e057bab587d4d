/* SPDX-License-Identifier: Apache-2.0
 *
 * Steps of operators without weights, as they lie in a plan.   SPEC.md, "Plan"; written by fleet/node/plan/steps/maps.py.
 */
#ifndef FE_MAP_STEPS_H
#define FE_MAP_STEPS_H

#include "fe_average_pool_s8.h"
#include "fe_edges_f32.h"
#include "fe_max_pool_s8.h"
#include "fe_mean_s8.h"
#include "fe_move_s8.h"
#include "fe_mul_s8.h"
#include "fe_plan.h"
#include "fe_resize_s8.h"
#include "fe_softmax_s8.h"
#include "fe_table_s8.h"

typedef struct {
    fe_step step;
    int32_t x, x2, y, mask;
    fe_mul d;
} fe_mul_step;

/* Average and largest value over windows. */
typedef struct {
    fe_step step;
    int32_t x, y, mask;
    fe_geometry d;
} fe_window_step;

typedef struct {
    fe_step step;
    int32_t x, y;
    fe_mean d;
} fe_mean_over_step;

typedef struct {
    fe_step step;
    int32_t x, y;
    fe_move d;
} fe_moving_step;

/* places: in the model. */
typedef struct {
    fe_step step;
    int32_t x, y, places;
    fe_resize d;
} fe_resize_step;

/* table: in the model. */
typedef struct {
    fe_step step;
    int32_t x, y, table, size;
} fe_table_step;

/* exps: in the model. */
typedef struct {
    fe_step step;
    int32_t x, y, exps, positions, channels;
} fe_softmax_step;

typedef struct {
    fe_step step;
    int32_t x, y;
    fe_edge d;
} fe_edge_step;

/* other: the map that this input was multiplied by. */
typedef struct {
    fe_step step;
    fe_flow flow;
    int32_t other;
    fe_grad_mul d;
} fe_grad_mul_step;

/* x: none of an average. */
typedef struct {
    fe_step step;
    fe_flow flow;
    int32_t x;
    fe_grad_window d;
} fe_grad_window_step;

typedef struct {
    fe_step step;
    fe_flow flow;
    fe_grad_mean d;
} fe_grad_mean_step;

typedef struct {
    fe_step step;
    fe_flow flow;
    fe_move d;
} fe_grad_moving_step;

typedef struct {
    fe_step step;
    fe_flow flow;
    int32_t places;
    fe_resize d;
} fe_grad_resize_step;

/* slopes: in the model. */
typedef struct {
    fe_step step;
    fe_flow flow;
    int32_t x, slopes;
    fe_grad_table d;
} fe_grad_table_step;

#endif

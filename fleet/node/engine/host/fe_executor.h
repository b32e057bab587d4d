/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside the executor: prepared steps, the memory they take, and what they share.
 */
#ifndef FE_EXECUTOR_H
#define FE_EXECUTOR_H

#include "fe_host.h"
#include "fe_kernels.h"
#include "fe_run.h"
#include "fe_update.h"

typedef struct fe_host_step fe_host_step;
typedef void fe_host_run(const fe_host *host, const fe_host_step *step);

struct fe_host_step {
    fe_host_run *run;
    const fe_step *plan;
    void *kept; /* of the function's own type */
};

struct fe_host {
    fe_node node;
    int8_t *window; /* where windows are read if the plan streams its input, else NULL */
    const fe_kernels *kernels;
    fe_host_step *steps;
    int32_t count, loss, apply; /* steps; number of the loss, of the first step that ends a batch */
    int32_t changed;            /* trained values may differ from those at the last forward pass */
    const fe_course *course;    /* of the step that runs */
    uint64_t key;
};

/* Two passes over the plan share one code: the first counts bytes (memory NULL), the second hands them out. */
typedef struct {
    const fe_node *node;
    const fe_kernels *kernels;
    uint8_t *memory, *scratch;
    int64_t used, borrowed, most; /* taken for good; scratch of this step; of the step that needs most */
    int64_t lent;                 /* of the scratch, to the group that this step is in */
} fe_prepare;

/* Memory for good, or for one run of this step. NULL while bytes are counted. */
static inline void *fe_hold(fe_prepare *p, int64_t bytes)
{
    uint8_t *at = p->memory == 0 ? 0 : p->memory + p->used;
    p->used += (bytes + 63) / 64 * 64;
    return at;
}

static inline void *fe_borrow(fe_prepare *p, int64_t bytes)
{
    uint8_t *at = p->scratch == 0 ? 0 : p->scratch + p->borrowed;
    p->borrowed += (bytes + 63) / 64 * 64;
    p->most = p->borrowed > p->most ? p->borrowed : p->most;
    return at;
}

static inline int fe_counting(const fe_prepare *p)
{
    return p->memory == 0;
}

/* Weights as rows of one length, [rows][trained] and [rows][frozen] side by side where both exist. */
typedef struct {
    const int8_t *trained, *frozen;
    int8_t *joined;
    int32_t rows, na, nb;
} fe_rows;

fe_rows fe_rows_of(fe_prepare *p, int32_t trained, int32_t frozen, int32_t rows, int32_t na, int32_t n);

/* The rows as they are now. */
const int8_t *fe_rows_now(const fe_rows *rows);

/* Requantisation of n outputs. split: in the order of the depthwise kernels' lanes. */
typedef struct {
    int32_t *bias, *mant, *half, *shift;
    int32_t upward; /* some scale is 1 or more: the kernels leave that to fe_scale */
} fe_scales;

fe_scales fe_scales_of(fe_prepare *p, fe_reals scale, int32_t n, int split);
void fe_put_biases(const fe_scales *to, const int32_t *bias, const int32_t *offset, int32_t n, int split);

/* A copy of a convolution's map with its padding, as far as outputs see it. */
typedef struct {
    const fe_geometry *d;
    int32_t height, width;
    int8_t *map;
} fe_padded;

fe_padded fe_padded_of(fe_prepare *p, const fe_geometry *d);
void fe_fill_padded(const fe_padded *padded, const int8_t *x);

/* What the taps of positions first, first + 1, ... see of the first n channels: s8 [count][row], [taps][n] and then the
 * zero point. to: fe_columns_bytes. */
int64_t fe_columns_bytes(int32_t count, int32_t row);
void fe_columns(const fe_padded *padded, int32_t n, int32_t first, int32_t count, int8_t *to, int32_t row);

/* Whether each output position sees exactly the input position of its number. */
static inline int fe_pointwise(const fe_geometry *d)
{
    return d->k_h == 1 && d->k_w == 1 && d->stride_h == 1 && d->stride_w == 1 && d->pad_top == 0 && d->pad_left == 0 &&
           d->in_h == d->out_h && d->in_w == d->out_w;
}

static inline int32_t fe_positions(const fe_geometry *d)
{
    return d->out_h * d->out_w;
}

/* minus_r[o] = -r[o], and zeros up to a whole panel. */
void fe_put_factors(int16_t *minus_r, const uint16_t *r, int32_t n);

/* The update's context of a step that trains; whether the vectorised rule serves it. */
fe_update fe_update_at(const fe_host *host, const fe_update_step *s);
int fe_is_stochastic(const fe_prepare *p, const fe_update_step *s);

/* Where the sums of an input gradient go: their place in the plan, or scratch where the recipe fixed the exponents. */
int32_t *fe_sums_of(fe_prepare *p, const fe_flow *flow);

/* After these sums: their exponent, g's plus exp; with fixed exponents the gradient that they become. */
void fe_settle(const fe_host *host, const fe_flow *flow, int32_t *sums, int32_t exp);

/* acc += a waiting gradient. Returns the exponent of the sum. */
int32_t fe_merge_waiting(const fe_host *host, int32_t size, const int8_t *waiting, int32_t k_waiting, int32_t *acc,
                         int32_t k);

/* Room for the rates of n outputs. */
static inline fe_rates fe_rates_room(fe_prepare *p, int32_t n)
{
    const int64_t bytes = 4 * (int64_t)fe_up(n, FE_PANEL);
    const fe_rates r = {fe_borrow(p, bytes), fe_borrow(p, bytes), fe_borrow(p, bytes)};
    return r;
}

/* A step that has no faster function. */
void fe_interpret(const fe_host *host, const fe_host_step *step);

/* Sets run: a faster function, or the interpreter's. */
void fe_prepare_step(fe_prepare *p, fe_host_step *step);

/* The steps of a group, `apart` words from one to the next, as those of a host of their own. Their scratch lies behind
 * what the group borrowed. */
void fe_prepare_inner(fe_prepare *p, fe_host *host, const int32_t *words, int32_t apart);

/* A reference to room in a group's own arena, of which `used` bytes are taken. */
static inline int32_t fe_place_for(int64_t *used, int64_t bytes)
{
    const int32_t ref = (int32_t)((uint32_t)FE_ARENA << 28 | (uint32_t)*used);
    *used += (bytes + 63) / 64 * 64;
    return ref;
}

/* A group of rows, whose steps run one after the other on whole maps of the executor's own. */
void fe_prepare_rows(fe_prepare *p, fe_host_step *step);

/* A group of channels, whose steps run one after the other on whole gradients of the executor's own. */
void fe_prepare_channels(fe_prepare *p, fe_host_step *step);

/* A depthwise layer in place: as one elsewhere, then copied. */
void fe_prepare_in_place(fe_prepare *p, fe_host_step *step);

/* Each looks at a step: if it has a faster function, sets run and kept; counts or takes memory either way. */
void fe_prepare_conv(fe_prepare *p, fe_host_step *step);
void fe_prepare_conv_grad(fe_prepare *p, fe_host_step *step);
void fe_prepare_conv_update(fe_prepare *p, fe_host_step *step);
void fe_prepare_depthwise(fe_prepare *p, fe_host_step *step);
void fe_prepare_depthwise_grad(fe_prepare *p, fe_host_step *step);
void fe_prepare_depthwise_update(fe_prepare *p, fe_host_step *step);
void fe_prepare_dense(fe_prepare *p, fe_host_step *step);
void fe_prepare_dense_grad(fe_prepare *p, fe_host_step *step);
void fe_prepare_dense_update(fe_prepare *p, fe_host_step *step);
void fe_prepare_map(fe_host_step *step);
void fe_prepare_add(fe_host_step *step);
void fe_prepare_pool(fe_prepare *p, fe_host_step *step);

/* The same of steps whose gradients are floats. */
void fe_prepare_conv_grad_f32(fe_prepare *p, fe_host_step *step);
void fe_prepare_conv_update_f32(fe_prepare *p, fe_host_step *step);
void fe_prepare_depthwise_grad_f32(fe_prepare *p, fe_host_step *step);
void fe_prepare_depthwise_update_f32(fe_prepare *p, fe_host_step *step);
void fe_prepare_map_f32(fe_prepare *p, fe_host_step *step);

/* Rows first, first + 1, ... of n weights each, from sums [count][n]. fast: by the vectorised rule. */
void fe_step_rows_f32(const fe_host *h, const fe_update *u, int fast, int32_t first, int32_t count, const float *sums,
                      int8_t *w, int32_t n);
void fe_prepare_bias(fe_prepare *p, fe_host_step *step);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * Convolution, int8, forward, two places by two outputs at a time: a pair of outputs goes over all places, so that its
 * scales are prepared once and the input's zero point becomes a part of its biases. Places whose windows are cut off by
 * the map's edge, and outputs of odd scales, go the plain way. Same bytes.
 */
#include "fe_conv_s8.h"

#if FE_TILES

#include "fe_tile.h"

/* Weights of a pair of outputs over `lines` runs of `run` values that lie side by side in x, too, `apart` from each
 * other there, the first one `at` the window's beginning. */
typedef struct {
    const int8_t *w[2];
    int32_t run, lines, apart, at;
} fe_block_of;

/* A pair of outputs; the second is the first again where there is none. Blocks of its trained and frozen weights. */
typedef struct {
    fe_ends ends;
    fe_factor factor[2];
    int32_t bias[2];
    fe_block_of block[2];
    int32_t blocks, outputs; /* 1 or 2 of them */
    int32_t step, out_c;     /* from place to place in x and in y */
} fe_pair_of;

static int32_t sum_of(const int8_t *w, int32_t n)
{
    int32_t sum = 0;
#if FE_PAIRS
    for (; n >= 4; n -= 4, w += 4) {
        const int32_t word = fe_load4(w);
        sum = __smlad(fe_odd(word), 0x10001, __smlad(fe_even(word), 0x10001, sum));
    }
#endif
    while (n > 0)
        sum += w[--n];
    return sum;
}

/* Weights of n channels from channel `first` on. 0: they do not lie in lines. */
static int32_t add_block(const fe_geometry *d, fe_pair_of *p, const int8_t *w, const int32_t *o, int32_t n, int32_t first)
{
    fe_block_of *k = p->block + p->blocks;
    const int32_t all = d->k_h * d->k_w * n;
    if (n == 0)
        return 1;
    if (n != d->in_c && d->k_h > 1)
        return 0;
    k->run = n == d->in_c ? d->k_w * n : n;
    k->lines = n == d->in_c ? d->k_h : d->k_w;
    k->apart = n == d->in_c ? d->in_w * d->in_c : d->in_c;
    k->at = first;
    for (int32_t j = 0; j < 2; j++) {
        k->w[j] = w + o[j] * all;
        p->bias[j] -= d->zero_x * sum_of(k->w[j], all);
    }
    p->blocks++;
    return 1;
}

/* 0: these outputs need the plain way. */
FE_ALONE int32_t prepare(const fe_geometry *d, fe_weights w, const int32_t *b, fe_reals scale, fe_span outputs,
                       fe_pair_of *p)
{
    const int32_t n = d->in_c / d->groups, o[2] = {outputs.first, outputs.end - 1};
    p->blocks = 0;
    p->outputs = outputs.end - outputs.first;
    p->step = d->stride_w * d->in_c;
    p->out_c = d->out_c;
    fe_begin_ends(d, &p->ends);
    for (int32_t j = 0; j < 2; j++) {
        p->bias[j] = b[o[j]];
        if (!fe_prepare(fe_real_at(scale, o[j]), d->k_h * d->k_w * n, b[o[j]], &p->ends, p->factor + j))
            return 0;
    }
    return add_block(d, p, w.trained, o, d->trained, 0) && add_block(d, p, w.frozen, o, n - d->trained, d->trained);
}

#if FE_PAIRS || FE_LONG_PRODUCTS

/* acc[0], acc[1] += x0 w0, x0 w1; acc[2], acc[3] += x1 w0, x1 w1. */
static inline void dot(const int8_t *x0, const int8_t *x1, const int8_t *w0, const int8_t *w1, int32_t n, int32_t *acc)
{
    int32_t a0 = acc[0], a1 = acc[1], a2 = acc[2], a3 = acc[3];
#if FE_PAIRS
    const int8_t *end = x0 + (n & ~7);
    while (x0 != end) {
        FE_FOUR_THERE();
        FE_FOUR_THERE();
    }
    if ((n & 4) != 0)
        FE_FOUR_THERE();
    n &= 3;
#endif
    for (int32_t i = 0; i < n; i++) {
        a0 += x0[i] * w0[i];
        a1 += x0[i] * w1[i];
        a2 += x1[i] * w0[i];
        a3 += x1[i] * w1[i];
    }
    acc[0] = a0;
    acc[1] = a1;
    acc[2] = a2;
    acc[3] = a3;
}

#else

/* The same, place by place: ARMv6-M has registers for one place by two outputs. From the end: one index counts. */
static inline void dot(const int8_t *x0, const int8_t *x1, const int8_t *w0, const int8_t *w1, int32_t n, int32_t *acc)
{
    for (int32_t j = 0; j < (x0 == x1 ? 2 : 4); j += 2) {
        const int8_t *x = (j == 0 ? x0 : x1) - 1;
        int32_t a0 = acc[j], a1 = acc[j + 1], i = n;
        do {
            a0 += x[i] * (w0 - 1)[i];
            a1 += x[i] * (w1 - 1)[i];
        } while (--i != 0);
        acc[j] = a0;
        acc[j + 1] = a1;
    }
}

#endif

/* The sums of two places, whose windows are whole, and both outputs. */
static void sums(const fe_pair_of *p, const int8_t *x0, const int8_t *x1, int32_t *acc)
{
    acc[0] = acc[2] = p->bias[0];
    acc[1] = acc[3] = p->bias[1];
    for (const fe_block_of *k = p->block; k < p->block + p->blocks; k++) {
        const int8_t *w0 = k->w[0], *w1 = k->w[1];
        int32_t at = k->at;
        for (int32_t line = k->lines; line > 0; line--, at += k->apart, w0 += k->run, w1 += k->run)
            dot(x0 + at, x1 + at, w0, w1, k->run, acc);
    }
}

/* One place. i: number of its first output in y. */
FE_ALONE void put(const fe_pair_of *p, const int32_t *acc, int8_t *y, uint8_t *mask, int32_t i)
{
    y[i] = fe_put(&p->ends, p->factor, acc[0], mask, i);
    if (p->outputs > 1)
        y[i + 1] = fe_put(&p->ends, p->factor + 1, acc[1], mask, i + 1);
}

/* `count` places side by side; x: the window of the first. */
FE_ALONE void line(const fe_pair_of *p, const int8_t *x, int32_t count, int8_t *y, uint8_t *mask, int32_t i)
{
    int32_t acc[4];
    for (; count > 1; count -= 2, x += 2 * p->step, i += 2 * p->out_c) {
        sums(p, x, x + p->step, acc);
        put(p, acc, y, mask, i);
        put(p, acc + 2, y, mask, i + p->out_c);
    }
    if (count > 0) {
        sums(p, x, x, acc);
        put(p, acc, y, mask, i);
    }
}

/* A pointwise layer, whose map may be one line. */
static int32_t is_flat(const fe_geometry *d)
{
    return d->k_h * d->k_w == 1 && d->stride_h == 1 && d->stride_w == 1 && d->out_h * d->out_w == d->in_h * d->in_w;
}

void fe_conv_s8_tiles(const fe_geometry *d, const int8_t *x, fe_weights w, const int32_t *b, fe_reals scale,
                      fe_span span, int8_t *y, uint8_t *mask)
{
    const fe_span inner = fe_whole_windows(d->in_w, d->out_w, d->k_w, d->stride_w, d->pad_left);
    fe_pair_of p;
    for (fe_span pair = span; pair.first < span.end; pair.first = pair.end) {
        fe_span rest = {0, d->out_h * d->out_w};
        pair.end = span.end - pair.first < 2 ? span.end : pair.first + 2;
        if (inner.end <= inner.first || !prepare(d, w, b, scale, pair, &p)) {
            fe_conv_s8_part(d, x, w, b, scale, pair, rest, y, mask);
        } else if (is_flat(d)) {
            line(&p, x, rest.end, y, mask, pair.first);
        } else {
            for (int32_t oy = 0; oy < d->out_h; oy++) {
                const int32_t top = oy * d->stride_h - d->pad_top, left = inner.first * d->stride_w - d->pad_left;
                const int32_t row = oy * d->out_w;
                if (top < 0 || top + d->k_h > d->in_h)
                    continue;
                line(&p, x + (top * d->in_w + left) * d->in_c, inner.end - inner.first, y, mask,
                     (row + inner.first) * d->out_c + pair.first);
                rest.end = row + inner.first; /* what lies between this row's line and that of the one before */
                fe_conv_s8_part(d, x, w, b, scale, pair, rest, y, mask);
                rest.first = row + inner.end;
            }
            rest.end = d->out_h * d->out_w;
            fe_conv_s8_part(d, x, w, b, scale, pair, rest, y, mask);
        }
    }
}

#endif

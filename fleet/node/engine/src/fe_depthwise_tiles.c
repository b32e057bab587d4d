/* SPDX-License-Identifier: Apache-2.0
 *
 * Depthwise convolution, int8, forward, one or four channels over all places: their scales are prepared once, and the
 * four go as pairs where the core multiplies those. Same bytes as the plain way.
 */
#include "fe_depthwise_s8.h"

#if FE_TILES

#include "fe_tile.h"

enum { LANES = FE_DEPTHWISE_LANES };

/* Steps through the weights from tap to tap and row to row, through x the same and from place to place. */
typedef struct {
    fe_narrow narrow;
    int32_t bias[LANES];
    const int8_t *w;
    int32_t w_tap, w_row, x_tap, x_row, x_place, y_place;
    int32_t zero; /* the input's, as a pair where there are pairs */
} fe_channels_of;

/* A window of rows by columns taps, at x and w. Without rows it is empty. */
typedef struct {
    const int8_t *x, *w;
    int32_t rows, columns;
} fe_taps;

#if FE_PAIRS

#define FE_ZERO_OF(zero_x) fe_twice(-(zero_x))

/* acc[j] += the product of lane j under one tap. */
FE_ALWAYS void tap(const int8_t *x, const int8_t *w, int32_t zero, int32_t *acc)
{
    int32_t u = fe_load4(x), k = fe_load4(w), e = fe_even_plus(zero, u), f = fe_even(k);
    acc[0] = __smlabb(e, f, acc[0]);
    acc[2] = __smlatt(e, f, acc[2]);
    e = fe_odd_plus(zero, u);
    f = fe_odd(k);
    acc[1] = __smlabb(e, f, acc[1]);
    acc[3] = __smlatt(e, f, acc[3]);
}

static inline void sums(const fe_channels_of *t, const fe_taps *v, int32_t *sum)
{
    const int32_t zero = t->zero, x_tap = t->x_tap, w_tap = t->w_tap;
    const int8_t *x_row = v->x, *w_row = v->w;
    int32_t acc[LANES] = {t->bias[0], t->bias[1], t->bias[2], t->bias[3]};
    for (int32_t rows = v->rows; rows != 0; rows--, x_row += t->x_row, w_row += t->w_row) {
        const int8_t *x = x_row, *w = w_row;
        int32_t taps = v->columns;
        do {
            tap(x, w, zero, acc);
            x += x_tap;
            w += w_tap;
        } while (--taps != 0);
    }
    sum[0] = acc[0];
    sum[1] = acc[1];
    sum[2] = acc[2];
    sum[3] = acc[3];
}

/* All lanes' values before any is stored: y might be where they are read from. */
static inline void put(const fe_channels_of *t, const int32_t *acc, int8_t *y)
{
    const fe_narrow *n = &t->narrow;
    int32_t v0 = fe_narrowed(n, 0, acc[0]), v1 = fe_narrowed(n, 1, acc[1]);
    int32_t v2 = fe_narrowed(n, 2, acc[2]), v3 = fe_narrowed(n, 3, acc[3]);
    if (fe_is_cut(n)) {
        const int32_t low = n->low, high = n->high;
        v0 = fe_clamp(v0, low, high);
        v1 = fe_clamp(v1, low, high);
        v2 = fe_clamp(v2, low, high);
        v3 = fe_clamp(v3, low, high);
    }
    y[0] = fe_saturated(v0);
    y[1] = fe_saturated(v1);
    y[2] = fe_saturated(v2);
    y[3] = fe_saturated(v3);
}

#else

#define FE_ZERO_OF(zero_x) (zero_x)

static inline void sums(const fe_channels_of *t, const fe_taps *v, int32_t *acc)
{
    const int32_t zero = t->zero, x_tap = t->x_tap, w_tap = t->w_tap;
    const int8_t *x_row = v->x, *w_row = v->w;
    int32_t sum = t->bias[0];
    for (int32_t rows = v->rows; rows != 0; rows--, x_row += t->x_row, w_row += t->w_row) {
        const int8_t *x = x_row, *w = w_row;
        int32_t taps = v->columns;
        do {
            sum += (x[0] - zero) * w[0];
            x += x_tap;
            w += w_tap;
        } while (--taps != 0);
    }
    acc[0] = sum;
}

static inline void put(const fe_channels_of *t, const int32_t *acc, int8_t *y)
{
    y[0] = fe_put(&t->narrow, 0, acc[0], 0, 0);
}

#endif

/* `count` places side by side, whose windows are of one shape; i: number of the first output. */
FE_ALONE void places(const fe_channels_of *t, fe_taps v, int32_t count, int8_t *y, uint8_t *mask, int32_t i)
{
    for (; count > 0; count--, v.x += t->x_place, i += t->y_place) {
        int32_t acc[LANES];
        sums(t, &v, acc);
        if (mask == 0 && !t->narrow.odd) {
            put(t, acc, y + i);
            continue;
        }
        for (int32_t j = 0; j < LANES; j++)
            y[i + j] = fe_put(&t->narrow, j, acc[j], mask, i + j);
    }
}

/* One row of outputs, the first of which is number i of the map: places at the sides one by one. */
static void row(const fe_geometry *d, const fe_channels_of *t, const int8_t *x, int32_t oy, int8_t *y, uint8_t *mask,
                int32_t i)
{
    const int32_t top = oy * d->stride_h - d->pad_top, above = top < 0 ? -top : 0;
    const int32_t below = d->in_h - top < d->k_h ? d->in_h - top : d->k_h;
    int32_t left = -d->pad_left, count;
    for (int32_t ox = 0; ox < d->out_w; ox += count, left += count * d->stride_w, i += count * d->out_c) {
        const int32_t first = left < 0 ? -left : 0, end = d->in_w - left < d->k_w ? d->in_w - left : d->k_w;
        fe_taps v;
        v.columns = end - first;
        v.rows = below > above && end > first ? below - above : 0;
        v.x = x + (top + above) * t->x_row + (left + first) * d->in_c;
        v.w = t->w + above * t->w_row + first * t->w_tap;
        count = v.columns < d->k_w ? 1 : (d->in_w - d->k_w - left) / d->stride_w + 1;
        count = count < d->out_w - ox ? count : d->out_w - ox;
        places(t, v, count, y, mask, i);
    }
}

int32_t fe_depthwise_s8_tile(const fe_geometry *d, const int8_t *x, const int8_t *w, int32_t apart, const int32_t *b,
                             fe_reals scale, int32_t c, int8_t *y, uint8_t *mask)
{
    fe_channels_of t;
    fe_begin_narrow(d, &t.narrow);
    t.w = w;
    t.w_tap = apart;
    t.w_row = d->k_w * apart;
    t.x_tap = d->in_c;
    t.x_row = d->in_w * d->in_c;
    t.x_place = d->stride_w * d->in_c;
    t.y_place = d->out_c;
    t.zero = FE_ZERO_OF(d->zero_x);
    for (int32_t j = 0; j < LANES; j++) {
        t.bias[j] = b[j];
        if (!fe_prepare(fe_real_at(scale, c + j), d->k_h * d->k_w, b[j], j, &t.narrow))
            return 0;
    }
    for (int32_t oy = 0; oy < d->out_h; oy++)
        row(d, &t, x, oy, y, mask, oy * d->out_w * d->out_c + c);
    return 1;
}

#endif

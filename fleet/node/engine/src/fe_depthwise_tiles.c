/* SPDX-License-Identifier: Apache-2.0
 *
 * Depthwise convolution, int8, forward, one channel over all places: its scale is prepared once. Same bytes as the plain
 * way.
 */
#include "fe_depthwise_s8.h"

#if FE_TILES

#include "fe_tile.h"

/* Steps through the weights from tap to tap and row to row, through x the same and from place to place. */
typedef struct {
    fe_ends ends;
    fe_factor factor;
    int32_t bias;
    const int8_t *w;
    int32_t w_tap, w_row, x_tap, x_row, x_place, y_place;
    int32_t zero; /* the input's */
} fe_channels_of;

/* A window of rows by columns taps, at x and w. Without rows it is empty. */
typedef struct {
    const int8_t *x, *w;
    int32_t rows, columns;
} fe_taps;

static inline int32_t sum_of(const fe_channels_of *t, const fe_taps *v)
{
    const int32_t zero = t->zero, x_tap = t->x_tap, w_tap = t->w_tap;
    const int8_t *x_row = v->x, *w_row = v->w;
    int32_t sum = t->bias;
    for (int32_t rows = v->rows; rows != 0; rows--, x_row += t->x_row, w_row += t->w_row) {
        const int8_t *x = x_row, *w = w_row;
        int32_t taps = v->columns;
        do {
            sum += (x[0] - zero) * w[0];
            x += x_tap;
            w += w_tap;
        } while (--taps != 0);
    }
    return sum;
}

/* `count` places side by side, whose windows are of one shape; i: number of the first output. */
FE_ALONE void places(const fe_channels_of *t, fe_taps v, int32_t count, int8_t *y, uint8_t *mask, int32_t i)
{
    for (; count > 0; count--, v.x += t->x_place, i += t->y_place) {
        const int32_t sum = sum_of(t, &v);
        if (mask == 0 && !t->ends.odd)
            y[i] = (int8_t)fe_clamp(fe_narrowed(&t->factor, sum), t->ends.low, t->ends.high);
        else
            y[i] = fe_put(&t->ends, &t->factor, sum, mask, i);
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
    fe_begin_ends(d, &t.ends);
    t.w = w;
    t.w_tap = apart;
    t.w_row = d->k_w * apart;
    t.x_tap = d->in_c;
    t.x_row = d->in_w * d->in_c;
    t.x_place = d->stride_w * d->in_c;
    t.y_place = d->out_c;
    t.zero = d->zero_x;
    t.bias = b[0];
    if (!fe_prepare(fe_real_at(scale, c), d->k_h * d->k_w, b[0], &t.ends, &t.factor))
        return 0;
    for (int32_t oy = 0; oy < d->out_h; oy++)
        row(d, &t, x, oy, y, mask, oy * d->out_w * d->out_c + c);
    return 1;
}

#endif

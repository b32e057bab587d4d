/* SPDX-License-Identifier: Apache-2.0
 *
 * Depthwise convolution, int8, forward, on a core that multiplies pairs: four channels over all places, whose scales are
 * prepared once. Same bytes as the plain way. Two frames of stack, small enough for a row of a group.
 */
#include "fe_depthwise_s8.h"
#include "fe_tile.h"

#if FE_PAIRS

/* Four channels. Steps through the weights from tap to tap and row to row, through x the same and from place to place. */
typedef struct {
    fe_factor factor[4];
    int32_t bias[4];
    fe_ends ends;
    int32_t zero; /* of the input, as a pair, less than nothing */
    int32_t x_tap, w_tap, x_row, w_row, x_place, y_place;
    int32_t slow; /* any but a plain clip */
} fe_four;

/* A window of rows by columns taps, at x and w, of `count` places side by side. Without rows it is empty. */
typedef struct {
    const int8_t *x, *w;
    int32_t rows, columns, count;
} fe_taps;

/* a[j] += the products of lane j under one, two or three taps that lie x_tap and w_tap apart. */
#if FE_BLOCKS

#define FE_LANES_IN                                                                                                    \
    "sxtab16 %[e], %[zero], %[u]\n\tsxtb16 %[f], %[k]\n\t"                                                             \
    "smlabb %[a0], %[e], %[f], %[a0]\n\tsmlatt %[a2], %[e], %[f], %[a2]\n\t"                                           \
    "sxtab16 %[u], %[zero], %[u], ror #8\n\tsxtb16 %[k], %[k], ror #8\n\t"                                             \
    "smlabb %[a1], %[u], %[k], %[a1]\n\tsmlatt %[a3], %[u], %[k], %[a3]\n\t"
#define FE_FIRST_TAP "ldr %[u], [%[x]]\n\tldr %[k], [%[w]]\n\t" FE_LANES_IN
#define FE_SECOND_TAP "ldr %[u], [%[x], %[xt]]\n\tldr %[k], [%[w], %[wt]]\n\t" FE_LANES_IN
#define FE_THIRD_TAP "ldr %[u], [%[x], %[xt], lsl #1]\n\tldr %[k], [%[w], %[wt], lsl #1]\n\t" FE_LANES_IN
#define FE_TAPS(text)                                                                                                  \
    do {                                                                                                               \
        int32_t u_, k_, e_, f_;                                                                                        \
        __asm__(text                                                                                                   \
                : [a0] "+r"(a0), [a1] "+r"(a1), [a2] "+r"(a2), [a3] "+r"(a3), [u] "=&r"(u_), [k] "=&r"(k_),            \
                  [e] "=&r"(e_), [f] "=&r"(f_)                                                                         \
                : [x] "r"(x), [w] "r"(w), [xt] "r"(x_tap), [wt] "r"(w_tap), [zero] "r"(zero)                           \
                : "memory");                                                                                           \
    } while (0)
#define FE_ONE_TAP() FE_TAPS(FE_FIRST_TAP)
#define FE_TWO_TAPS() FE_TAPS(FE_FIRST_TAP FE_SECOND_TAP)
#define FE_THREE_TAPS() FE_TAPS(FE_FIRST_TAP FE_SECOND_TAP FE_THIRD_TAP)

#else

#define FE_TAP(at)                                                                                                     \
    do {                                                                                                               \
        const int32_t u_ = fe_load4(x + (at) * x_tap), k_ = fe_load4(w + (at) * w_tap);                                \
        const int32_t e_ = fe_even_plus(zero, u_), f_ = fe_even(k_), g_ = fe_odd_plus(zero, u_), h_ = fe_odd(k_);      \
        a0 = __smlabb(e_, f_, a0);                                                                                     \
        a2 = __smlatt(e_, f_, a2);                                                                                     \
        a1 = __smlabb(g_, h_, a1);                                                                                     \
        a3 = __smlatt(g_, h_, a3);                                                                                     \
    } while (0)
#define FE_ONE_TAP() FE_TAP(0)
#define FE_TWO_TAPS()                                                                                                  \
    do {                                                                                                               \
        FE_TAP(0);                                                                                                     \
        FE_TAP(1);                                                                                                     \
    } while (0)
#define FE_THREE_TAPS()                                                                                                \
    do {                                                                                                               \
        FE_TAP(0);                                                                                                     \
        FE_TAP(1);                                                                                                     \
        FE_TAP(2);                                                                                                     \
    } while (0)

#endif

/* Four values of a place as they are clipped; i, a multiple of 4: number of the first. */
FE_ALONE void put(const fe_four *t, const int32_t *sum, int8_t *y, uint8_t *mask, int32_t i)
{
    for (int32_t j = 0; j < 4; j++)
        y[i + j] = fe_put(&t->ends, t->factor + j, sum[j], mask, i + j);
}

/* Output j of a place, and its bit. */
#define FE_PUT(j, sum)                                                                                                 \
    do {                                                                                                               \
        const int32_t v_ = fe_narrowed(t->factor + (j), sum), s_ = fe_saturated(v_);                                   \
        to[j] = (int8_t)s_;                                                                                            \
        kept |= (uint32_t)(v_ == s_) << (j);                                                                           \
    } while (0)

FE_ALWAYS void finish(const fe_four *t, int32_t a0, int32_t a1, int32_t a2, int32_t a3, int8_t *y, uint8_t *mask, int32_t i)
{
    if (t->slow) {
        const int32_t sum[4] = {a0, a1, a2, a3};
        put(t, sum, y, mask, i);
    } else {
        int8_t *to = y + i;
        uint32_t kept = 0;
        FE_PUT(0, a0);
        FE_PUT(1, a1);
        FE_PUT(2, a2);
        FE_PUT(3, a3);
        if (mask != 0)
            mask[i >> 3] = (uint8_t)(mask[i >> 3] | kept << (i & 7));
    }
}

/* Windows of three columns. */
FE_ALONE void threes(const fe_four *t, const fe_taps *v, int8_t *y, uint8_t *mask, int32_t i)
{
    const int8_t *first = v->x;
    for (int32_t left = v->count; left > 0; left--, first += t->x_place, i += t->y_place) {
        const int8_t *x = first, *w = v->w;
        int32_t a0 = t->bias[0], a1 = t->bias[1], a2 = t->bias[2], a3 = t->bias[3];
        const int32_t zero = t->zero, x_tap = t->x_tap, w_tap = t->w_tap;
        if (v->rows == 3) { /* without a loop, whose counter would cost a register */
            FE_THREE_TAPS();
            x += t->x_row;
            w += t->w_row;
            FE_THREE_TAPS();
            x += t->x_row;
            w += t->w_row;
            FE_THREE_TAPS();
        } else {
            for (int32_t rows = v->rows; rows > 0; rows--, x += t->x_row, w += t->w_row)
                FE_THREE_TAPS();
        }
        finish(t, a0, a1, a2, a3, y, mask, i);
    }
}

/* Windows of any other number of columns. */
FE_ALONE void any(const fe_four *t, const fe_taps *v, int8_t *y, uint8_t *mask, int32_t i)
{
    const int8_t *first = v->x;
    for (int32_t left = v->count; left > 0; left--, first += t->x_place, i += t->y_place) {
        int32_t a0 = t->bias[0], a1 = t->bias[1], a2 = t->bias[2], a3 = t->bias[3];
        for (int32_t rows = 0; rows < v->rows; rows++) {
            const int32_t zero = t->zero, x_tap = t->x_tap, w_tap = t->w_tap;
            const int8_t *x = first + rows * t->x_row, *w = v->w + rows * t->w_row;
            int32_t pairs = v->columns >> 1;
            if ((v->columns & 1) != 0) {
                FE_ONE_TAP();
                x += x_tap;
                w += w_tap;
            }
            for (; pairs > 0; pairs--, x += 2 * x_tap, w += 2 * w_tap)
                FE_TWO_TAPS();
        }
        finish(t, a0, a1, a2, a3, y, mask, i);
    }
}

int32_t fe_depthwise_s8_in_fours(const fe_geometry *d, const int32_t *b)
{
    return d->in_c == d->out_c && ((d->out_c | d->trained) & 3) == 0 && d->k_h * d->k_w <= FE_MOST_TERMS &&
           fe_are_fair(b, d->out_c);
}

/* Four channels of one row of outputs, the first of which is number i of the map: places at the sides one by one. */
FE_ALWAYS void row(const fe_geometry *d, const fe_four *t, const int8_t *x, const int8_t *w, int32_t oy, int8_t *y,
                   uint8_t *mask, int32_t i)
{
    const int32_t top = oy * d->stride_h - d->pad_top, above = top < 0 ? -top : 0;
    const int32_t below = d->in_h - top < d->k_h ? d->in_h - top : d->k_h;
    int32_t left = -d->pad_left;
    fe_taps v;
    for (int32_t ox = 0; ox < d->out_w; ox += v.count, left += v.count * d->stride_w, i += v.count * d->out_c) {
        const int32_t first = left < 0 ? -left : 0, end = d->in_w - left < d->k_w ? d->in_w - left : d->k_w;
        v.columns = end - first;
        v.rows = below > above && end > first ? below - above : 0;
        v.x = x + (top + above) * t->x_row + (left + first) * d->in_c;
        v.w = w + above * t->w_row + first * t->w_tap;
        v.count = v.columns < d->k_w ? 1 : (d->in_w - d->k_w - left) / d->stride_w + 1;
        v.count = v.count < d->out_w - ox ? v.count : d->out_w - ox;
        if (v.columns == 3)
            threes(t, &v, y, mask, i);
        else
            any(t, &v, y, mask, i);
    }
}

/* Those from c on. */
FE_ALWAYS void prepare(const fe_geometry *d, fe_four *t, const int32_t *b, fe_reals scale, int32_t c)
{
    t->ends.odd = 0;
    for (int32_t j = 0; j < 4; j++) {
        t->bias[j] = b[c + j];
        fe_prepare(fe_real_at(scale, c + j), d->k_h * d->k_w, b[c + j], &t->ends, t->factor + j);
    }
    t->slow = t->ends.odd || fe_is_cut(&t->ends);
}

void fe_depthwise_s8_fours(const fe_geometry *d, const int8_t *x, fe_weights w, const int32_t *b, fe_reals scale,
                           int8_t *y, uint8_t *mask)
{
    fe_four t;
    t.x_tap = d->in_c;
    t.x_row = d->in_w * d->in_c;
    t.x_place = d->stride_w * d->in_c;
    t.y_place = d->out_c;
    t.zero = fe_twice(-d->zero_x);
    fe_begin_ends(d, &t.ends);
    for (int32_t c = 0; c < d->out_c; c += 4) {
        const int8_t *from = c < d->trained ? w.trained + c : w.frozen + c - d->trained;
        t.w_tap = c < d->trained ? d->trained : d->out_c - d->trained;
        t.w_row = d->k_w * t.w_tap;
        prepare(d, &t, b, scale, c);
        for (int32_t oy = 0; oy < d->out_h; oy++)
            row(d, &t, x + c, from, oy, y, mask, oy * d->out_w * d->out_c + c);
    }
}

#endif

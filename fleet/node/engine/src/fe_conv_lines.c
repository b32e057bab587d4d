/* SPDX-License-Identifier: Apache-2.0
 *
 * Convolution of few channels, int8, forward, on a core that multiplies pairs: where windows are whole, lines of a window
 * lie side by side in x, and the weights of two outputs have room as pairs. Same bytes as the plain way.
 */
#include "fe_conv_pairs.h"

#if FE_PAIRS

/* Words that the pairs of two outputs have; a row of a group has room for fewer. */
enum { ROOM = 64, ROOM_OF_ROW = 30 };

/* A pair of outputs, and a line of a window: whole fours; values that a last one shares with the four before it, 0 where
 * there is none; from the end of a line to the next. pairs: of each four as in fe_points; of one that shares 3,
 * lanes 1 and 3 only. */
typedef struct {
    fe_pair_of p;
    int32_t lines, fours, shared, gap;
    int32_t *pairs;
} fe_lines;

int32_t fe_conv_s8_in_lines(const fe_geometry *d, const int32_t *b)
{
    const int32_t run = d->k_w * d->in_c, room = d->out_h > 1 ? ROOM : ROOM_OF_ROW, shared = -run & 3;
    const int32_t words = (run & ~3) + (shared == 3 ? 2 : shared == 0 ? 0 : 4);
    return d->groups == 1 && (d->trained == 0 || d->trained == d->in_c) && run >= 4 && run <= room && d->k_h <= room &&
           d->k_h * words <= room && fe_are_fair(b, d->out_c);
}

/* Lanes 1 and 3 of both outputs, or 0 and 2. */
static inline int32_t *take(fe_pair_of *p, int32_t pair0, int32_t pair1, int32_t zero_x, int32_t *to)
{
    p->bias[0] -= zero_x * __smlad(pair0, 0x10001, 0);
    p->bias[1] -= zero_x * __smlad(pair1, 0x10001, 0);
    to[0] = pair0;
    to[1] = pair1;
    return to + 2;
}

/* Outputs o and the one behind it, or o twice. */
FE_ALONE void prepare(const fe_geometry *d, const int8_t *w, const int32_t *b, fe_reals scale, int32_t o, fe_lines *l)
{
    const int32_t run = d->k_w * d->in_c, all = d->k_h * run, next = o + 1 < d->out_c ? all : 0;
    const int32_t lanes = (int32_t)(0xFFFFFFFFu << 8 * l->shared), zero = d->zero_x;
    int32_t *to = l->pairs;
    fe_begin_pair(d, b, scale, all, o, &l->p);
    w += o * all;
    for (int32_t line = 0; line < l->lines; line++, w += run) {
        for (int32_t i = 0; i < 4 * l->fours; i += 4) {
            const int32_t k0 = fe_load4(w + i), k1 = fe_load4(w + i + next);
            to = take(&l->p, fe_even(k0), fe_even(k1), zero, to);
            to = take(&l->p, fe_odd(k0), fe_odd(k1), zero, to);
        }
        if (l->shared != 0) {
            const int32_t k0 = fe_load4(w + run - 4) & lanes, k1 = fe_load4(w + run - 4 + next) & lanes;
            if (l->shared != 3)
                to = take(&l->p, fe_even(k0), fe_even(k1), zero, to);
            to = take(&l->p, fe_odd(k0), fe_odd(k1), zero, to);
        }
    }
}

/* Lanes 1 and 3 of four values of two places. */
#define FE_ODD_OF_FOUR(w0, w1)                                                                                         \
    do {                                                                                                               \
        const int32_t u_ = fe_odd(fe_load4(x0)), v_ = fe_odd(fe_load4(x1));                                            \
        x0 += 4;                                                                                                       \
        x1 += 4;                                                                                                       \
        a0 = __smlad(u_, w0, a0);                                                                                      \
        a1 = __smlad(u_, w1, a1);                                                                                      \
        a2 = __smlad(v_, w0, a2);                                                                                      \
        a3 = __smlad(v_, w1, a3);                                                                                      \
    } while (0)

/* `left` places side by side. i: number of the first output. */
FE_ALONE void line(const fe_lines *l, const int8_t *x, int32_t left, int32_t i)
{
    const fe_pair_of *p = &l->p;
    for (; left > 0; left -= 2) {
        const int32_t apart = left > 1 ? p->out_c : 0;
        const int32_t *k = l->pairs;
        const int8_t *x0 = x, *x1 = left > 1 ? x + p->step : x;
        int32_t a0 = p->bias[0], a1 = p->bias[1], a2 = a0, a3 = a1;
        for (int32_t lines = l->lines; lines > 0; lines--, x0 += l->gap, x1 += l->gap) {
            for (int32_t fours = l->fours; fours > 0; fours--, k += 4)
                FE_FOUR(k[0], k[1], k[2], k[3]);
            if (l->shared == 0)
                continue;
            x0 -= l->shared;
            x1 -= l->shared;
            if (l->shared == 3) {
                FE_ODD_OF_FOUR(k[0], k[1]);
                k += 2;
            } else {
                FE_FOUR(k[0], k[1], k[2], k[3]);
                k += 4;
            }
        }
        if (p->slow) {
            fe_put_pair(p, a0, a1, i);
            fe_put_pair(p, a2, a3, i + apart);
        } else {
            fe_finish_pairs(p, a0, a1, a2, a3, i, apart);
        }
        i += 2 * p->out_c;
        x += 2 * p->step;
    }
}

/* Rows of outputs whose windows are whole. */
FE_ALWAYS void run(const fe_geometry *d, const int8_t *x, fe_weights w, const int32_t *b, fe_reals scale, fe_span rows,
                   fe_lines *l)
{
    const fe_span columns = fe_whole_windows(d->in_w, d->out_w, d->k_w, d->stride_w, d->pad_left);
    const int32_t all = d->k_w * d->in_c;
    l->lines = d->k_h;
    l->fours = all / 4;
    l->shared = -all & 3;
    l->gap = d->in_w * d->in_c - all;
    l->p.step = d->stride_w * d->in_c;
    l->p.out_c = d->out_c;
    fe_begin_ends(d, &l->p.ends);
    x += (columns.first * d->stride_w - d->pad_left) * d->in_c;
    for (int32_t o = 0; o < d->out_c; o += 2) {
        prepare(d, d->trained > 0 ? w.trained : w.frozen, b, scale, o, l);
        for (int32_t oy = rows.first; oy < rows.end; oy++)
            line(l, x + (oy * d->stride_h - d->pad_top) * d->in_w * d->in_c, columns.end - columns.first,
                 (oy * d->out_w + columns.first) * d->out_c + o);
    }
}

void fe_conv_s8_lines(const fe_geometry *d, const int8_t *x, fe_weights w, const int32_t *b, fe_reals scale, int8_t *y,
                      uint8_t *mask)
{
    const fe_span rows = fe_whole_windows(d->in_h, d->out_h, d->k_h, d->stride_h, d->pad_top);
    int32_t pairs[ROOM];
    fe_lines l;
    l.p.y = y;
    l.p.mask = mask;
    l.pairs = pairs;
    run(d, x, w, b, scale, rows, &l);
}

void fe_conv_s8_lines_of_row(const fe_geometry *d, const int8_t *x, fe_weights w, const int32_t *b, fe_reals scale,
                             int8_t *y, uint8_t *mask)
{
    const fe_span rows = fe_whole_windows(d->in_h, 1, d->k_h, d->stride_h, d->pad_top), one = {0, 1};
    int32_t pairs[ROOM_OF_ROW];
    fe_lines l;
    l.p.y = y;
    l.p.mask = mask;
    l.pairs = pairs;
    if (rows.first < rows.end)
        run(d, x, w, b, scale, one, &l);
}

#endif

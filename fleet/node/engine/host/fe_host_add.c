/* SPDX-License-Identifier: Apache-2.0
 *
 * Sums of two maps of one shape. Where a side is repeated, or a scale is above 1, the interpreter's function serves.
 */
#include "fe_executor.h"

static void run(const fe_host *h, const fe_host_step *step)
{
    const fe_add_step *s = (const void *)step->plan;
    const int32_t size = s->d.p.h * s->d.p.w * s->d.p.c;
    uint8_t *mask = fe_at(&h->node, s->mask);
    if (mask != 0)
        __builtin_memset(mask, 0, (size_t)(size + 7) / 8);
    h->kernels->add(&s->d, size, fe_at(&h->node, s->x), fe_at(&h->node, s->x2), fe_at(&h->node, s->y), mask);
}

void fe_prepare_add(fe_host_step *step)
{
    const fe_add *d = &((const fe_add_step *)(const void *)step->plan)->d;
    const fe_pair *p = &d->p;
    const int32_t line = p->w * p->c;
    const int same = p->x_h == line && p->x_w == p->c && p->x_c == 1;
    const int same2 = p->x2_h == line && p->x2_w == p->c && p->x2_c == 1;
    if (same && same2 && d->scale_x.exp <= 0 && d->scale_x2.exp <= 0 && d->scale_y.exp <= 0)
        step->run = run;
}

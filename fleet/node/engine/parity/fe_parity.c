/* SPDX-License-Identifier: Apache-2.0
 *
 * Incremental elimination over GF(2): each sum is reduced by those before it, kept if something is left, and when there
 * are as many as missing fragments, these follow from the last to the first.
 */
#include "fe_parity.h"

static int bit(const uint8_t *bits, uint32_t i)
{
    return bits[i / 8] >> (i % 8) & 1;
}

static void set(uint8_t *bits, uint32_t i)
{
    bits[i / 8] = (uint8_t)(bits[i / 8] | 1u << (i % 8));
}

static void clear(uint8_t *bytes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        bytes[i] = 0;
}

static void add(uint8_t *to, const uint8_t *from, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        to[i] ^= from[i];
}

void fe_parity_row(uint32_t number, uint32_t fragments, uint8_t *row)
{
    const uint32_t modulus = fragments + ((fragments & (fragments - 1)) == 0);
    uint32_t x = 1 + 1001 * number, chosen;
    clear(row, fragments / 8 + 1);
    for (uint32_t i = 0; i < fragments / 2; i++) {
        do {
            x = (x >> 1) + (((x ^ x >> 5) & 1) << 22); /* a start may have more than 23 bits: it carries */
            chosen = x % modulus;
        } while (chosen >= fragments);
        set(row, chosen);
    }
}

fe_parity_status fe_parity_start(fe_parity *p, const fe_parity_store *store, uint16_t fragments, uint16_t size)
{
    p->store = *store;
    p->fragments = fragments;
    p->size = size;
    p->came = p->lost = p->rank = 0;
    clear(p->have, sizeof p->have);
    clear(p->held, sizeof p->held);
    p->status = FE_PARITY_MORE;
    if (fragments == 0 || fragments > FE_PARITY_FRAGMENTS || size == 0 || size > FE_PARITY_SIZE)
        p->status = FE_PARITY_REFUSED;
    return p->status;
}

static fe_parity_status put(fe_parity *p, uint32_t place, const uint8_t *content)
{
    return p->store.write(p->store.context, place, content, p->size) == 0 ? FE_PARITY_MORE : FE_PARITY_STORE;
}

/* Adds what lies at a place of the store to the sum. */
static fe_parity_status add_from(fe_parity *p, uint32_t place)
{
    if (p->store.read(p->store.context, place, p->other, p->size) != 0)
        return FE_PARITY_STORE;
    add(p->sum, p->other, p->size);
    return FE_PARITY_MORE;
}

/* Numbers what is missing; 0 while that is more than there is room for. */
static int fix_missing(fe_parity *p)
{
    const uint32_t lost = (uint32_t)p->fragments - p->came;
    if (p->lost == 0 && lost <= FE_PARITY_ROOM)
        for (uint32_t i = 0; i < p->fragments; i++)
            if (!bit(p->have, i))
                p->missing[p->lost++] = (uint16_t)i;
    return p->lost != 0;
}

/* All equations are there: from the last missing fragment to the first, each holds only later ones beside its own. */
static fe_parity_status substitute(fe_parity *p)
{
    for (uint32_t place = p->lost; place-- > 0;) {
        clear(p->sum, p->size);
        fe_parity_status status = add_from(p, (uint32_t)p->fragments + place);
        for (uint32_t later = place + 1; later < p->lost && status == FE_PARITY_MORE; later++)
            if (bit(p->matrix[place], later))
                status = add_from(p, p->missing[later]);
        if (status == FE_PARITY_MORE)
            status = put(p, p->missing[place], p->sum);
        if (status != FE_PARITY_MORE)
            return status;
    }
    return FE_PARITY_DONE;
}

/* The equation with what is known taken out of it, by the places of missing fragments; kept if something is left. */
static fe_parity_status keep(fe_parity *p)
{
    const uint32_t bytes = p->lost / 8u + 1;
    fe_parity_status status = FE_PARITY_MORE;
    for (uint32_t i = 0; i < p->lost && status == FE_PARITY_MORE; i++) {
        if (!bit(p->equation, i))
            continue;
        if (!bit(p->held, i)) {
            set(p->held, i);
            for (uint32_t k = 0; k < bytes; k++)
                p->matrix[i][k] = p->equation[k];
            status = put(p, (uint32_t)p->fragments + i, p->sum);
            p->rank++;
            break;
        }
        add(p->equation, p->matrix[i], bytes);
        status = add_from(p, (uint32_t)p->fragments + i);
    }
    return status == FE_PARITY_MORE && p->rank == p->lost ? substitute(p) : status;
}

/* A sum as an equation in the missing fragments: what came is taken out of it. */
static fe_parity_status reduce(fe_parity *p)
{
    fe_parity_status status = FE_PARITY_MORE;
    clear(p->equation, sizeof p->equation);
    for (uint32_t i = 0; i < p->fragments && status == FE_PARITY_MORE; i++)
        if (bit(p->row, i) && bit(p->have, i))
            status = add_from(p, i);
    for (uint32_t place = 0; place < p->lost; place++)
        if (bit(p->row, p->missing[place]))
            set(p->equation, place);
    return status == FE_PARITY_MORE ? keep(p) : status;
}

static fe_parity_status take_data(fe_parity *p, uint32_t index, const uint8_t *content)
{
    if (bit(p->have, index))
        return FE_PARITY_MORE;
    set(p->have, index);
    p->came++;
    const fe_parity_status status = put(p, index, content);
    return status == FE_PARITY_MORE && p->came == p->fragments ? FE_PARITY_DONE : status;
}

fe_parity_status fe_parity_take(fe_parity *p, uint32_t number, const uint8_t *content)
{
    if (p->status != FE_PARITY_MORE)
        return p->status;
    if (number == 0 || number > FE_PARITY_LAST)
        return FE_PARITY_REFUSED;
    if (number <= p->fragments && p->lost == 0)
        return p->status = take_data(p, number - 1, content);
    if (!fix_missing(p))
        return FE_PARITY_MORE;
    clear(p->row, sizeof p->row);
    if (number <= p->fragments)
        set(p->row, number - 1);
    else
        fe_parity_row(number - p->fragments, p->fragments, p->row);
    clear(p->sum, p->size);
    add(p->sum, content, p->size);
    return p->status = reduce(p);
}

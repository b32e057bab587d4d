/* The inline functions of fe_int.h, fe_ops.h, fe_random.h, fe_update.h and fe_float.h, and fe_block.c and fe_rule.c, as
 * a library, for test_primitives.py. */
#include "fe_block.h"
#include "fe_float.h"
#include "fe_update.h"

int32_t t_round_shift(int32_t v, int32_t n) { return fe_round_shift(v, n); }
int32_t t_doubling_high_mul(int32_t a, int32_t b) { return fe_doubling_high_mul(a, b); }
int32_t t_rounding_divide(int32_t v, int32_t n) { return fe_rounding_divide(v, n); }
int32_t t_scale(int32_t v, int32_t mant, int32_t exp) { return fe_scale(v, (fe_real){mant, exp}); }
int32_t t_round_shift64(int64_t v, int32_t n) { return fe_round_shift64(v, n); }
uint32_t t_draw(uint64_t key, uint32_t index) { return fe_draw(key, index); }
uint64_t t_absorb(uint64_t key, uint64_t part) { return fe_absorb(key, part); }

void t_multiply(fe_real a, fe_real b, int32_t out[2])
{
    const fe_real p = fe_multiply(a, b);
    out[0] = p.mant;
    out[1] = p.exp;
}

int32_t t_step_weight(uint64_t key, int32_t k, fe_real rate, uint32_t index, int32_t w, int32_t g)
{
    return fe_step_stochastic((int8_t)w, fe_drive(rate, k, g), fe_draw(key, index));
}

int32_t t_bounded_sum(int32_t a, int32_t b) { return fe_bounded_sum(a, b); }
int32_t t_with_momentum(int32_t v, int32_t momentum, int32_t q) { return fe_with_momentum(v, momentum, q); }

int32_t t_rule(int32_t rule, uint64_t key, uint32_t i, int32_t w, int32_t q, void *kept)
{
    fe_update u = {0};
    u.rule = rule;
    u.key = key;
    u.kept = kept;
    return fe_rule(&u, i, (int8_t)w, q);
}

float t_power_of_two(int32_t n) { return fe_power_of_two(n); }
float t_real_f32(fe_real v, int32_t more) { return fe_real_f32(v, more); }
int32_t t_whole(float v) { return fe_whole(v); }

int32_t t_clip(int32_t y, int32_t zero, int32_t low, int32_t high, uint8_t *mask)
{
    return fe_clip_s8(y, zero, low, high, mask, 5);
}

int32_t t_merge(int32_t waiting, int32_t k_waiting, int32_t *acc, int32_t k)
{
    const int8_t e = (int8_t)waiting;
    return fe_merge(1, &e, k_waiting, acc, k);
}

int32_t t_block(int32_t size, const int32_t *acc, int32_t k, int8_t *e) { return fe_block_s8(size, acc, k, e); }

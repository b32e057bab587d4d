/* The narrowing of fe_tile.h as a library, for test_tiles.py. */
#include "fe_tile.h"

/* y before it is clipped, of an output whose bias is `bias` and whose sum came to `sum`. */
int32_t t_scaled(int32_t sum, fe_real scale, int32_t bias, int32_t zero)
{
    fe_geometry d = {0};
    fe_ends ends;
    fe_factor f;
    d.zero_y = zero;
    fe_begin_ends(&d, &ends);
    return fe_prepare(scale, 1, bias, &ends, &f) ? fe_scaled(&ends, &f, sum) : INT32_MIN;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * SHA-256, small rather than fast: the message schedule is kept in 16 words.   FIPS 180-4, 6.2.
 */
#include "fe_sha256.h"

static const uint32_t round_words[64] = {
    0x428A2F98u, 0x71374491u, 0xB5C0FBCFu, 0xE9B5DBA5u, 0x3956C25Bu, 0x59F111F1u, 0x923F82A4u, 0xAB1C5ED5u,
    0xD807AA98u, 0x12835B01u, 0x243185BEu, 0x550C7DC3u, 0x72BE5D74u, 0x80DEB1FEu, 0x9BDC06A7u, 0xC19BF174u,
    0xE49B69C1u, 0xEFBE4786u, 0x0FC19DC6u, 0x240CA1CCu, 0x2DE92C6Fu, 0x4A7484AAu, 0x5CB0A9DCu, 0x76F988DAu,
    0x983E5152u, 0xA831C66Du, 0xB00327C8u, 0xBF597FC7u, 0xC6E00BF3u, 0xD5A79147u, 0x06CA6351u, 0x14292967u,
    0x27B70A85u, 0x2E1B2138u, 0x4D2C6DFCu, 0x53380D13u, 0x650A7354u, 0x766A0ABBu, 0x81C2C92Eu, 0x92722C85u,
    0xA2BFE8A1u, 0xA81A664Bu, 0xC24B8B70u, 0xC76C51A3u, 0xD192E819u, 0xD6990624u, 0xF40E3585u, 0x106AA070u,
    0x19A4C116u, 0x1E376C08u, 0x2748774Cu, 0x34B0BCB5u, 0x391C0CB3u, 0x4ED8AA4Au, 0x5B9CCA4Fu, 0x682E6FF3u,
    0x748F82EEu, 0x78A5636Fu, 0x84C87814u, 0x8CC70208u, 0x90BEFFFAu, 0xA4506CEBu, 0xBEF9A3F7u, 0xC67178F2u,
};

static uint32_t turned(uint32_t x, int n)
{
    return x >> n | x << (32 - n);
}

/* Word i of the schedule, in the place of word i - 16. */
static uint32_t next_word(uint32_t *w, int i)
{
    const uint32_t a = w[(i + 1) & 15], b = w[(i + 14) & 15];
    const uint32_t s0 = turned(a, 7) ^ turned(a, 18) ^ a >> 3;
    const uint32_t s1 = turned(b, 17) ^ turned(b, 19) ^ b >> 10;
    w[i & 15] += s0 + w[(i + 9) & 15] + s1;
    return w[i & 15];
}

static void compress(uint32_t *state, const uint8_t *block)
{
    uint32_t w[16], v[8];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 | (uint32_t)block[4 * i + 2] << 8 |
               block[4 * i + 3];
    for (int i = 0; i < 8; i++)
        v[i] = state[i];
    for (int i = 0; i < 64; i++) {
        const uint32_t s1 = turned(v[4], 6) ^ turned(v[4], 11) ^ turned(v[4], 25);
        const uint32_t s0 = turned(v[0], 2) ^ turned(v[0], 13) ^ turned(v[0], 22);
        const uint32_t choice = (v[4] & v[5]) ^ (~v[4] & v[6]);
        const uint32_t most = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
        const uint32_t t = v[7] + s1 + choice + round_words[i] + (i < 16 ? w[i] : next_word(w, i));
        for (int j = 7; j > 0; j--)
            v[j] = v[j - 1];
        v[4] += t;
        v[0] = t + s0 + most;
    }
    for (int i = 0; i < 8; i++)
        state[i] += v[i];
}

__attribute__((weak)) void fe_sha256_start(fe_sha256 *s)
{
    static const uint32_t first[8] = {
        0x6A09E667u, 0xBB67AE85u, 0x3C6EF372u, 0xA54FF53Au, 0x510E527Fu, 0x9B05688Cu, 0x1F83D9ABu, 0x5BE0CD19u,
    };
    for (int i = 0; i < 8; i++)
        s->state[i] = first[i];
    s->count = 0;
}

__attribute__((weak)) void fe_sha256_add(fe_sha256 *s, const void *bytes, uint32_t count)
{
    const uint8_t *from = bytes;
    for (uint32_t i = 0; i < count; i++) {
        s->block[s->count++ & 63] = from[i];
        if ((s->count & 63) == 0)
            compress(s->state, s->block);
    }
}

__attribute__((weak)) void fe_sha256_end(fe_sha256 *s, uint8_t *digest)
{
    static const uint8_t one = 0x80, zero = 0;
    const uint32_t high = s->count >> 29, low = s->count << 3; /* bits */
    uint8_t size[8];
    fe_sha256_add(s, &one, 1);
    while ((s->count & 63) != 56)
        fe_sha256_add(s, &zero, 1);
    for (int i = 0; i < 4; i++) {
        size[i] = (uint8_t)(high >> (24 - 8 * i));
        size[4 + i] = (uint8_t)(low >> (24 - 8 * i));
    }
    fe_sha256_add(s, size, 8);
    for (int i = 0; i < FE_DIGEST_BYTES; i++)
        digest[i] = (uint8_t)(s->state[i >> 2] >> (24 - 8 * (i & 3)));
}

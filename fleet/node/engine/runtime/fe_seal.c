/* SPDX-License-Identifier: Apache-2.0
 *
 * Frames that only who has the node's key can make, and nobody can send twice.
 */
#include "fe_seal.h"

#include "fe_bytes.h"
#include "fe_sha256.h"

int fe_counter_above(fe_counter a, fe_counter b)
{
    return a.high != b.high ? a.high > b.high : a.low > b.low;
}

fe_counter fe_counter_plus(fe_counter a, uint32_t more)
{
    fe_counter sum;
    sum.low = a.low + more;
    sum.high = a.high + (sum.low < more);
    return sum;
}

/* Starts a hash with the key, filled up to a block and combined with a byte. */
static void start_with(fe_sha256 *s, const uint8_t *key, uint8_t pad)
{
    fe_sha256_start(s);
    for (uint32_t i = 0; i < 64; i++) {
        const uint8_t byte = (uint8_t)(pad ^ (i < FE_KEY_BYTES ? key[i] : 0));
        fe_sha256_add(s, &byte, 1);
    }
}

/* Over the counter as it lies at `counter`, then the frame. digest: u8 [FE_DIGEST_BYTES]. */
static void hmac(const uint8_t *key, const uint8_t *counter, const uint8_t *frame, uint32_t length, uint8_t *digest)
{
    fe_sha256 s;
    start_with(&s, key, 0x36);
    fe_sha256_add(&s, counter, FE_COUNTER_BYTES);
    fe_sha256_add(&s, frame, length);
    fe_sha256_end(&s, digest);
    start_with(&s, key, 0x5C);
    fe_sha256_add(&s, digest, FE_DIGEST_BYTES);
    fe_sha256_end(&s, digest);
}

uint32_t fe_seal(const uint8_t *key, fe_counter counter, uint8_t *frame, uint32_t length)
{
    uint8_t digest[FE_DIGEST_BYTES];
    uint8_t *tag = fe_put_u32(fe_put_u32(frame + length, counter.low), counter.high);
    hmac(key, frame + length, frame, length, digest);
    for (int i = 0; i < FE_TAG_BYTES; i++)
        tag[i] = digest[i];
    return length + FE_SEAL_BYTES;
}

fe_status fe_unseal(const uint8_t *key, int by, fe_counter *last, const uint8_t *sealed, uint32_t length)
{
    uint8_t digest[FE_DIGEST_BYTES];
    const uint8_t *end;
    fe_counter counter;
    uint32_t differ = 0;
    if (length < FE_SEAL_BYTES)
        return FE_BAD_SEAL;
    end = sealed + length - FE_SEAL_BYTES;
    hmac(key, end, sealed, length - FE_SEAL_BYTES, digest);
    for (uint32_t i = 0; i < FE_TAG_BYTES; i++) /* every byte, whichever differs: time tells nothing */
        differ |= (uint32_t)(digest[i] ^ end[FE_COUNTER_BYTES + i]);
    counter.low = fe_get_u32(end);
    counter.high = fe_get_u32(end + 4);
    if (differ != 0 || (int)(counter.low & 1) != by || !fe_counter_above(counter, *last))
        return FE_BAD_SEAL;
    *last = counter;
    return FE_OK;
}

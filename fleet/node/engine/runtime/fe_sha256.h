/* SPDX-License-Identifier: Apache-2.0
 *
 * SHA-256 (FIPS 180-4) of bytes that come in parts. The three functions are weak: a board with a hash unit defines its
 * own ones over the same struct.
 */
#ifndef FE_SHA256_H
#define FE_SHA256_H

#include <stdint.h>

#define FE_DIGEST_BYTES 32

typedef struct {
    uint32_t state[8];
    uint32_t count; /* bytes taken */
    uint8_t block[64];
} fe_sha256;

void fe_sha256_start(fe_sha256 *s);
void fe_sha256_add(fe_sha256 *s, const void *bytes, uint32_t count);

/* digest: u8 [FE_DIGEST_BYTES]. Afterwards s has to start again. */
void fe_sha256_end(fe_sha256 *s, uint8_t *digest);

#endif

/* rand.h - random bytes and the keyed hash.
 *
 * SipHash-2-4 (Aumasson, Bernstein 2012) under a random key keeps hash tables whole against chosen keys.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_BASE_RAND_H
#define GATEPOST_BASE_RAND_H

#include "lib/base/span.h"

struct hash_key {
    uint64_t k0, k1;
};

void rand_bytes(void *out, size_t n);               /* getrandom(2); ends the process if the kernel has none */
uint64_t rand_u64(void);
uint32_t rand_below(uint32_t bound);                /* uniform in [0, bound), bound > 0 */
const struct hash_key *rand_process_key(void);      /* drawn once a process */
uint64_t siphash(span s, const struct hash_key *key);

#endif

/* rand.c - random bytes and the keyed hash.
 *
 * Small draws come out of a pool, so that a jitter does not cost a system call.  The pool is dropped in a child
 * after fork, which would otherwise draw the same numbers as its parent.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/base/rand.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>

static struct {
    uint64_t words[32];
    size_t left;
} pool;

static void draw(void *out, size_t n)
{
    char *to = out;

    while (n > 0) {
        ssize_t got = getrandom(to, n, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            abort();   /* without randomness hash tables and keys are open to everyone */
        to += got;
        n -= (size_t)got;
    }
}

static void forget_pool(void)
{
    pool.left = 0;
}

void rand_bytes(void *out, size_t n)
{
    draw(out, n);   /* keys come straight from the kernel and stay nowhere else */
}

uint64_t rand_u64(void)
{
    static bool watched;
    uint64_t word;

    if (!watched) {
        pthread_atfork(NULL, NULL, forget_pool);
        watched = true;
    }
    if (pool.left == 0) {
        draw(pool.words, sizeof(pool.words));
        pool.left = sizeof(pool.words) / sizeof(pool.words[0]);
    }
    word = pool.words[--pool.left];
    pool.words[pool.left] = 0;
    return word;
}

uint32_t rand_below(uint32_t bound)
{
    uint64_t product;
    uint32_t threshold;

    assert(bound > 0);
    /* Multiply and reject (Lemire 2019): no bias, a division only when a rejection is possible. */
    product = (uint64_t)(uint32_t)rand_u64() * bound;
    if ((uint32_t)product < bound) {
        threshold = (uint32_t)-bound % bound;
        while ((uint32_t)product < threshold)
            product = (uint64_t)(uint32_t)rand_u64() * bound;
    }
    return (uint32_t)(product >> 32);
}

const struct hash_key *rand_process_key(void)
{
    static struct hash_key key;
    static bool drawn;

    if (!drawn) {
        draw(&key, sizeof(key));
        drawn = true;
    }
    return &key;
}

static inline uint64_t rotl(uint64_t x, int b)
{
    return (x << b) | (x >> (64 - b));
}

static inline uint64_t load_le64(const char *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof(v));
    return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? __builtin_bswap64(v) : v;
}

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotl(v[1], 13) ^ v[0];
    v[3] = rotl(v[3], 16) ^ v[2];
    v[0] = rotl(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotl(v[1], 17) ^ v[2];
    v[3] = rotl(v[3], 21) ^ v[0];
    v[2] = rotl(v[2], 32);
}

uint64_t siphash(span s, const struct hash_key *key)
{
    uint64_t v[4] = {
        key->k0 ^ 0x736f6d6570736575u, key->k1 ^ 0x646f72616e646f6du,
        key->k0 ^ 0x6c7967656e657261u, key->k1 ^ 0x7465646279746573u,
    };
    uint64_t last = (uint64_t)(s.n & 0xff) << 56;
    size_t whole = s.n - s.n % 8;

    for (size_t i = 0; i < whole; i += 8) {
        uint64_t m = load_le64(s.p + i);

        v[3] ^= m;
        sip_round(v);
        sip_round(v);
        v[0] ^= m;
    }
    if (s.n > whole)
        last |= bytes_le(s.p + whole, s.n - whole);
    v[3] ^= last;
    sip_round(v);
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

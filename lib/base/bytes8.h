/* bytes8.h - eight bytes of a text looked at together, in one 64-bit word.
 *
 * In any byte order.  A test answers with the upper bit of each byte it holds for; no sum ever carries into the next byte.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_BASE_BYTES8_H
#define GATEPOST_BASE_BYTES8_H

#include "lib/base/span.h"

#define BYTES8_ALL(c) (UINT64_C(0x0101010101010101) * (c))
#define BYTES8_UPPER  BYTES8_ALL(0x80)

static inline uint64_t bytes8_load(const char *p)
{
    uint64_t w;

    memcpy(&w, p, sizeof(w));
    return w;
}

static inline void bytes8_store(char *p, uint64_t w)
{
    memcpy(p, &w, sizeof(w));
}

static inline uint64_t bytes8_equal(uint64_t w, unsigned char c)
{
    uint64_t differs = w ^ BYTES8_ALL(c);

    return ~(((differs & ~BYTES8_UPPER) + ~BYTES8_UPPER) | differs) & BYTES8_UPPER;
}

/* At least `c`, which is 1 to 0x80; bytes outside ASCII are. */
static inline uint64_t bytes8_from(uint64_t w, unsigned char c)
{
    return (((w & ~BYTES8_UPPER) + BYTES8_ALL(0x80u - c)) | w) & BYTES8_UPPER;
}

/* ASCII letters to lower case. */
static inline uint64_t bytes8_lower(uint64_t w)
{
    return w | ((bytes8_from(w, 'A') & ~bytes8_from(w, 'Z' + 1)) >> 2);
}

/* How many bytes at the head of s are printable ASCII from `least` (0x20 or 0x21) on and none of `except`: what needs no escape. */
static inline size_t bytes8_plain_run(span s, unsigned char least, const char *except)
{
    size_t n = 0;

    for (; n + 8 <= s.n; n += 8) {
        uint64_t w = bytes8_load(s.p + n), other = bytes8_from(w, 0x7f);

        for (const char *c = except; *c != '\0'; c++)
            other |= bytes8_equal(w, (unsigned char)*c);
        if ((bytes8_from(w, least) & ~other) != BYTES8_UPPER)
            break;
    }
    for (; n < s.n; n++) {
        unsigned char c = (unsigned char)s.p[n];

        if (c < least || c >= 0x7f || strchr(except, c) != NULL)
            break;
    }
    return n;
}

#endif

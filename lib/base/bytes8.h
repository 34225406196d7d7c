/* bytes8.h - eight bytes of a text looked at together, in one 64-bit word.
 *
 * In any byte order.  A test answers with the upper bit of each byte it holds for; no sum ever carries into the next byte.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_BASE_BYTES8_H
#define GATEPOST_BASE_BYTES8_H

#include <stdint.h>
#include <string.h>

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

#endif

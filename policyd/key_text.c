/* key_text.c - foreign bytes as a part of a store's key.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "policyd/key_text.h"

#include "lib/base/bytes8.h"

static size_t put(span s, char *to, size_t room)
{
    size_t n = s.n < room ? s.n : room;

    if (n > 0)
        memcpy(to, s.p, n);
    return n;
}

/* Eight bytes none of which needs to be written as %XX: nearly all there are. */
static bool all_plain(const char *p, char a, char b)
{
    uint64_t w = bytes8_load(p);

    return (bytes8_from(w, 0x21) & ~(bytes8_from(w, 0x7f) | bytes8_equal(w, '%') | bytes8_equal(w, (unsigned char)a) |
                                     bytes8_equal(w, (unsigned char)b))) == BYTES8_UPPER;
}

size_t key_text(span s, char a, char b, char *to, size_t room)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t plain = 0, n = 0;

    for (size_t i = 0; i < s.n; i++) {
        unsigned char c;

        while (i + 8 <= s.n && all_plain(s.p + i, a, b))
            i += 8;
        if (i == s.n)
            break;
        c = (unsigned char)s.p[i];
        if (c > 0x20 && c < 0x7f && c != '%' && s.p[i] != a && s.p[i] != b)
            continue;
        n += put(span_of(s.p + plain, i - plain), to + n, room - n);
        n += put(span_of((const char[]){ '%', hex[c >> 4], hex[c & 15] }, 3), to + n, room - n);
        plain = i + 1;
    }
    return n + put(span_from(s, plain), to + n, room - n);
}

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

size_t key_text(span s, char a, char b, char *to, size_t room)
{
    static const char hex[] = "0123456789ABCDEF";
    const char except[] = { '%', a, b, '\0' };
    size_t n = 0;

    while (s.n > 0) {
        size_t plain = bytes8_plain_run(s, 0x21, except);
        unsigned char c;

        n += put(span_head(s, plain), to + n, room - n);
        if (plain == s.n)
            break;
        c = (unsigned char)s.p[plain];
        n += put(span_of((const char[]){ '%', hex[c >> 4], hex[c & 15] }, 3), to + n, room - n);
        s = span_from(s, plain + 1);
    }
    return n;
}

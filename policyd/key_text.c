/* key_text.c - foreign bytes as a part of a store's key.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "policyd/key_text.h"

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
    size_t plain = 0, n = 0;

    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c > 0x20 && c < 0x7f && c != '%' && s.p[i] != a && s.p[i] != b)
            continue;
        n += put(span_of(s.p + plain, i - plain), to + n, room - n);
        n += put(span_of((const char[]){ '%', hex[c >> 4], hex[c & 15] }, 3), to + n, room - n);
        plain = i + 1;
    }
    return n + put(span_from(s, plain), to + n, room - n);
}

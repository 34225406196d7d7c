/* oneline.c - makes text of unknown origin fit for one line of a protocol.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/proto/oneline.h"

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

size_t oneline_utf8_char(span s)
{
    unsigned char c0, c1;
    size_t n;

    if (s.n == 0)
        return 0;
    c0 = (unsigned char)s.p[0];
    if (c0 < 0x80)
        return 1;
    n = c0 >= 0xc2 && c0 <= 0xdf ? 2 : c0 >= 0xe0 && c0 <= 0xef ? 3 : c0 >= 0xf0 && c0 <= 0xf4 ? 4 : 0;
    if (n == 0 || s.n < n)
        return 0;
    for (size_t i = 1; i < n; i++)
        if (!is_continuation(s.p[i]))
            return 0;
    /* RFC 3629 4: the second byte rules out overlong forms, surrogates and what lies beyond U+10FFFF. */
    c1 = (unsigned char)s.p[1];
    if ((c0 == 0xe0 && c1 < 0xa0) || (c0 == 0xed && c1 > 0x9f) || (c0 == 0xf0 && c1 < 0x90) || (c0 == 0xf4 && c1 > 0x8f))
        return 0;
    return n;
}

bool oneline_is_utf8(span s)
{
    while (s.n > 0) {
        size_t n = oneline_utf8_char(s);

        if (n == 0)
            return false;
        s = span_from(s, n);
    }
    return true;
}

/* C1 controls (U+0080..U+009F), U+2028 and U+2029: some readers take them for line ends or escapes. */
static bool is_hidden(span character)
{
    const unsigned char *p = (const unsigned char *)character.p;

    return (character.n == 2 && p[0] == 0xc2 && p[1] < 0xa0) ||
           (character.n == 3 && p[0] == 0xe2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9));
}

static char clean_byte(char c)
{
    if (c == '\r' || c == '\n' || c == '\t')
        return ' ';
    return c >= 0x20 && c <= 0x7e ? c : '?';
}

static size_t without_trailing_blanks(const char *out, size_t n)
{
    while (n > 0 && out[n - 1] == ' ')
        n--;
    return n;
}

size_t oneline_ascii(span in, char *out, size_t max)
{
    size_t n = 0;

    for (size_t i = 0; i < in.n && n < max; i++) {
        char c = clean_byte(in.p[i]);

        if (c != ' ' || n > 0)
            out[n++] = c;
    }
    return without_trailing_blanks(out, n);
}

size_t oneline_utf8(span in, char *out, size_t max)
{
    size_t n = 0;

    while (in.n > 0 && n < max) {
        size_t len = oneline_utf8_char(in);

        if (len > 1 && !is_hidden(span_head(in, len))) {
            if (max - n < len)
                break;
            memcpy(out + n, in.p, len);
            n += len;
        } else {
            char c = clean_byte(in.p[0]);

            if (c != ' ' || n > 0)
                out[n++] = c;
        }
        in = span_from(in, len > 1 ? len : 1);
    }
    return without_trailing_blanks(out, n);
}

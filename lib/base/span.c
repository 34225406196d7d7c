/* span.c - searching, comparing and cutting spans; ASCII only, no locale.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/base/span.h"

bool span_eq_nocase(span a, span b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (ascii_lower(a.p[i]) != ascii_lower(b.p[i]))
            return false;
    return true;
}

bool span_starts(span s, span prefix)
{
    return s.n >= prefix.n && span_eq(span_head(s, prefix.n), prefix);
}

bool span_starts_nocase(span s, span prefix)
{
    return s.n >= prefix.n && span_eq_nocase(span_head(s, prefix.n), prefix);
}

bool span_ends_nocase(span s, span suffix)
{
    return s.n >= suffix.n && span_eq_nocase(span_from(s, s.n - suffix.n), suffix);
}

size_t span_find(span s, char c)
{
    const char *at = s.n > 0 ? memchr(s.p, c, s.n) : NULL;

    return at != NULL ? (size_t)(at - s.p) : s.n;
}

size_t span_rfind(span s, char c)
{
    const char *at = s.n > 0 ? memrchr(s.p, c, s.n) : NULL;

    return at != NULL ? (size_t)(at - s.p) : s.n;
}

size_t span_find_span(span s, span needle)
{
    const char *at;

    if (needle.n == 0)
        return 0;
    if (needle.n > s.n)
        return s.n;
    at = memmem(s.p, s.n, needle.p, needle.n);
    return at != NULL ? (size_t)(at - s.p) : s.n;
}

static bool is_trimmed(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

size_t span_count(span s, char c)
{
    size_t n = 0;

    for (size_t at; (at = span_find(s, c)) < s.n; s = span_from(s, at + 1))
        n++;
    return n;
}

span span_trim(span s)
{
    while (s.n > 0 && is_trimmed(s.p[s.n - 1]))
        s.n--;
    while (s.n > 0 && is_trimmed(s.p[0])) {
        s.p++;
        s.n--;
    }
    return s;
}

bool span_next(span *rest, char sep, span *piece_out)
{
    size_t at;

    if (rest->p == NULL)
        return false;
    at = span_find(*rest, sep);
    *piece_out = span_head(*rest, at);
    /* A separator at the very end leaves one more, empty piece: rest keeps its pointer. */
    if (at < rest->n)
        *rest = (span){ rest->p + at + 1, rest->n - at - 1 };
    else
        *rest = (span){ NULL, 0 };
    return true;
}

span span_keep(char **at, span s)
{
    span kept = { *at, s.n };

    if (s.n > 0)
        memcpy(*at, s.p, s.n);
    *at += s.n;
    return kept;
}

bool span_to_u64(span s, uint64_t *value_out)
{
    uint64_t value = 0;

    if (s.n == 0 || s.n > 19)   /* 19 digits always fit in 64 bits */
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(s.p[i] - '0');
    }
    *value_out = value;
    return true;
}

/* span.h - a run of bytes somebody else owns.
 *
 * A span is not NUL-terminated and may hold any byte.  It never owns memory: it lives as long as the
 * buffer it points into.  The empty span may have p == NULL.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_BASE_SPAN_H
#define GATEPOST_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct span {
    const char *p;
    size_t n;
} span;

/* A span over a string literal, without its NUL. */
#define SPAN(lit) ((span){ "" lit, sizeof(lit) - 1 })
/* printf("%.*s", SPAN_ARG(s)) */
#define SPAN_ARG(s) (int)(s).n, (s).p != NULL ? (s).p : ""

static inline span span_of(const char *p, size_t n)
{
    return (span){ p, n };
}

static inline span span_str(const char *cstr)
{
    return (span){ cstr, cstr != NULL ? strlen(cstr) : 0 };
}

static inline bool span_eq(span a, span b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline span span_from(span s, size_t at)   /* what follows offset `at`; empty beyond the end */
{
    return at < s.n ? (span){ s.p + at, s.n - at } : (span){ NULL, 0 };
}

static inline span span_head(span s, size_t n)    /* the first n bytes, or all */
{
    return (span){ s.p, n < s.n ? n : s.n };
}

/* ASCII only: bytes >= 0x80 compare as they are, whatever the locale. */
static inline char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool span_eq_nocase(span a, span b);
bool span_starts(span s, span prefix);
bool span_starts_nocase(span s, span prefix);
bool span_ends_nocase(span s, span suffix);
/* Offset of the first / last `c`, or s.n when there is none. */
size_t span_find(span s, char c);
size_t span_rfind(span s, char c);
/* Offset of the first `needle`, or s.n. */
size_t span_find_span(span s, span needle);
size_t span_count(span s, char c);                 /* how many of its bytes are c */
span span_trim(span s);                            /* without leading and trailing SP, TAB, CR, LF */
/* Cuts the next piece up to `sep` off *rest; false when *rest was used up (p == NULL). */
bool span_next(span *rest, char sep, span *piece_out);
/* The little-endian number of so many bytes, at most 8. */
static inline uint64_t bytes_le(const char *p, size_t n)
{
    uint64_t v = 0;

    for (size_t i = n; i > 0; i--)
        v = v << 8 | (uint8_t)p[i - 1];
    return v;
}
/* Copies s to *at and steps over it; the copy. */
span span_keep(char **at, span s);
/* Decimal digits only, whole span, 1 to 19 digits; false on anything else or overflow. */
bool span_to_u64(span s, uint64_t *value_out);

#endif

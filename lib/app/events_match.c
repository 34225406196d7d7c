/* events_match.c - does a record name an address?
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/app/events_match.h"

#include "lib/base/json_out.h"

static bool same_nocase(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (ascii_lower(a[i]) != ascii_lower(b[i]))
            return false;
    return true;
}

/* The byte of the needle to look for first: one that has no case and is rare in a record, if there is one. */
static size_t anchor_of(span needle)
{
    size_t at = span_find(needle, '@');

    if (at < needle.n)
        return at;
    for (size_t i = 0; i < needle.n; i++)
        if (ascii_lower(needle.p[i]) == needle.p[i] && (needle.p[i] < 'a' || needle.p[i] > 'z'))
            return i;
    return 0;
}

/* The next offset >= from where the needle stands, or line.n. */
static size_t find_from(span line, span needle, size_t anchor, size_t from)
{
    char c = needle.p[anchor];
    bool letter = ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z';

    if (needle.n > line.n)
        return line.n;
    for (size_t i = from; i + needle.n <= line.n; i++) {
        if (!letter) {
            const char *hit = memchr(line.p + i + anchor, c, line.n - needle.n - i + 1);

            if (hit == NULL)
                return line.n;
            i = (size_t)(hit - line.p) - anchor;
        }
        if (same_nocase(line.p + i, needle.p, needle.n))
            return i;
    }
    return line.n;
}

static bool is_word(char c)
{
    return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || (unsigned char)c >= 0x80;
}

/* The letter before an address may be the end of a JSON escape ("\nbob@..."). */
static bool is_escape_end(span line, size_t at)
{
    return (at >= 1 && line.p[at - 1] == '\\') || (at >= 5 && line.p[at - 4] == 'u' && line.p[at - 5] == '\\');
}

static bool stands_alone(span line, size_t at, size_t n)
{
    if (at > 0) {
        char before = line.p[at - 1];

        if ((is_word(before) && !is_escape_end(line, at - 1)) || memchr("._+-", before, 4) != NULL)
            return false;
    }
    if (at + n < line.n) {
        char after = line.p[at + n];

        if (is_word(after) || after == '-' || after == '_')
            return false;
        if (after == '.' && at + n + 1 < line.n && is_word(line.p[at + n + 1]))
            return false;
    }
    return true;
}

bool events_contains(span line, span needle)
{
    return needle.n == 0 || find_from(line, needle, anchor_of(needle), 0) < line.n;
}

bool events_names(span line, span needle)
{
    size_t anchor, at;

    if (needle.n == 0)
        return false;
    anchor = anchor_of(needle);
    for (at = find_from(line, needle, anchor, 0); at < line.n; at = find_from(line, needle, anchor, at + 1))
        if (stands_alone(line, at, needle.n))
            return true;
    return false;
}

void events_escape(span text, struct buf *to)
{
    struct json_out j;
    struct buf b;
    span all;

    buf_init(&b, text.n * 6 + 8);
    json_begin(&j, &b);
    json_str(&j, NULL, text);
    all = buf_span(&b);
    buf_append(to, span_of(all.p + 2, all.n - 3));       /* without {" and " */
    buf_free(&b);
}

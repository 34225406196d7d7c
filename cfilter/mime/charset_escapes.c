/* charset_escapes.c - ISO-2022, HZ and the mark of UTF-8.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/mime/charset_escapes.h"

enum { ESC = 0x1b, SO = 0x0e, SI = 0x0f, SEQUENCE_MAX = 5 };

static void append(span piece, struct buf *to, struct decode_result *r)
{
    size_t room = to->limit - to->len;

    r->full |= piece.n > room;
    piece = span_head(piece, room);
    buf_append(to, piece);
    to->overflow |= r->full;
    r->made_bytes += piece.n;
}

enum effect { NO_SEQUENCE, TO_ASCII, TO_OTHER, NEITHER };

/* The sequence at the head of s: ESC, intermediate bytes, a final byte; or a shift. */
static enum effect sequence(span s, size_t *bytes_out)
{
    size_t n = 1;

    *bytes_out = 1;
    if (s.p[0] == SO)
        return TO_OTHER;
    if (s.p[0] == SI)
        return TO_ASCII;
    if (s.p[0] != ESC)
        return NO_SEQUENCE;
    while (n < s.n && n < SEQUENCE_MAX && s.p[n] >= 0x20 && s.p[n] <= 0x2f)
        n++;
    if (n < 2 || n == s.n || s.p[n] < 0x30 || s.p[n] == 0x7f)
        return NO_SEQUENCE;
    *bytes_out = n + 1;
    if (s.p[1] == '(')         /* ASCII, JIS X 0201's Latin half, or its Katakana */
        return s.p[n] == 'B' || s.p[n] == 'J' ? TO_ASCII : TO_OTHER;
    return s.p[1] == '$' && (n == 2 || s.p[2] == '(') ? TO_OTHER : NEITHER;
}

/* Walks the text; `to` NULL: only looks.  Returns whether a sequence switches nothing. */
static bool walk(span in, struct buf *to, struct decode_result *r)
{
    bool ascii = true, idle = false;
    size_t from = 0, at = 0;

    while (at < in.n && !r->full) {
        char c = in.p[at];
        size_t bytes;
        enum effect e;

        if (c == '\n')         /* each line begins with ASCII */
            ascii = true;
        if ((e = sequence(span_from(in, at), &bytes)) == NO_SEQUENCE) {
            at++;
            continue;
        }
        /* A designation that switches nothing is honest in front of a line (RFC 1557). */
        idle |= (e == TO_ASCII && ascii) || (e == NEITHER && at > 0 && in.p[at - 1] != '\n');
        ascii = e == NEITHER ? ascii : e == TO_ASCII;
        if (to != NULL)
            append((span){ in.p + from, at - from }, to, r);
        at += bytes;
        from = at;
    }
    if (to != NULL)
        append(span_from(in, from), to, r);
    return idle;
}

struct decode_result iso2022_strip(span in, struct buf *to)
{
    struct decode_result r = { .used_bytes = in.n };

    if (walk(in, NULL, &r)) {
        r.seen = 1;
        walk(in, to, &r);
    }
    return r;
}

/* How many bytes the "~" at `at` takes; *keep_out: how many of them stay. */
static size_t tilde(span in, size_t at, size_t *keep_out)
{
    char next = at + 1 < in.n ? in.p[at + 1] : '\0';

    *keep_out = next == '~';
    if (next == '\r' && at + 2 < in.n && in.p[at + 2] == '\n')
        return 3;
    if (next == '\n' || next == '~' || next == '{' || next == '}')
        return 2;
    *keep_out = 1;
    return 1;
}

struct decode_result hz_strip(span in, struct buf *to)
{
    struct decode_result r = { .used_bytes = in.n };
    size_t at = span_find(in, '~'), from = 0, keep;

    if (at == in.n)
        return r;
    r.seen = 1;
    for (; at < in.n && !r.full; at = from + span_find(span_from(in, from), '~')) {
        size_t bytes = tilde(in, at, &keep);

        append((span){ in.p + from, at + keep - from }, to, &r);
        from = at + bytes;
    }
    if (!r.full)
        append(span_from(in, from), to, &r);
    return r;
}

struct decode_result utf8_strip(span in, struct buf *to)
{
    struct decode_result r = { .used_bytes = in.n };

    if (span_starts(in, SPAN("\xef\xbb\xbf")))
        in = span_from(in, 3);
    append(in, to, &r);
    return r;
}

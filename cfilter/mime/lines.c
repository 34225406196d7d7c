/* lines.c - where a line ends, under each reading.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/mime/lines.h"

enum { PIECE = 256, CRS_MAX = 8 };

static struct line cut(size_t at, size_t end, size_t next)
{
    return (struct line){ at, end, next };
}

static size_t find(span in, size_t at, char c)
{
    const char *p = memchr(in.p + at, c, in.n - at);

    return p != NULL ? (size_t)(p - in.p) : in.n;
}

static struct line line_lf(span in, size_t at)
{
    size_t lf = find(in, at, '\n'), end = lf;

    if (lf == in.n)
        return cut(at, in.n, in.n);
    while (end > at && in.p[end - 1] == '\r')
        end--;
    return cut(at, end, lf + 1);
}

static struct line line_crlf(span in, size_t at)
{
    for (size_t lf = at; (lf = find(in, lf, '\n')) < in.n; lf++)
        if (lf > at && in.p[lf - 1] == '\r')
            return cut(at, lf - 1, lf + 1);
    return cut(at, in.n, in.n);
}

/* The first CR or LF.  In pieces, so that a text with many of the one and none of the other is not searched to its end each time. */
static size_t find_either(span in, size_t at)
{
    for (; at < in.n; at += PIECE) {
        size_t n = in.n - at < PIECE ? in.n - at : PIECE;
        const char *lf = memchr(in.p + at, '\n', n);
        const char *cr = memchr(in.p + at, '\r', lf != NULL ? (size_t)(lf - in.p) - at : n);
        if (cr != NULL || lf != NULL)
            return (size_t)((cr != NULL ? cr : lf) - in.p);
    }
    return in.n;
}

static struct line line_any(span in, size_t at, bool each)
{
    size_t end = find_either(in, at), after = end;

    if (end == in.n)
        return cut(at, end, end);
    if (in.p[end] == '\n')
        return cut(at, end, end + 1);
    do
        after++;
    while (!each && after < in.n && in.p[after] == '\r' && after - end < CRS_MAX);
    if (after < in.n && in.p[after] == '\n')
        return cut(at, end, after + 1);
    return cut(at, end, end + 1);
}

struct line line_at(span in, size_t at, enum line_ends how)
{
    switch (how) {
    case LINES_LF:
        return line_lf(in, at);
    case LINES_CRLF:
        return line_crlf(in, at);
    case LINES_EACH:
        return line_any(in, at, true);
    case LINES_ANY:
    case LINE_ENDS:
        break;
    }
    return line_any(in, at, false);
}

static size_t count(span in, char c)
{
    size_t n = 0;

    for (size_t at = 0; at < in.n && (at = find(in, at, c)) < in.n; at++)
        n++;
    return n;
}

struct stray stray_count(span in)
{
    struct stray s = { .nul = count(in, '\0') };

    for (size_t at = 0; at < in.n && (at = find(in, at, '\n')) < in.n; at++) {
        if (at == 0 || in.p[at - 1] != '\r') {
            s.lf++;
            continue;
        }
        s.crlf = true;
        s.crcrlf |= at > 1 && in.p[at - 2] == '\r';
    }
    for (size_t at = 0; at < in.n && (at = find(in, at, '\r')) < in.n; at++)
        s.cr += at + 1 == in.n || in.p[at + 1] != '\n';
    return s;
}

size_t line_readings(const struct stray *s, enum line_ends out[LINE_ENDS])
{
    size_t n = 0;

    if (s->cr > 0 && (s->crlf || s->lf > 0))
        out[n++] = LINES_LF;       /* the usual reading of mail that holds CRs */
    out[n++] = LINES_ANY;
    if (s->lf > 0 && s->crlf)
        out[n++] = LINES_CRLF;
    if (s->crcrlf)
        out[n++] = LINES_EACH;
    return n;
}

span line_end_off(span s)
{
    if (s.n > 0 && s.p[s.n - 1] == '\n')
        s.n--;
    if (s.n > 0 && s.p[s.n - 1] == '\r')
        s.n--;
    return s;
}

span line_ends_off(span s)
{
    while (s.n > 0 && (s.p[s.n - 1] == '\n' || s.p[s.n - 1] == '\r'))
        s.n--;
    return s;
}

bool line_blank(span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != ' ' && s.p[i] != '\t' && s.p[i] != '\r' && s.p[i] != '\n' && s.p[i] != '\0')
            return false;
    return true;
}

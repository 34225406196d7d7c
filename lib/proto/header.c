/* header.c - the header section of a message: finds and walks its fields.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/proto/header.h"

#include "lib/proto/smtp_dot.h"

/* A stray byte goes on as a blank: it is one already here, or the next server would read other fields than we did. */
static bool is_blank(span in, size_t at)
{
    return in.p[at] == ' ' || in.p[at] == '\t' || smtp_dot_is_stray(in, at);
}

/* Offset behind the CR LF of the line at `at`; message.n and *ended_out false when it has none. */
static size_t line_end(span message, size_t at, bool *ended_out)
{
    size_t rest = message.n - at, crlf = span_find_span(span_from(message, at), SPAN("\r\n"));

    *ended_out = crlf < rest;
    return *ended_out ? at + crlf + 2 : message.n;
}

/* Splits "Name : body"; a line that is no field keeps the null name. */
static void split_field(struct header_field *f)
{
    size_t colon = span_find(f->whole, ':'), end = f->whole.n, n;

    if (f->complete || (end >= 2 && memcmp(f->whole.p + end - 2, "\r\n", 2) == 0))
        end -= 2;
    f->name = span_of(f->whole.p, 0);
    f->body = span_head(f->whole, end);
    if (colon >= end)
        return;
    for (n = colon; n > 0 && is_blank(f->whole, n - 1); n--)
        ;
    if (!header_name_is_valid(span_head(f->whole, n)))
        return;
    f->name = span_head(f->whole, n);
    f->body = span_of(f->whole.p + colon + 1, end - colon - 1);
}

bool header_next(span message, size_t *at, struct header_field *out)
{
    size_t start = *at, end;
    bool ended;

    if (start >= message.n || span_starts(span_from(message, start), SPAN("\r\n")))
        return false;
    end = line_end(message, start, &ended);
    while (ended && end < message.n && is_blank(message, end))
        end = line_end(message, end, &ended);
    out->at = start;
    out->whole = span_of(message.p + start, end - start);
    out->complete = ended && end < message.n;   /* only the byte behind it shows that no folded line follows */
    split_field(out);
    *at = end;
    return true;
}

bool header_is(const struct header_field *f, span name)
{
    return f->name.n > 0 && span_eq_nocase(f->name, name);
}

bool header_find(span message, span name, size_t *at, struct header_field *out)
{
    struct header_field f;

    while (header_next(message, at, &f)) {
        if (header_is(&f, name)) {
            *out = f;
            return true;
        }
    }
    return false;
}

size_t header_section_end(span message)
{
    size_t at;

    if (span_starts(message, SPAN("\r\n")))
        return 2;
    at = span_find_span(message, SPAN("\r\n\r\n"));
    return at < message.n ? at + 4 : message.n;
}

bool header_unfold(span body, struct buf *to)
{
    span s = span_trim(body);
    char *out = buf_reserve(to, s.n);
    size_t n = 0;

    if (out == NULL)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\r' && i + 2 < s.n && s.p[i + 1] == '\n' && is_blank(s, i + 2))
            i++;
        else
            out[n++] = s.p[i] == '\r' || s.p[i] == '\n' || s.p[i] == '\0' ? ' ' : s.p[i];
    }
    buf_commit(to, n);
    return true;
}

bool header_name_is_valid(span name)
{
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] < 33 || name.p[i] > 126 || name.p[i] == ':')
            return false;
    return name.n > 0;
}

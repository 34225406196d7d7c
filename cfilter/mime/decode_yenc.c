/* decode_yenc.c - yEnc files.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/mime/decode_yenc.h"

static size_t line_end(span in, size_t at)
{
    while (at < in.n && in.p[at] != '\n' && in.p[at] != '\r')
        at++;
    return at;
}

static size_t next_line(span in, size_t at)
{
    at = line_end(in, at);
    if (at < in.n && in.p[at] == '\r')
        at++;
    if (at < in.n && in.p[at] == '\n')
        at++;
    return at;
}

/* The number after " key=" of a control line; 0 when it is not there. */
static uint64_t number(span line, span key)
{
    size_t at = span_find_span(line, key), digits = 0;
    uint64_t value = 0;
    span rest;

    if (at >= line.n)
        return 0;
    rest = span_from(line, at + key.n);
    while (digits < rest.n && rest.p[digits] >= '0' && rest.p[digits] <= '9')
        digits++;
    return span_to_u64(span_head(rest, digits), &value) ? value : 0;
}

static span name_of(span line)
{
    size_t at = span_find_span(line, SPAN("name="));

    return at < line.n ? span_trim(span_from(line, at + 5)) : (span){ NULL, 0 };
}

static size_t find_begin(span in, size_t at)
{
    while (at < in.n) {
        at += span_find_span(span_from(in, at), SPAN("=ybegin "));
        if (at >= in.n || at == 0 || in.p[at - 1] == '\n' || in.p[at - 1] == '\r')
            return at;
        at++;
    }
    return in.n;
}

static void decode_body(span in, size_t at, struct yenc_part *part, struct buf *to)
{
    size_t room = to->limit - to->len, want = in.n - at < room ? in.n - at : room;
    char none, *start = want > 0 ? buf_reserve(to, want) : &none, *p = start, *end = start + want;
    bool line_start = true;

    for (; at < in.n; at++) {
        unsigned char c = (unsigned char)in.p[at];

        if (c == '\r' || c == '\n') {
            line_start = true;
            continue;
        }
        if (c == '=') {
            if (line_start && span_starts(span_from(in, at), SPAN("=yend"))) {
                part->r.ended = true;
                at = next_line(in, at);
                break;
            }
            if (++at >= in.n)
                break;
            c = (unsigned char)(in.p[at] - 64);
        }
        line_start = false;
        if (p == end) {
            part->r.full = true;
            break;
        }
        *p++ = (char)(c - 42);
    }
    part->r.used_bytes = (at < in.n ? at : in.n) - part->at;
    part->r.made_bytes = (size_t)(p - start);
    if (want > 0)
        buf_commit(to, part->r.made_bytes);
    to->overflow |= part->r.full;
}

bool yenc_next(span in, size_t *at, struct yenc_part *out, struct buf *to)
{
    size_t pos = find_begin(in, *at), body;
    struct yenc_part part = { .at = pos };
    span line;

    if (pos >= in.n) {
        *at = in.n;
        return false;
    }
    line = span_head(span_from(in, pos), line_end(in, pos) - pos);
    part.name = name_of(line);
    part.part = number(line, SPAN(" part="));
    body = next_line(in, pos);
    if (span_starts(span_from(in, body), SPAN("=ypart "))) {
        line = span_head(span_from(in, body), line_end(in, body) - body);
        part.begin = number(line, SPAN(" begin="));
        body = next_line(in, body);
    }
    decode_body(in, body, &part, to);
    *at = pos + part.r.used_bytes;
    *out = part;
    return true;
}

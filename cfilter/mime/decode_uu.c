/* decode_uu.c - uuencoded files.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/mime/decode_uu.h"

#include "cfilter/mime/decode_base64.h"

enum { LINE_CHARS_MAX = 63 };          /* bytes that a length character can tell */

/* A line without its end (CR, LF, CR LF) and without blanks behind; *behind_out is where the next begins. */
static span line_at(span in, size_t at, size_t *behind_out)
{
    size_t end = at;

    while (end < in.n && in.p[end] != '\n' && in.p[end] != '\r')
        end++;
    *behind_out = end;
    if (end < in.n && in.p[end] == '\r')
        *behind_out = ++end;
    if (*behind_out < in.n && in.p[*behind_out] == '\n')
        ++*behind_out;
    end = at;
    while (end < in.n && in.p[end] != '\n' && in.p[end] != '\r')
        end++;
    return (span){ in.p + at, end - at };
}

static span strip(span s)
{
    while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

static bool is_uu(char c)
{
    return c >= ' ' && c <= '`';
}

/* A line whose length character and characters agree: at most a checksum too many, and not too few, save for blanks that were stripped.  (Where more
 * than half of a line was, only UU_TRUST takes it.) */
static bool line_fits(span line, size_t bytes)
{
    size_t chars = (bytes + 2) / 3 * 4;
    span stripped = strip(line);

    for (size_t i = 0; i < line.n; i++)
        if (!is_uu(line.p[i]))
            return false;
    return stripped.n <= chars + 3 && line.n + chars / 2 + 3 >= chars;
}

/* A text may well have a line "begin ...": without a mode it only counts when what follows looks like it. */
static bool begins_well(span in, size_t at)
{
    size_t behind;
    span line;

    do {
        line = line_at(in, at, &behind);
        at = behind;
    } while (strip(line).n == 0 && at < in.n);
    return line.n > 1 && is_uu(line.p[0]) && ((line.p[0] - ' ') & 63) != 0 && line_fits(line, (size_t)(line.p[0] - ' ') & 63);
}

static bool decode_line(span line, size_t bytes, struct buf *to)
{
    char out[LINE_CHARS_MAX + 3];
    size_t n = 0;

    for (size_t i = 1; n < bytes; i += 4) {
        uint32_t v = 0;

        for (size_t k = i; k < i + 4; k++)
            v = v << 6 | (k < line.n ? (uint32_t)(line.p[k] - ' ') & 63 : 0);
        out[n++] = (char)(v >> 16);
        out[n++] = (char)(v >> 8);
        out[n++] = (char)v;
    }
    if (bytes <= to->limit - to->len)
        return buf_append(to, (span){ out, bytes });
    buf_append(to, (span){ out, to->limit - to->len });
    to->overflow = true;
    return false;
}

static bool is_end(span line)
{
    return span_eq_nocase(strip(line), SPAN("end"));
}

static span skip_blanks(span s)
{
    while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
        s = (span){ s.p + 1, s.n - 1 };
    return s;
}

static bool parse_begin(span line, struct uu_file *f)
{
    size_t digits = 0;
    span rest;

    f->base64 = span_starts_nocase(line, SPAN("begin-base64"));
    if (!f->base64 && !span_starts_nocase(line, SPAN("begin")))
        return false;
    if (!span_starts(line, SPAN("begin")))
        f->r.seen |= UU_SAW_ODD_BEGIN;
    rest = span_from(line, f->base64 ? 12 : 5);
    if (rest.n == 0 || (rest.p[0] != ' ' && rest.p[0] != '\t'))
        f->r.seen |= UU_SAW_ODD_BEGIN;
    rest = skip_blanks(rest);
    while (digits < rest.n && rest.p[digits] >= '0' && rest.p[digits] <= '7')
        digits++;
    if (digits < 3 || (digits < rest.n && rest.p[digits] != ' ' && rest.p[digits] != '\t'))
        f->r.seen |= UU_SAW_ODD_BEGIN;
    else
        rest = skip_blanks(span_from(rest, digits));
    f->name = strip(rest);
    return true;
}

/* Another file begins: the one before had no end. */
static bool is_sound_begin(span line)
{
    struct uu_file f = { .at = 0 };

    return line.n > 5 && parse_begin(line, &f) && (f.r.seen & UU_SAW_ODD_BEGIN) == 0;
}

/* Lines from `at` on, to behind "end". */
static void decode_lines(span in, size_t at, unsigned policy, struct decode_result *r, struct buf *to)
{
    size_t from = to->len, behind;

    for (; at < in.n; at = behind) {
        span line = line_at(in, at, &behind);
        size_t bytes;

        if (is_end(line)) {
            r->ended = true;
            at = behind;
            break;
        }
        if (strip(line).n == 0)
            continue;
        if (is_sound_begin(line))
            break;
        bytes = (size_t)(line.p[0] - ' ') & 63;
        if (policy != UU_TRUST && (!is_uu(line.p[0]) || !line_fits(line, bytes))) {
            r->seen |= UU_SAW_JUNK;
            if (policy == UU_STOP)
                break;
            continue;
        }
        if (bytes > 0 && !decode_line(line, bytes, to)) {
            r->full = true;
            break;
        }
    }
    if (!r->ended)
        r->seen |= UU_SAW_NO_END;
    r->used_bytes = at;
    r->made_bytes = to->len - from;
}

static void decode_base64_lines(span in, size_t at, struct decode_result *r, struct buf *to)
{
    size_t start = at, behind = at, end = at;

    for (; at < in.n; at = behind) {
        span line = line_at(in, at, &behind);

        if (span_eq(strip(line), SPAN("===="))) {
            r->ended = true;
            break;
        }
        end = behind;
    }
    *r = (struct decode_result){ .ended = r->ended, .seen = r->seen | (r->ended ? 0 : UU_SAW_NO_END) };
    struct decode_result inner = base64_decode((span){ in.p + start, end - start }, 0, to);
    r->made_bytes = inner.made_bytes;
    r->full = inner.full;
    r->seen |= inner.seen != 0 ? UU_SAW_JUNK : 0;
    r->used_bytes = r->ended ? behind : in.n;
}

bool uu_next(span in, size_t *at, unsigned policy, struct uu_file *out, struct buf *to)
{
    size_t pos = *at, behind;

    for (; pos < in.n; pos = behind) {
        struct uu_file f = { .at = pos };
        span line = line_at(in, pos, &behind);

        if (line.n < 5 || (line.p[0] | 0x20) != 'b' || !parse_begin(line, &f))
            continue;
        if ((f.r.seen & UU_SAW_ODD_BEGIN) != 0 && !f.base64 && !begins_well(in, behind))
            continue;
        if (f.base64)
            decode_base64_lines(in, behind, &f.r, to);
        else
            decode_lines(in, behind, policy, &f.r, to);
        if (f.r.made_bytes == 0 && !f.r.full)
            continue;
        *at = f.r.used_bytes;
        f.r.used_bytes -= pos;
        *out = f;
        return true;
    }
    *at = in.n;
    return false;
}

struct decode_result uu_decode_bare(span in, unsigned policy, struct buf *to)
{
    struct decode_result r = { 0 };

    decode_lines(in, 0, policy, &r, to);
    return r;
}

size_t uu_policies(unsigned seen, unsigned policies_out[UU_POLICIES_MAX])
{
    size_t n = 0;

    if ((seen & UU_SAW_JUNK) != 0) {
        policies_out[n++] = UU_STOP;
        policies_out[n++] = UU_TRUST;
    }
    return n;
}

/* decode_base64.c - base64 under the policies of mail readers.
 *
 * What real readers do, by policy: glib, Mozilla, ripMIME and (when told to bear errors) JavaMail count "=" as a character of the group; Perl's
 * MIME::Decoder and PHP take it for junk; GMime, Perl's MIME::Base64 and Python's binascii stop there; strict ones stop at junk; others go line by line.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/mime/decode_base64.h"

enum { V_BLANK = 64, V_END = 65, V_PAD = 66, V_JUNK = 67, V_MINUS = 68, V_LINE_ = 69, NOT_DATA = 0xc0 };

/* What stands for no digit has a bit of NOT_DATA, so that one test covers four characters. */
#define J (V_JUNK)
static const uint8_t values[256] = {
    J, J, J, J, J, J, J, J, J, V_BLANK, V_END, J, J, V_END, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J,
    V_BLANK, J, J, J, J, J, J, J, J, J, J, 62, J, V_MINUS, J, 63, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, J, J, J, V_PAD, J, J,
    J, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, J, J, J, J, V_LINE_,
    J, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, J, J, J, J, J,
    J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J,
    J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J,
    J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J,
    J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J,
};
#undef J

struct run {
    unsigned policy, seen;
    uint32_t bits;             /* of the group so far */
    unsigned n;                /* characters of the group so far; with PAD_IS_ZERO the "=" count */
    unsigned pads;             /* "=" in the group (PAD_IS_ZERO) */
    unsigned pads_due;         /* "=" that still belong to the group that ended */
    bool padded;               /* padding was met, no data since */
    bool in_line, blank;       /* anything in this line; a blank since */
    bool stop;
    char *to, *end;            /* room left */
    bool full;
};

static void put(struct run *r, uint32_t bits24, unsigned n)
{
    for (unsigned shift = 16; n > 0; n--, shift -= 8) {
        if (r->to == r->end) {
            r->full = r->stop = true;
            return;
        }
        *r->to++ = (char)(bits24 >> shift);
    }
}

/* The bytes of a group that has not all its characters; a single character makes none. */
static void flush(struct run *r)
{
    if (r->n >= 2)
        put(r, r->bits << (6 * (4 - r->n)), r->n - 1 > r->pads ? r->n - 1 - r->pads : 0);
    r->n = r->pads = 0;
    r->bits = 0;
}

static void data_char(struct run *r, uint32_t value)
{
    if (r->padded || r->pads_due > 0) {
        r->seen |= BASE64_SAW_PAD_INSIDE | (r->pads_due > 0 ? BASE64_SAW_PAD_ODD : 0);
        r->pads_due = 0;
        r->padded = false;
    }
    r->bits = r->bits << 6 | value;
    if (++r->n == 4) {
        put(r, r->bits, r->pads < 3 ? 3 - r->pads : 1);
        r->n = r->pads = 0;
        r->bits = 0;
    }
}

static void pad_as_zero(struct run *r)
{
    r->pads += r->n >= 2 || (r->policy & BASE64_PAD_EARLY_KEEPS) == 0;
    r->bits <<= 6;
    if (++r->n < 4)
        return;
    r->padded = r->pads > 0;
    put(r, r->bits, r->pads < 3 ? 3 - r->pads : 1);
    r->n = r->pads = 0;
    r->bits = 0;
}

static void pad_char(struct run *r)
{
    unsigned rule = r->policy & BASE64_PAD_MASK;

    if (rule == BASE64_PAD_IS_ZERO) {
        pad_as_zero(r);
        return;
    }
    if (r->pads_due > 0) {             /* the second of two */
        r->pads_due--;
        if (rule == BASE64_PAD_STOPS)
            r->stop = true;
        return;
    }
    if (r->n < 2) {
        r->seen |= BASE64_SAW_PAD_ODD;
        if (rule == BASE64_PAD_ENDS_GROUP) {
            r->padded |= r->n > 0;
            r->n = 0;
            r->bits = 0;
        }
        return;
    }
    r->pads_due = 3 - r->n;
    r->padded = true;
    if (rule == BASE64_PAD_IS_JUNK) {
        r->pads_due = 0;
        return;
    }
    flush(r);
    if (rule == BASE64_PAD_STOPS && r->pads_due == 0)
        r->stop = true;
}

static void junk_char(struct run *r, bool url)
{
    r->seen |= url ? BASE64_SAW_URL : BASE64_SAW_JUNK;
    switch (r->policy & BASE64_JUNK_MASK) {
    case BASE64_JUNK_STOPS:
        r->stop = true;
        break;
    case BASE64_JUNK_ENDS_GROUP:
        flush(r);
        break;
    default:
        break;
    }
}

static void one_char(struct run *r, uint8_t value)
{
    if (value != V_BLANK && value != V_END) {
        if (r->blank && r->in_line)
            r->seen |= BASE64_SAW_BLANK;
        r->blank = false;
        r->in_line = true;
    }
    if (value < 64) {
        data_char(r, value);
        return;
    }
    switch (value) {
    case V_BLANK:
        r->blank = true;
        break;
    case V_END:
        r->blank = r->in_line = false;
        break;
    case V_PAD:
        pad_char(r);
        break;
    case V_MINUS:
    case V_LINE_:
        if ((r->policy & BASE64_URL) != 0) {
            r->seen |= BASE64_SAW_URL;
            data_char(r, value == V_MINUS ? 62 : 63);
        } else {
            junk_char(r, true);
        }
        break;
    default:
        junk_char(r, false);
        break;
    }
}

/* Whole groups of nothing but digits, at a group's begin: where nearly all of a body is decoded. */
static const uint8_t *fast(struct run *r, const uint8_t *p, const uint8_t *end)
{
    while (end - p >= 8 && r->end - r->to >= 8) {
        uint32_t a = values[p[0]], b = values[p[1]], c = values[p[2]], d = values[p[3]];
        uint32_t e = values[p[4]], f = values[p[5]], g = values[p[6]], h = values[p[7]];
        uint64_t bits;

        if (((a | b | c | d | e | f | g | h) & NOT_DATA) != 0)
            break;
        bits = (uint64_t)(a << 18 | b << 12 | c << 6 | d) << 24 | (e << 18 | f << 12 | g << 6 | h);
        bits = __builtin_bswap64(bits << 16);
        memcpy(r->to, &bits, 8);       /* two bytes too many, which the next store covers */
        r->to += 6;
        p += 8;
    }
    return p;
}

static size_t feed(struct run *r, span in)
{
    const uint8_t *p = (const uint8_t *)in.p, *end = p + in.n;

    while (p < end && !r->stop) {
        if (r->n == 0 && !r->padded && r->pads_due == 0 && !r->blank && end - p >= 8) {
            const uint8_t *behind = fast(r, p, end);

            r->in_line |= behind > p;
            p = behind;
            if (p == end)
                break;
        }
        one_char(r, values[*p++]);
    }
    return in.n > 0 ? (size_t)((const char *)p - in.p) : 0;
}

/* A line for the policies that go by lines: to behind its LF, CR LF or CR. */
static span next_line(span in, bool *junk_out, bool *blank_out, bool url)
{
    bool data = false, blank = false;
    size_t i = 0;

    *junk_out = *blank_out = false;
    for (; i < in.n; i++) {
        uint8_t v = values[(uint8_t)in.p[i]];

        if (v == V_END)
            break;
        if (v == V_BLANK) {
            blank = data;
        } else {
            *blank_out |= blank;
            data = true;
            *junk_out |= v == V_JUNK || (v >= V_MINUS && v <= V_LINE_ && !url);
        }
    }
    if (i < in.n && in.p[i] == '\r')
        i++;
    if (i < in.n && in.p[i] == '\n')
        i++;
    return span_head(in, i);
}

static size_t feed_lines(struct run *r, span in)
{
    bool drops = (r->policy & BASE64_JUNK_MASK) == BASE64_JUNK_DROPS_LINE, url = (r->policy & BASE64_URL) != 0, junk, blank;
    size_t at = 0;

    while (at < in.n && !r->stop) {
        span line = next_line(span_from(in, at), &junk, &blank, url);

        if (junk || (drops && blank)) {
            r->seen |= junk ? BASE64_SAW_JUNK : BASE64_SAW_BLANK;
            if (!drops)
                break;
            at += line.n;
            continue;
        }
        at += feed(r, line);
    }
    return at;
}

struct decode_result base64_decode(span in, unsigned policy, struct buf *to)
{
    size_t want = in.n / 4 * 3 + 3, room = to->limit - to->len, rule = policy & BASE64_JUNK_MASK;
    struct decode_result result = { 0 };
    struct run r = { .policy = policy };
    char *start;

    if (in.n == 0)
        return result;
    if (want > room)
        want = room;
    start = buf_reserve(to, want);
    r.to = start;
    r.end = start + want;
    result.used_bytes = rule == BASE64_JUNK_STOPS_LINE || rule == BASE64_JUNK_DROPS_LINE ? feed_lines(&r, in) : feed(&r, in);
    if (r.n > 0 || r.pads_due > 0) {
        r.seen |= BASE64_SAW_SHORT;
        flush(&r);
    }
    result.made_bytes = (size_t)(r.to - start);
    buf_commit(to, result.made_bytes);
    result.seen = r.seen;
    result.full = r.full;
    to->overflow |= r.full;
    result.ended = result.used_bytes < in.n && !r.full;
    return result;
}

size_t base64_policies(unsigned seen, unsigned policies_out[BASE64_POLICIES_MAX])
{
    static const struct { unsigned when, policy; } rows[] = {
        { BASE64_SAW_URL, BASE64_URL },
        { BASE64_SAW_JUNK | BASE64_SAW_URL, BASE64_JUNK_STOPS_LINE },
        { BASE64_SAW_JUNK | BASE64_SAW_URL | BASE64_SAW_BLANK, BASE64_JUNK_DROPS_LINE },
        { BASE64_SAW_PAD_INSIDE | BASE64_SAW_PAD_ODD, BASE64_PAD_IS_JUNK },
        { BASE64_SAW_PAD_INSIDE | BASE64_SAW_PAD_ODD, BASE64_PAD_IS_ZERO },
        { BASE64_SAW_PAD_INSIDE, BASE64_PAD_STOPS },
        { BASE64_SAW_PAD_ODD, BASE64_PAD_IS_ZERO | BASE64_PAD_EARLY_KEEPS },
        { BASE64_SAW_JUNK | BASE64_SAW_URL, BASE64_JUNK_ENDS_GROUP },
        { BASE64_SAW_JUNK | BASE64_SAW_URL, BASE64_JUNK_STOPS },
    };
    size_t n = 0;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if ((seen & rows[i].when) != 0)
            policies_out[n++] = rows[i].policy;
    if ((seen & (BASE64_SAW_JUNK | BASE64_SAW_URL)) != 0 && (seen & (BASE64_SAW_PAD_INSIDE | BASE64_SAW_PAD_ODD)) != 0) {
        policies_out[n++] = BASE64_JUNK_DROPS_LINE | BASE64_PAD_IS_JUNK;
        policies_out[n++] = BASE64_JUNK_DROPS_LINE | BASE64_PAD_STOPS;
    }
    return n;
}

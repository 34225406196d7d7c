/* charset.c - UTF-7, UTF-16, UTF-32 and EBCDIC to UTF-8.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/mime/charset.h"

#include "cfilter/mime/charset_ebcdic.h"
#include "cfilter/mime/charset_escapes.h"

enum { BAD = 0xfffd, OUT_BYTES = 1024, HEAD_BYTES = 512 };

struct out {
    struct buf *to;
    size_t n;
    bool full;
    char bytes[OUT_BYTES];
};

static void out_flush(struct out *o)
{
    size_t room = o->to->limit - o->to->len;

    o->full |= o->n > room;
    buf_append(o->to, (span){ o->bytes, o->n < room ? o->n : room });
    o->n = 0;
}

static void out_char(struct out *o, uint32_t c)
{
    if (o->n > OUT_BYTES - 4)
        out_flush(o);
    if (c < 0x80) {
        o->bytes[o->n++] = (char)c;
    } else if (c < 0x800) {
        o->bytes[o->n++] = (char)(0xc0 | c >> 6);
        o->bytes[o->n++] = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        o->bytes[o->n++] = (char)(0xe0 | c >> 12);
        o->bytes[o->n++] = (char)(0x80 | (c >> 6 & 0x3f));
        o->bytes[o->n++] = (char)(0x80 | (c & 0x3f));
    } else {
        o->bytes[o->n++] = (char)(0xf0 | c >> 18);
        o->bytes[o->n++] = (char)(0x80 | (c >> 12 & 0x3f));
        o->bytes[o->n++] = (char)(0x80 | (c >> 6 & 0x3f));
        o->bytes[o->n++] = (char)(0x80 | (c & 0x3f));
    }
}

/* ---- UTF-16, units one by one ---- */

struct utf16 {
    uint32_t high;             /* a surrogate that waits for its second half */
    bool bad;
};

static void utf16_unit(struct utf16 *u, uint32_t unit, struct out *o)
{
    if (u->high != 0) {
        uint32_t high = u->high;

        u->high = 0;
        if (unit >= 0xdc00 && unit < 0xe000) {
            out_char(o, 0x10000 + ((high - 0xd800) << 10) + (unit - 0xdc00));
            return;
        }
        out_char(o, BAD);
        u->bad = true;
    }
    if (unit >= 0xd800 && unit < 0xdc00) {
        u->high = unit;
    } else if (unit >= 0xdc00 && unit < 0xe000) {
        out_char(o, BAD);
        u->bad = true;
    } else {
        out_char(o, unit);
    }
}

static void utf16_end(struct utf16 *u, struct out *o)
{
    if (u->high != 0) {
        out_char(o, BAD);
        u->bad = true;
        u->high = 0;
    }
}

static uint32_t unit_at(const unsigned char *p, bool little)
{
    return little ? (uint32_t)p[1] << 8 | p[0] : (uint32_t)p[0] << 8 | p[1];
}

static bool from_utf16(span in, bool little, struct out *o)
{
    const unsigned char *p = (const unsigned char *)in.p, *end = p + in.n;
    struct utf16 u = { 0 };

    if (in.n >= 2 && unit_at(p, little) == 0xfeff)
        p += 2;
    for (; end - p >= 2 && !o->full; p += 2)
        utf16_unit(&u, unit_at(p, little), o);
    utf16_end(&u, o);
    return !u.bad && p == end;
}

static uint32_t unit32_at(const unsigned char *p, bool little)
{
    return little ? (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0]
                  : (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool from_utf32(span in, bool little, struct out *o)
{
    const unsigned char *p = (const unsigned char *)in.p, *end = p + in.n;
    bool good = true;

    if (in.n >= 4 && unit32_at(p, little) == 0xfeff)
        p += 4;
    for (; end - p >= 4 && !o->full; p += 4) {
        uint32_t c = unit32_at(p, little);
        bool known = c < 0x110000 && (c < 0xd800 || c >= 0xe000);

        good &= known;
        out_char(o, known ? c : BAD);
    }
    return good && p == end;
}

/* ---- UTF-7 ---- */

static int digit64(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* The shifted run whose "+" is at in.p[at], to `o` (NULL: only looked at).  Returns how many bytes it takes, 0 when it holds no whole unit.
 * *ascii_out: half of the units or more are printable ASCII. */
static size_t shifted(span in, size_t at, struct out *o, bool *ascii_out, bool *bad_out)
{
    struct utf16 u = { 0 };
    uint32_t bits = 0;
    unsigned n_bits = 0;
    size_t i = at + 1, units = 0, printable = 0;

    for (; i < in.n; i++) {
        int d = digit64(in.p[i]);

        if (d < 0)
            break;
        bits = bits << 6 | (uint32_t)d;
        n_bits += 6;
        if (n_bits >= 16) {
            uint32_t unit = bits >> (n_bits - 16) & 0xffff;

            n_bits -= 16;
            units++;
            printable += unit >= ' ' && unit < 0x7f;
            if (o != NULL)
                utf16_unit(&u, unit, o);
            if (o != NULL && o->full)
                break;
        }
    }
    if (o != NULL) {
        utf16_end(&u, o);
        *bad_out |= u.bad;
    }
    *ascii_out = printable > 0 && printable * 2 >= units;
    if (units == 0)
        return 0;
    return i + (i < in.n && in.p[i] == '-') - at;
}

static bool from_utf7(span in, struct out *o)
{
    bool any = false, ascii, bad = false;

    for (size_t i = 0; i < in.n && !o->full;) {
        size_t taken = 0;

        if (in.p[i] != '+') {
            if (o->n == OUT_BYTES)
                out_flush(o);
            o->bytes[o->n++] = in.p[i++];
            continue;
        }
        if (i + 1 < in.n && in.p[i + 1] == '-') {
            out_char(o, '+');
            i += 2;
            any = true;
            continue;
        }
        taken = shifted(in, i, o, &ascii, &bad);
        if (taken == 0) {
            out_char(o, '+');
            i++;
            continue;
        }
        any = true;
        i += taken;
    }
    return !any;
}

/* A shifted run that makes ASCII: what a sender would hide from a look at the bytes. */
static bool has_utf7(span in)
{
    const char *p = in.p, *end = in.p + in.n;
    bool ascii, bad;

    while (p < end && (p = memchr(p, '+', (size_t)(end - p))) != NULL) {
        size_t taken = shifted(in, (size_t)(p - in.p), NULL, &ascii, &bad);

        if (taken > 0 && ascii)
            return true;
        p += taken > 0 ? taken : 1;
    }
    return false;
}

/* ---- guessing ---- */

static unsigned guess_bom(span in)
{
    if (span_starts(in, SPAN("\xff\xfe\0\0")))
        return CHARSET_BIT(CHARSET_UTF32LE) | CHARSET_BIT(CHARSET_UTF16LE);
    if (span_starts(in, SPAN("\0\0\xfe\xff")))
        return CHARSET_BIT(CHARSET_UTF32BE);
    if (span_starts(in, SPAN("\xff\xfe")))
        return CHARSET_BIT(CHARSET_UTF16LE);
    if (span_starts(in, SPAN("\xfe\xff")))
        return CHARSET_BIT(CHARSET_UTF16BE);
    if (span_starts(in, SPAN("\xef\xbb\xbf")))
        return CHARSET_BIT(CHARSET_UTF8);
    return 0;
}

/* Text in the Latin script leaves every other byte, or three of four, zero. */
static unsigned guess_nuls(span head)
{
    size_t zero[4] = { 0 }, quarter = head.n / 4;

    if (quarter < 4)
        return 0;
    for (size_t i = 0; i < quarter * 4; i++)
        zero[i % 4] += head.p[i] == '\0';
    size_t many = quarter - quarter / 4, few = quarter / 8;
    if (zero[1] >= many && zero[2] >= many && zero[3] >= many && zero[0] <= few)
        return CHARSET_BIT(CHARSET_UTF32LE);
    if (zero[0] >= many && zero[1] >= many && zero[2] >= many && zero[3] <= few)
        return CHARSET_BIT(CHARSET_UTF32BE);
    if (zero[1] + zero[3] >= many && zero[0] + zero[2] <= 2 * few)
        return CHARSET_BIT(CHARSET_UTF16LE);
    if (zero[0] + zero[2] >= many && zero[1] + zero[3] <= 2 * few)
        return CHARSET_BIT(CHARSET_UTF16BE);
    return 0;
}

/* UTF-7 was made for 7-bit text: what begins otherwise is not searched, or chance would find it in every large archive. */
static bool is_text7(span head)
{
    for (size_t i = 0; i < head.n; i++) {
        unsigned char c = (unsigned char)head.p[i];

        if (c >= 0x7f || (c < ' ' && c != '\t' && c != '\r' && c != '\n' && c != '\f'))
            return false;
    }
    return true;
}

unsigned charset_guess(span bytes)
{
    span head = span_head(bytes, HEAD_BYTES);
    unsigned set = 0;

    if (bytes.n == 0)
        return 0;
    set = guess_bom(head);
    if (set == 0)
        set = guess_nuls(head);
    if (set == 0 && ebcdic_looks(head))
        set = EBCDIC_BITS;
    if (set == 0 && is_text7(head) && has_utf7(bytes))
        set = CHARSET_BIT(CHARSET_UTF7);
    return set;
}

struct decode_result charset_to_utf8(enum charset c, span in, struct buf *to)
{
    struct decode_result r = { .used_bytes = in.n };
    struct out o = { .to = to };
    size_t from = to->len;
    bool clean = true;

    if (in.n == 0)
        return r;
    switch (c) {
    case CHARSET_UTF8:
        return utf8_strip(in, to);
    case CHARSET_ISO2022:
        return iso2022_strip(in, to);
    case CHARSET_HZ:
        return hz_strip(in, to);
    case CHARSET_UTF7:
        clean = from_utf7(in, &o);
        break;
    case CHARSET_UTF16LE:
    case CHARSET_UTF16BE:
        clean = from_utf16(in, c == CHARSET_UTF16LE, &o);
        break;
    case CHARSET_UTF32LE:
    case CHARSET_UTF32BE:
        clean = from_utf32(in, c == CHARSET_UTF32LE, &o);
        break;
    default:
        for (size_t i = 0; i < in.n && !o.full; i++)
            out_char(&o, c >= CHARSET_IBM037 && c < CHARSETS ? ebcdic_char(c, (unsigned char)in.p[i]) : (unsigned char)in.p[i]);
        break;
    }
    out_flush(&o);
    r.seen = !clean;
    r.full = o.full;
    to->overflow |= o.full;
    r.made_bytes = to->len - from;
    return r;
}

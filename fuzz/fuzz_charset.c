/* fuzz_charset.c - text comes back from every encoding; what comes out is UTF-8 and within bounds.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdlib.h>

#include "cfilter/mime/charset.h"
#include "tests/unit/cfilter/mime/encode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_unit(unsigned unit, bool little, struct buf *to)
{
    buf_append_char(to, (char)(little ? unit : unit >> 8));
    buf_append_char(to, (char)(little ? unit >> 8 : unit));
}

/* A code point of each three bytes, never a surrogate or a BOM. */
static uint32_t code_point(span in, size_t i)
{
    uint32_t c = (encode_byte(in, i) << 16 | encode_byte(in, i + 1) << 8 | encode_byte(in, i + 2)) % 0x110000;

    if ((encode_byte(in, i) & 1) != 0)
        c &= 0x7f;
    return (c >= 0xd800 && c < 0xe000) || c == 0xfeff || c == 0xfffe ? 'x' : c;
}

static void put_utf8(uint32_t c, struct buf *to)
{
    if (c < 0x80) {
        buf_append_char(to, (char)c);
        return;
    }
    if (c < 0x800) {
        buf_append_char(to, (char)(0xc0 + c / 64));
    } else {
        if (c < 0x10000) {
            buf_append_char(to, (char)(0xe0 + c / 4096));
        } else {
            buf_append_char(to, (char)(0xf0 + c / 262144));
            buf_append_char(to, (char)(0x80 + c / 4096 % 64));
        }
        buf_append_char(to, (char)(0x80 + c / 64 % 64));
    }
    buf_append_char(to, (char)(0x80 + c % 64));
}

static void put_utf16(uint32_t c, bool little, struct buf *to)
{
    if (c >= 0x10000) {
        put_unit(0xd800 + (c - 0x10000) / 1024, little, to);
        c = 0xdc00 + (c - 0x10000) % 1024;
    }
    put_unit(c, little, to);
}

static void check_back(enum charset c, span in, span want, bool clean)
{
    struct decode_result r;
    struct buf b;

    buf_init(&b, in.n * 3 + 3);
    r = charset_to_utf8(c, in, &b);
    if (!span_eq(buf_span(&b), want) || r.full || (clean && r.seen != 0))
        abort();
    buf_free(&b);
}

static void check_round_trip(span in)
{
    struct buf utf8, le16, be16, le32, be32, utf7, six;

    struct buf *all[] = { &utf8, &le16, &be16, &le32, &be32, &utf7, &six };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        buf_init(all[i], 1 << 24);
    for (size_t i = 0; i < in.n; i += 3) {
        uint32_t c = code_point(in, i);

        put_utf8(c, &utf8);
        put_utf16(c, true, &le16);
        put_utf16(c, false, &be16);
        encode_le(c, 4, &le32);
        encode_be32(c, &be32);
    }
    check_back(CHARSET_UTF16LE, buf_span(&le16), buf_span(&utf8), true);
    check_back(CHARSET_UTF16BE, buf_span(&be16), buf_span(&utf8), true);
    check_back(CHARSET_UTF32LE, buf_span(&le32), buf_span(&utf8), true);
    check_back(CHARSET_UTF32BE, buf_span(&be32), buf_span(&utf8), true);
    if (be16.len > 0) {        /* all of it in one run of UTF-7 */
        encode_sixes(buf_span(&be16), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", '\0', SIZE_MAX, "", &six);
        buf_append_char(&utf7, '+');
        buf_append(&utf7, buf_span(&six));
        buf_append_char(&utf7, '-');
        check_back(CHARSET_UTF7, buf_span(&utf7), buf_span(&utf8), false);
    }
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        buf_free(all[i]);
}

static bool is_utf8(span s)
{
    for (size_t i = 0; i < s.n;) {
        unsigned char c = (unsigned char)s.p[i++];
        unsigned more = c < 0x80 ? 0 : c < 0xc2 ? 9 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : c < 0xf5 ? 3 : 9;

        if (more > s.n - i)
            return false;
        for (; more > 0; more--)
            if (((unsigned char)s.p[i++] & 0xc0) != 0x80)
                return false;
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    span in = { (const char *)data, size };

    check_round_trip(in);
    for (unsigned c = CHARSET_UTF7; c < CHARSETS; c++) {
        struct buf b;

        buf_init(&b, size * 3 + 3);
        bool decodes = c >= CHARSET_UTF16LE && (c < CHARSET_UTF8 || c > CHARSET_HZ);   /* the others let bytes be */
        if (charset_to_utf8((enum charset)c, in, &b).full || (decodes && !is_utf8(buf_span(&b))))
            abort();
        buf_free(&b);
    }
    charset_by_name(in);
    if (charset_guess(in) >= CHARSET_BIT(CHARSETS))
        abort();
    return 0;
}

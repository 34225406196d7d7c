/* test_charset.c - text that hides its ASCII, and text that only looks as if.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <iconv.h>

#include "cfilter/mime/charset.h"
#include "tests/unit/cfilter/mime/decode_rows.h"

#define REPLACED "\xef\xbf\xbd"

static void test_rows(void **state)
{
    static const struct { const char *name; enum charset c; span in, out; unsigned seen; } rows[] = {
        { "utf-7, nothing in it", CHARSET_UTF7, SPAN("plain + text"), SPAN("plain + text"), 0 },
        { "utf-7", CHARSET_UTF7, SPAN("Hi Mom +Jjo-!"), SPAN("Hi Mom \xe2\x98\xba!"), 1 },
        { "utf-7, plus", CHARSET_UTF7, SPAN("1 +- 1"), SPAN("1 + 1"), 1 },
        { "utf-7, ASCII hidden", CHARSET_UTF7, SPAN("+AFgANQBP-!P"), SPAN("X5O!P"), 1 },
        { "utf-7, ends without a minus", CHARSET_UTF7, SPAN("+AFgANQBP!P"), SPAN("X5O!P"), 1 },
        { "utf-7, ends with the text", CHARSET_UTF7, SPAN("+AFg"), SPAN("X"), 1 },
        { "utf-7, two runs", CHARSET_UTF7, SPAN("+AFg-5+AE8-"), SPAN("X5O"), 1 },
        { "utf-7, a surrogate pair", CHARSET_UTF7, SPAN("+2D3eAA-"), SPAN("\xf0\x9f\x98\x80"), 1 },
        { "utf-7, 8 bits stay", CHARSET_UTF7, SPAN("\xe4 +AFg-"), SPAN("\xe4 X"), 1 },
        { "utf-7, too short a run stays", CHARSET_UTF7, SPAN("+AF-x"), SPAN("+AF-x"), 0 },

        { "utf-16le", CHARSET_UTF16LE, SPAN("C\0a\0t\0"), SPAN("Cat"), 0 },
        { "utf-16le with BOM", CHARSET_UTF16LE, SPAN("\xff\xfe" "C\0a\0t\0"), SPAN("Cat"), 0 },
        { "utf-16be", CHARSET_UTF16BE, SPAN("\0C\0a\0t"), SPAN("Cat"), 0 },
        { "utf-16be with BOM", CHARSET_UTF16BE, SPAN("\xfe\xff\0C\0a\0t"), SPAN("Cat"), 0 },
        { "utf-16be, umlaut and euro", CHARSET_UTF16BE, SPAN("\0\xe4\x20\xac"), SPAN("\xc3\xa4\xe2\x82\xac"), 0 },
        { "utf-16be, a pair", CHARSET_UTF16BE, SPAN("\xd8\x3d\xde\x00"), SPAN("\xf0\x9f\x98\x80"), 0 },
        { "utf-16be, half a pair", CHARSET_UTF16BE, SPAN("\xd8\x3d\0C"), SPAN(REPLACED "C"), 1 },
        { "utf-16be, the other half", CHARSET_UTF16BE, SPAN("\xde\x00\0C"), SPAN(REPLACED "C"), 1 },
        { "utf-16be, half a pair at the end", CHARSET_UTF16BE, SPAN("\0C\xd8\x3d"), SPAN("C" REPLACED), 1 },
        { "utf-16le, half a unit", CHARSET_UTF16LE, SPAN("C\0a"), SPAN("C"), 1 },
        { "utf-32le", CHARSET_UTF32LE, SPAN("\xff\xfe\0\0C\0\0\0\0\xf6\x01\0"), SPAN("C\xf0\x9f\x98\x80"), 0 },
        { "utf-32be", CHARSET_UTF32BE, SPAN("\0\0\0C\0\0\0a"), SPAN("Ca"), 0 },
        { "utf-32be, out of range", CHARSET_UTF32BE, SPAN("\0\x11\0\0\0\0\xd8\0\0\0\0a"), SPAN(REPLACED REPLACED "a"), 1 },

        { "utf-8 with BOM", CHARSET_UTF8, SPAN("\xef\xbb\xbf" "Cat"), SPAN("Cat"), 0 },
        { "iso-2022-jp, honest", CHARSET_ISO2022, SPAN("a \x1b$B$3$s\x1b(B b\r\n\x1b$B$3\x1b(J\r\n"), SPAN(""), 0 },
        { "iso-2022-kr, honest", CHARSET_ISO2022, SPAN("\x1b$)C\r\na \x0e!!\x0f b\r\n"), SPAN(""), 0 },
        { "iso-2022-jp, idle", CHARSET_ISO2022, SPAN("\x1b(BX5O\x1b(B!P%\x1b(J@\r\n"), SPAN("X5O!P%@\r\n"), 1 },
        { "iso-2022-jp, idle beside other text", CHARSET_ISO2022, SPAN("\x1b$B$3\x1b(BX\x1b(B5"), SPAN("$3X5"), 1 },
        { "iso-2022-jp, a line ends in another alphabet", CHARSET_ISO2022, SPAN("\x1b$B$3\nX\x1b(B5"), SPAN("$3\nX5"), 1 },
        { "iso-2022-kr, a designation in a line", CHARSET_ISO2022, SPAN("X\x1b$)C5\x0fO"), SPAN("X5O"), 1 },
        { "iso-2022, no sequence", CHARSET_ISO2022, SPAN("X\x1b\x1b[5\x1b"), SPAN(""), 0 },
        { "hz", CHARSET_HZ, SPAN("X5~\nO~~!~\r\nP~{VP~}%~"), SPAN("X5O~!PVP%~"), 1 },
        { "hz, nothing in it", CHARSET_HZ, SPAN("X5O"), SPAN(""), 0 },

        { "037", CHARSET_IBM037, SPAN("\xc8\x85\x93\x93\x96\x6b\x40\xe6\x96\x99\x93\x84\x5a\x4a"), SPAN("Hello, World!\xc2\xa2"), 0 },
        { "037, brackets", CHARSET_IBM037, SPAN("\xba\xbb\xb0"), SPAN("[]^"), 0 },
        { "500, brackets", CHARSET_IBM500, SPAN("\x4a\x5a\x5f\x4f"), SPAN("[]^!"), 0 },
        { "1047, brackets", CHARSET_IBM1047, SPAN("\xad\xbd\x5f\x5a"), SPAN("[]^!"), 0 },
    };
    struct buf b;

    (void)state;
    buf_init(&b, ROWS_LIMIT);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct decode_result r;
        bool utf7 = rows[i].c == CHARSET_UTF7;

        buf_reset(&b);
        r = charset_to_utf8(rows[i].c, rows[i].in, &b);
        assert_bytes(rows[i].name, buf_span(&b), rows[i].out);
        if (r.seen != rows[i].seen || r.made_bytes != b.len || r.full)
            fail_msg("%s: seen %u (%s)", rows[i].name, r.seen, utf7 ? "something was decoded" : "something was bad");
    }
    buf_free(&b);
}

/* All bytes of each page, beside the converter of the C library. */
static void test_pages(void **state)
{
    static const struct { enum charset c; const char *name; } pages[] = {
        { CHARSET_IBM037, "IBM037" }, { CHARSET_IBM500, "IBM500" }, { CHARSET_IBM1047, "IBM1047" }, { CHARSET_IBM273, "IBM273" },
        { CHARSET_IBM277, "IBM277" }, { CHARSET_IBM278, "IBM278" }, { CHARSET_IBM280, "IBM280" }, { CHARSET_IBM284, "IBM284" },
        { CHARSET_IBM285, "IBM285" }, { CHARSET_IBM297, "IBM297" }, { CHARSET_IBM1026, "IBM1026" },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(pages); i++) {
        iconv_t cd = iconv_open("UTF-8", pages[i].name);

        assert_true(cd != (iconv_t)-1);
        for (unsigned c = 0; c < 256; c++) {
            char in = (char)c, out[8], *from = &in, *to = out;
            size_t n_in = 1, n_out = sizeof out;
            struct buf b;

            assert_int_equal(iconv(cd, &from, &n_in, &to, &n_out), 0);
            buf_init(&b, 8);
            charset_to_utf8(pages[i].c, (span){ &in, 1 }, &b);
            assert_bytes(pages[i].name, buf_span(&b), (span){ out, sizeof out - n_out });
            buf_free(&b);
        }
        iconv_close(cd);
    }
}

#define EICAR_037 "\xe7\xf5\xd6\x5a\xd7\x6c\x7c\xc1\xd7\xba\xf4\xe0\xd7\xe9\xe7\xf5\xf4\x4d\xd7\xb0\x5d\xf7\xc3\xc3\x5d\xf7\xd0\x5b\xc5\xc9\xc3\xc1\xd9\x60"

static void test_guess(void **state)
{
    static const struct { const char *name; span in; enum charset is; } rows[] = {
        { "nothing", SPAN(""), CHARSET_NONE },
        { "text", SPAN("Hello, this is C++ and 1+1=2, call +49 30 12345678 (a+b)\r\n"), CHARSET_NONE },
        { "text with base64-like words behind plus", SPAN("see http://x.example/?q=one+two+three+four+Amsterdam+AAAA\r\n"), CHARSET_NONE },
        { "8-bit text", SPAN("Gr\xfc\xdf" "e aus K\xf6ln, sch\xf6n \xfc" "bertrieben\r\n\xe4\xf6\xfc\xdf"), CHARSET_NONE },
        { "utf-8 text", SPAN("\xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82\xd0\xb2\xd0\xb5\xd1\x82\xd0\xb2\xd0\xb5\xd1\x82"), CHARSET_NONE },
        { "koi8 text", SPAN("\xf0\xd2\xc9\xd7\xc5\xd4 \xf0\xd2\xc9\xd7\xc5\xd4 \xf0\xd2\xc9\xd7\xc5\xd4\r\n\xf0\xd2\xc9\xd7\xc5\xd4"), CHARSET_NONE },
        { "utf-7", SPAN("a +AFgANQBP- b"), CHARSET_UTF7 },
        { "utf-7, most of it not ASCII", SPAN("a +AFgANSY6Jjo- b"), CHARSET_UTF7 },
        { "what might be utf-7 in a binary", SPAN("\x01\xff a +AFgANQBP- b"), CHARSET_NONE },
        { "utf-7 of other scripts", SPAN("a +BB8EQAQ4BDIENQRC- b"), CHARSET_NONE },
        { "utf-7, the plus sign is no run", SPAN("a +- b"), CHARSET_NONE },
        { "utf-16le", SPAN("H\0e\0l\0l\0o\0 \0t\0h\0e\0r\0e\0"), CHARSET_UTF16LE },
        { "utf-16be", SPAN("\0H\0e\0l\0l\0o\0 \0t\0h\0e\0r\0e"), CHARSET_UTF16BE },
        { "a short one with BOM", SPAN("\xfe\xff\0H"), CHARSET_UTF16BE },
        { "utf-32le", SPAN("H\0\0\0e\0\0\0l\0\0\0l\0\0\0o\0\0\0"), CHARSET_UTF32LE },
        { "utf-32be", SPAN("\0\0\0H\0\0\0e\0\0\0l\0\0\0l\0\0\0o"), CHARSET_UTF32BE },
        { "utf-8 with BOM", SPAN("\xef\xbb\xbf" "Cat"), CHARSET_UTF8 },
        { "NULs", SPAN("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), CHARSET_NONE },
        { "ebcdic", SPAN(EICAR_037), CHARSET_IBM037 },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        unsigned set = charset_guess(rows[i].in);

        if (rows[i].is == CHARSET_NONE ? set != 0 : (set & CHARSET_BIT(rows[i].is)) == 0)
            fail_msg("%s: %#x", rows[i].name, set);
    }
}

static void test_names(void **state)
{
    static const struct { span name; unsigned set; } rows[] = {
        { SPAN("utf-7"), CHARSET_BIT(CHARSET_UTF7) },
        { SPAN("UTF-16LE"), CHARSET_BIT(CHARSET_UTF16LE) },
        { SPAN("utf-16"), CHARSET_BIT(CHARSET_UTF16LE) | CHARSET_BIT(CHARSET_UTF16BE) },
        { SPAN("UTF32"), CHARSET_BIT(CHARSET_UTF32LE) | CHARSET_BIT(CHARSET_UTF32BE) },
        { SPAN(" \"utf_16be\" "), CHARSET_BIT(CHARSET_UTF16BE) },
        { SPAN("IBM037"), CHARSET_BIT(CHARSET_IBM037) }, { SPAN("cp500"), CHARSET_BIT(CHARSET_IBM500) }, { SPAN("cp1047"), CHARSET_BIT(CHARSET_IBM1047) },
        { SPAN("ebcdic-cp-us"), CHARSET_BIT(CHARSET_IBM037) }, { SPAN("cp01140"), CHARSET_BIT(CHARSET_IBM037) },
        { SPAN("ISO-2022-JP"), CHARSET_BIT(CHARSET_ISO2022) }, { SPAN("csISO2022KR"), CHARSET_BIT(CHARSET_ISO2022) },
        { SPAN("utf-7\x05\n"), CHARSET_BIT(CHARSET_UTF7) }, { SPAN("utf\0-7"), CHARSET_BIT(CHARSET_UTF7) },
        { SPAN("HZ-GB-2312"), CHARSET_BIT(CHARSET_HZ) }, { SPAN("cp50220"), CHARSET_BIT(CHARSET_ISO2022) },
        { SPAN("utf-8"), 0 }, { SPAN("us-ascii"), 0 }, { SPAN(""), 0 }, { SPAN("iso-8859-1"), 0 },
        { SPAN("utf-16utf-16utf-16utf-16utf-16utf-16utf-16"), 0 },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        if (charset_by_name(rows[i].name) != rows[i].set)
            fail_msg("%.*s", SPAN_ARG(rows[i].name));
}

static void test_limit(void **state)
{
    char in[6000];
    struct decode_result r;
    struct buf b;

    (void)state;
    memset(in, 0xc1, sizeof in);
    for (unsigned c = CHARSET_UTF8; c <= CHARSET_HZ; c++) {
        buf_init(&b, 3);
        r = charset_to_utf8((enum charset)c, SPAN("\xef\xbb\xbf" "a\x1b(Bbc~~d"), &b);
        assert_true(r.full);
        assert_true(b.overflow);
        assert_int_equal(r.made_bytes, 3);
        buf_free(&b);
    }
    buf_init(&b, 3000);
    r = charset_to_utf8(CHARSET_IBM037, (span){ in, sizeof in }, &b);
    assert_true(r.full);
    assert_true(b.overflow);
    assert_int_equal(b.len, 3000);
    assert_int_equal(r.made_bytes, 3000);
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_guess),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

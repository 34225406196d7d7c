/* test_decode_base64.c - base64 clean, dirty, broken and cut, as each kind of reader takes it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cfilter/mime/decode_base64.h"
#include "tests/unit/cfilter/mime/decode_rows.h"

enum { GROUP = BASE64_PAD_ENDS_GROUP, STOP = BASE64_PAD_STOPS, JUNK = BASE64_PAD_IS_JUNK, ZERO = BASE64_PAD_IS_ZERO };
enum { J_STOP = BASE64_JUNK_STOPS, J_GROUP = BASE64_JUNK_ENDS_GROUP, J_STOP_LINE = BASE64_JUNK_STOPS_LINE, J_DROP_LINE = BASE64_JUNK_DROPS_LINE };
enum { S_JUNK = BASE64_SAW_JUNK, S_IN = BASE64_SAW_PAD_INSIDE, S_ODD = BASE64_SAW_PAD_ODD, S_SHORT = BASE64_SAW_SHORT, S_URL = BASE64_SAW_URL,
       S_BLANK = BASE64_SAW_BLANK };

static void test_rows(void **state)
{
    static const struct { const char *name; unsigned policy; span in, out; unsigned seen; } rows[] = {
        { "nothing", 0, SPAN(""), SPAN(""), 0 },
        { "one group", 0, SPAN("QUFB"), SPAN("AAA"), 0 },
        { "one byte", 0, SPAN("QQ=="), SPAN("A"), 0 },
        { "two bytes", 0, SPAN("QUE="), SPAN("AA"), 0 },
        { "lines", 0, SPAN("QUJD\r\nREVG\r\nR0g=\r\n"), SPAN("ABCDEFGH"), 0 },
        { "lines that end within groups", 0, SPAN("QUJDR\nEVGR\n0hJ\n"), SPAN("ABCDEFGHI"), 0 },
        { "CR alone, LF alone", 0, SPAN("QUJD\rREVG\nR0hJ"), SPAN("ABCDEFGHI"), 0 },
        { "all of the alphabet", 0, SPAN("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"),
          SPAN("\x00\x10\x83\x10\x51\x87\x20\x92\x8b\x30\xd3\x8f\x41\x14\x93\x51\x55\x97\x61\x96\x9b\x71\xd7\x9f\x82\x18\xa3\x92\x59\xa7\xa2\x9a\xab\xb2\xdb\xaf"
               "\xc3\x1c\xb3\xd3\x5d\xb7\xe3\x9e\xbb\xf3\xdf\xbf"), 0 },
        { "blanks at line ends", 0, SPAN("QUJD \t\r\nREVG "), SPAN("ABCDEF"), 0 },
        { "blanks inside", 0, SPAN("QU JD"), SPAN("ABC"), S_BLANK },
        { "a bit too many in a short group", 0, SPAN("QR=="), SPAN("A"), 0 },

        { "two characters at the end", 0, SPAN("QUJDQQ"), SPAN("ABCA"), S_SHORT },
        { "three characters at the end", 0, SPAN("QUJDQUE"), SPAN("ABCAA"), S_SHORT },
        { "one character at the end", 0, SPAN("QUJDQ"), SPAN("ABC"), S_SHORT },
        { "one sign too few", 0, SPAN("QQ="), SPAN("A"), S_SHORT },
        { "one sign too many", 0, SPAN("QUE=="), SPAN("AA"), S_ODD },
        { "signs too many, data behind", 0, SPAN("QQ===QUFB"), SPAN("AAAA"), S_ODD | S_IN },
        { "a sign alone", 0, SPAN("="), SPAN(""), S_ODD },
        { "a sign in front", 0, SPAN("=QUFB"), SPAN("AAA"), S_ODD },
        { "a sign behind one character", 0, SPAN("Q=QUFB"), SPAN("AAA"), S_ODD | S_IN },

        { "two runs", 0, SPAN("QQ==\r\nQUFB"), SPAN("AAAA"), S_IN },
        { "two runs, stops", STOP, SPAN("QQ==\r\nQUFB"), SPAN("A"), 0 },
        { "two runs, stops at a single sign", STOP, SPAN("QUE=\r\nQUFB"), SPAN("AA"), 0 },
        { "signs where none belong do not stop", STOP, SPAN("=QUFB"), SPAN("AAA"), S_ODD },
        { "one sign of two does not stop", STOP, SPAN("QQ=QUFB"), SPAN("AAAA"), S_IN | S_ODD },
        { "signs are junk: groups run on", JUNK, SPAN("QU=FB=Q=="), SPAN("AAA"), S_IN | S_ODD | S_SHORT },
        { "signs are junk, as PHP reads it", JUNK, SPAN("QQ==QUFB"), SPAN("A\x04\x14\x14"), S_IN | S_SHORT },
        { "signs count as characters", ZERO, SPAN("QQ=QUFB="), SPAN("A\0P\x50"), 0 },
        { "signs count, and whole padding is padding", ZERO, SPAN("QQ==QUFB"), SPAN("AAAA"), S_IN },
        { "signs count, one in front", ZERO, SPAN("=UFBQUFB"), SPAN("\x01" "AAAA"), 0 },
        { "signs count, one in front takes nothing", ZERO | BASE64_PAD_EARLY_KEEPS, SPAN("=UFBQUFB"), SPAN("\x01" "AAAAA"), 0 },
        { "signs count, five of them", ZERO, SPAN("QQ=====QUFBQUFB"), SPAN("A\0PPPPP"), S_SHORT | S_IN },

        { "junk skipped", 0, SPAN("Q.U!J\0D*"), SPAN("ABC"), S_JUNK },
        { "8-bit junk", 0, SPAN("QU\xc3\xa4JD"), SPAN("ABC"), S_JUNK },
        { "a list footer", 0, SPAN("QUJD\r\nQQ==\r\n--\r\nlist\r\n"), SPAN("ABCA\x96\x2b\x2d"), S_URL | S_IN },
        { "a list footer, line rule", J_STOP_LINE, SPAN("QUJD\r\nQQ==\r\n--\r\nlist\r\n"), SPAN("ABCA"), S_JUNK },
        { "junk stops", J_STOP, SPAN("QUJDQ!UJD"), SPAN("ABC"), S_JUNK | S_SHORT },
        { "junk stops, what is there of the group counts", J_STOP, SPAN("QUJDQQ!UJD"), SPAN("ABCA"), S_JUNK | S_SHORT },
        { "junk ends a group", J_GROUP, SPAN("QQ!QUJD"), SPAN("AABC"), S_JUNK },
        { "a line of junk is dropped", J_DROP_LINE, SPAN("begin 644 a.exe\r\nQUJD\r\nhello, you\r\nREVG"), SPAN("ABCDEF"), S_JUNK },
        { "a line with a blank is dropped", J_DROP_LINE, SPAN("some words\nQUJD\n"), SPAN("ABC"), S_BLANK },
        { "a group that goes on behind a dropped line", J_DROP_LINE, SPAN("QU\n<>\nJD"), SPAN("ABC"), S_JUNK },
        { "the line of junk, skipped only, shifts all", 0, SPAN("a.bc\nQUJD"), SPAN("i\xb7\x10P\x90"), S_JUNK | S_SHORT },

        { "url alphabet as junk", 0, SPAN("-QUJD_"), SPAN("ABC"), S_URL },
        { "url alphabet", BASE64_URL, SPAN("-_-_"), SPAN("\xfb\xff\xbf"), S_URL },
        { "both alphabets", BASE64_URL, SPAN("-/+_"), SPAN("\xfb\xff\xbf"), S_URL },
    };
    struct buf b;

    (void)state;
    buf_init(&b, ROWS_LIMIT);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct decode_result r;

        buf_reset(&b);
        r = base64_decode(rows[i].in, rows[i].policy, &b);
        assert_bytes(rows[i].name, buf_span(&b), rows[i].out);
        if (r.seen != rows[i].seen || r.made_bytes != b.len || r.full)
            fail_msg("%s: seen %#x, want %#x", rows[i].name, r.seen, rows[i].seen);
    }
    buf_free(&b);
}

static void test_end(void **state)
{
    struct buf b;
    struct decode_result r;

    (void)state;
    buf_init(&b, ROWS_LIMIT);
    r = base64_decode(SPAN("QQ==rest"), BASE64_PAD_STOPS, &b);
    assert_true(r.ended);
    assert_int_equal(r.used_bytes, 4);
    r = base64_decode(SPAN("QUFB!rest"), BASE64_JUNK_STOPS, &b);
    assert_true(r.ended);
    r = base64_decode(SPAN("QUFB\n!rest\n"), BASE64_JUNK_STOPS_LINE, &b);
    assert_true(r.ended);
    assert_int_equal(r.used_bytes, 5);
    r = base64_decode(SPAN("QUFB"), 0, &b);
    assert_false(r.ended);
    assert_int_equal(r.used_bytes, 4);
    buf_free(&b);
}

/* Every length of room: what fits is there, and that something does not is told. */
static void test_limit(void **state)
{
    static const char text[] = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo=";
    static const char want[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

    (void)state;
    for (size_t limit = 0; limit <= sizeof want; limit++) {
        size_t fits = limit < sizeof want - 1 ? limit : sizeof want - 1;
        struct decode_result r;
        struct buf b;

        buf_init(&b, limit);
        r = base64_decode(span_str(text), 0, &b);
        assert_bytes("as much as fits", buf_span(&b), (span){ want, fits });
        assert_int_equal(r.full, limit < sizeof want - 1);
        assert_int_equal(b.overflow, r.full);
        buf_free(&b);
    }
}

static void test_policies(void **state)
{
    static const struct { unsigned seen; size_t n; unsigned first; } rows[] = {
        { 0, 0, 0 },
        { S_SHORT, 0, 0 },
        { S_URL, 5, BASE64_URL },
        { S_JUNK, 4, J_STOP_LINE },
        { S_IN, 3, JUNK },
        { S_BLANK, 1, J_DROP_LINE },
    };
    unsigned v[BASE64_POLICIES_MAX];

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        size_t n = base64_policies(rows[i].seen, v);

        assert_int_equal(n, rows[i].n);
        if (n > 0)
            assert_int_equal(v[0], rows[i].first);
    }
    assert_true(base64_policies(0xff, v) <= BASE64_POLICIES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_end),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_policies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_decode_uu.c - uuencoded files whole, cut, stripped and mixed with text.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cfilter/mime/decode_uu.h"
#include "tests/unit/cfilter/mime/decode_rows.h"
#include "tests/unit/cfilter/mime/encode.h"

#define CAT "#0V%T\n"          /* "Cat" */
#define DOG "#1&]G\n"          /* "Dog" */

static void test_one(void **state)
{
    static const struct { const char *name; unsigned policy; span in, file, out; unsigned seen; bool ended; } rows[] = {
        { "whole", 0, SPAN("begin 644 a.txt\n" CAT "`\nend\n"), SPAN("a.txt"), SPAN("Cat"), 0, true },
        { "text before and behind", 0, SPAN("hello\n\nbegin 644 a.txt\n" CAT "`\nend\nbye\n"), SPAN("a.txt"), SPAN("Cat"), 0, true },
        { "CR LF", 0, SPAN("begin 644 a.txt\r\n#0V%T\r\n`\r\nend\r\n"), SPAN("a.txt"), SPAN("Cat"), 0, true },
        { "CR", 0, SPAN("begin 644 a.txt\r#0V%T\r`\rend\r"), SPAN("a.txt"), SPAN("Cat"), 0, true },
        { "mode of four digits", 0, SPAN("begin 0755 a b.txt \n" CAT "end\n"), SPAN("a b.txt"), SPAN("Cat"), 0, true },
        { "a blank line inside", 0, SPAN("begin 644 a\n" CAT "\n" DOG "end\n"), SPAN("a"), SPAN("CatDog"), 0, true },
        { "an empty line of data is no end", 0, SPAN("begin 644 a\n`\n" CAT "end\n"), SPAN("a"), SPAN("Cat"), 0, true },
        { "no end", 0, SPAN("begin 644 a\n" CAT), SPAN("a"), SPAN("Cat"), UU_SAW_NO_END, false },
        { "no name", 0, SPAN("begin 644\n" CAT "end"), SPAN(""), SPAN("Cat"), 0, true },
        { "no mode", 0, SPAN("begin  a.exe\n" CAT "end\n"), SPAN("a.exe"), SPAN("Cat"), UU_SAW_ODD_BEGIN, true },
        { "nothing but the word", 0, SPAN("begin\n" CAT "end\n"), SPAN(""), SPAN("Cat"), UU_SAW_ODD_BEGIN, true },
        { "capitals", 0, SPAN("BEGIN 644 a\n" CAT "END\n"), SPAN("a"), SPAN("Cat"), UU_SAW_ODD_BEGIN, true },
        { "checksum characters", 0, SPAN("begin 644 a\n#0V%TX\nend\n"), SPAN("a"), SPAN("Cat"), 0, true },
        { "zeros as blanks, stripped", 0, SPAN("begin 644 a\n&0V%T\nend\n"), SPAN("a"), SPAN("Cat\0\0\0"), 0, true },
        { "blanks behind", 0, SPAN("begin 644 a\n#0V%T   \nend  \n"), SPAN("a"), SPAN("Cat"), 0, true },
        { "a short last group", 0, SPAN("begin 644 a\n\"0V$\nend\n"), SPAN("a"), SPAN("Ca"), 0, true },
        { "a line that does not fit", 0, SPAN("begin 644 a\n" CAT "hello there, you\n" DOG "end\n"), SPAN("a"), SPAN("CatDog"), UU_SAW_JUNK, true },
        { "a line that does not fit, stops", UU_STOP, SPAN("begin 644 a\n" CAT "hello there, you\n" DOG "end\n"), SPAN("a"), SPAN("Cat"),
          UU_SAW_JUNK | UU_SAW_NO_END, false },
        { "a line far too long, trusted", UU_TRUST, SPAN("begin 644 a\n#0V%T0V%T0V%T0V%T\nend\n"), SPAN("a"), SPAN("Cat"), 0, true },
        { "base64", 0, SPAN("begin-base64 644 a.txt\nQ2F0\n====\nmore\n"), SPAN("a.txt"), SPAN("\x43\x61\x74"), 0, true },
        { "base64, no end", 0, SPAN("begin-base64 644 a.txt\nQ2F0\n"), SPAN("a.txt"), SPAN("\x43\x61\x74"), UU_SAW_NO_END, false },
        { "a begin line that nothing follows, then a good one", 0, SPAN("begin 644 x\nbegin 644 a\n" CAT "end\n"), SPAN("a"), SPAN("Cat"), 0, true },
    };
    struct buf b;

    (void)state;
    buf_init(&b, ROWS_LIMIT);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct uu_file f;
        size_t at = 0;

        buf_reset(&b);
        if (!uu_next(rows[i].in, &at, rows[i].policy, &f, &b))
            fail_msg("%s: nothing found", rows[i].name);
        assert_bytes(rows[i].name, buf_span(&b), rows[i].out);
        assert_bytes(rows[i].name, f.name, rows[i].file);
        if (f.r.seen != rows[i].seen || f.r.ended != rows[i].ended || f.r.made_bytes != b.len || at != f.at + f.r.used_bytes)
            fail_msg("%s: seen %#x, want %#x", rows[i].name, f.r.seen, rows[i].seen);
    }
    buf_free(&b);
}

static void test_several(void **state)
{
    span in = SPAN("text\nbegin 644 a\n" CAT "end\nmore text\nbegin 600 b\n" DOG "`\nend\nbye\n");
    struct uu_file f;
    struct buf b;
    size_t at = 0;

    (void)state;
    buf_init(&b, ROWS_LIMIT);
    assert_true(uu_next(in, &at, 0, &f, &b));
    assert_bytes("first", f.name, SPAN("a"));
    assert_int_equal(f.at, 5);
    assert_true(uu_next(in, &at, 0, &f, &b));
    assert_bytes("second", f.name, SPAN("b"));
    assert_false(uu_next(in, &at, 0, &f, &b));
    assert_int_equal(at, in.n);
    assert_bytes("both", buf_span(&b), SPAN("CatDog"));
    buf_free(&b);
}

static void test_no_end_between(void **state)
{
    span in = SPAN("begin 644 a\n" CAT "begin 644 b\n" DOG "end\n");
    struct uu_file f;
    struct buf b;
    size_t at = 0;

    (void)state;
    buf_init(&b, ROWS_LIMIT);
    assert_true(uu_next(in, &at, 0, &f, &b));
    assert_bytes("first", buf_span(&b), SPAN("Cat"));
    assert_int_equal(f.r.seen, UU_SAW_NO_END);
    assert_true(uu_next(in, &at, 0, &f, &b));
    assert_bytes("second", f.name, SPAN("b"));
    assert_true(f.r.ended);
    buf_free(&b);
}

static void test_none(void **state)
{
    static const span rows[] = { SPAN(""), SPAN("begin"), SPAN("begin 644 a\n"), SPAN("begin the day with a song.\nAnd end it\nso.\n"),
                                 SPAN("we begin 644 a\n" CAT "end\n"), SPAN("beginning of the list\nsecond line\n"), SPAN("Begin 644 a\nhello there\n") };
    struct uu_file f;
    struct buf b;

    (void)state;
    buf_init(&b, ROWS_LIMIT);
    for (size_t i = 0; i < ROWS(rows); i++) {
        size_t at = 0;

        if (uu_next(rows[i], &at, 0, &f, &b))
            fail_msg("row %zu", i);
    }
    buf_free(&b);
}

static void test_bare(void **state)
{
    struct decode_result r;
    struct buf b;

    (void)state;
    buf_init(&b, ROWS_LIMIT);
    r = uu_decode_bare(SPAN(CAT DOG "`\nend\n"), 0, &b);
    assert_bytes("bare", buf_span(&b), SPAN("CatDog"));
    assert_true(r.ended);
    buf_free(&b);
}

static void test_round_trip(void **state)
{
    char bytes[300];

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 7);
    for (size_t n = 1; n < sizeof bytes; n++) {
        struct buf text, back;
        struct uu_file f;
        size_t at = 0;

        buf_init(&text, ROWS_LIMIT);
        buf_init(&back, n);            /* exactly enough */
        encode_uu((span){ bytes, n }, "name", n % 2 != 0 ? ' ' : '`', "\r\n", &text);
        assert_true(uu_next(buf_span(&text), &at, 0, &f, &back));
        assert_bytes("round trip", buf_span(&back), (span){ bytes, n });
        assert_int_equal(f.r.seen, 0);
        assert_int_equal(at, text.len);
        buf_free(&text);
        buf_free(&back);
    }
}

static void test_limit(void **state)
{
    struct uu_file f;
    struct buf b;
    size_t at = 0;

    (void)state;
    buf_init(&b, 5);
    assert_true(uu_next(SPAN("begin 644 a\n" CAT DOG "end\n"), &at, 0, &f, &b));
    assert_true(f.r.full);
    assert_true(b.overflow);
    assert_bytes("what fits", buf_span(&b), SPAN("CatDo"));
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one),
        cmocka_unit_test(test_several),
        cmocka_unit_test(test_no_end_between),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_bare),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

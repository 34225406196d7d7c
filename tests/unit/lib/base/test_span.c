/* test_span.c - searching, comparing and cutting spans.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "lib/base/span.h"

static void test_find(void **state)
{
    static const struct { const char *name; span in; char c; size_t first, last; } rows[] = {
        { "none",      SPAN("abc"),  'x', 3, 3 },
        { "one",       SPAN("abc"),  'b', 1, 1 },
        { "two",       SPAN("a@b@"), '@', 1, 3 },
        { "NUL",       SPAN("a\0b"), '\0', 1, 1 },
        { "empty",     { NULL, 0 },  'x', 0, 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        print_message("%s\n", rows[i].name);
        assert_int_equal(span_find(rows[i].in, rows[i].c), rows[i].first);
        assert_int_equal(span_rfind(rows[i].in, rows[i].c), rows[i].last);
    }
    assert_int_equal(span_count(SPAN("a\nb\n\n"), '\n'), 3);
    assert_int_equal(span_count(SPAN("ab"), '\n'), 0);
    assert_int_equal(span_count((span){ NULL, 0 }, '\n'), 0);
    assert_int_equal(span_find_span(SPAN("hello world"), SPAN("wor")), 6);
    assert_int_equal(span_find_span(SPAN("wo"), SPAN("wor")), 2);
    assert_int_equal(span_find_span(SPAN("abc"), SPAN("")), 0);
    assert_int_equal(span_find_span((span){ NULL, 0 }, SPAN("a")), 0);
}

static void test_compare(void **state)
{
    (void)state;
    assert_true(span_eq_nocase(SPAN("MAIL From"), SPAN("mail fROM")));
    assert_false(span_eq_nocase(SPAN("mail"), SPAN("mails")));
    /* A-umlaut in Latin-1, upper and lower: bytes, not letters */
    assert_false(span_eq_nocase(SPAN("\xc4"), SPAN("\xe4")));
    /* '@' and '`' differ by the case bit too */
    assert_false(span_eq_nocase(SPAN("@"), SPAN("`")));
    assert_true(span_starts(SPAN("inet:x"), SPAN("inet:")));
    assert_false(span_starts(SPAN("ine"), SPAN("inet:")));
    assert_true(span_starts_nocase(SPAN("INET:x"), SPAN("inet:")));
    assert_true(span_ends_nocase(SPAN("a.EXE"), SPAN(".exe")));
    assert_true(span_ends_nocase(SPAN("x"), SPAN("")));
    assert_false(span_ends_nocase(SPAN("exe"), SPAN(".exe")));
    assert_true(span_eq((span){ NULL, 0 }, SPAN("")));
}

static void test_trim(void **state)
{
    (void)state;
    assert_true(span_eq(span_trim(SPAN(" \t a b\r\n")), SPAN("a b")));
    assert_int_equal(span_trim(SPAN(" \r\n\t")).n, 0);
    assert_int_equal(span_trim((span){ NULL, 0 }).n, 0);
}

static void test_next(void **state)
{
    static const struct { const char *name; span in; size_t n; const char *pieces[4]; } rows[] = {
        { "one",           SPAN("a"),    1, { "a" } },
        { "two",           SPAN("a,b"),  2, { "a", "b" } },
        { "empty between", SPAN("a,,b"), 3, { "a", "", "b" } },
        { "empty at end",  SPAN("a,"),   2, { "a", "" } },
        { "empty at head", SPAN(",a"),   2, { "", "a" } },
        { "empty",         SPAN(""),     1, { "" } },
        { "nothing",       { NULL, 0 },  0, { NULL } },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        span rest = rows[i].in, piece;
        size_t n = 0;

        print_message("%s\n", rows[i].name);
        while (span_next(&rest, ',', &piece)) {
            assert_true(n < rows[i].n);
            assert_true(span_eq(piece, span_str(rows[i].pieces[n])));
            n++;
        }
        assert_int_equal(n, rows[i].n);
    }
}

static void test_to_u64(void **state)
{
    static const struct { span in; bool ok; uint64_t value; } rows[] = {
        { SPAN("0"), true, 0 }, { SPAN("007"), true, 7 }, { SPAN("9999999999999999999"), true, 9999999999999999999u },
        { SPAN("10000000000000000000"), false, 0 }, { SPAN(""), false, 0 }, { SPAN("-1"), false, 0 }, { SPAN("+1"), false, 0 },
        { SPAN(" 1"), false, 0 }, { SPAN("1 "), false, 0 }, { SPAN("0x1"), false, 0 }, { SPAN("1\0"), false, 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t v = 77;

        print_message("\"%.*s\"\n", SPAN_ARG(rows[i].in));
        assert_int_equal(span_to_u64(rows[i].in, &v), rows[i].ok);
        assert_true(v == (rows[i].ok ? rows[i].value : 77));
    }
}

static void test_cut(void **state)
{
    (void)state;
    assert_int_equal(span_from(SPAN("abc"), 3).n, 0);
    assert_true(span_eq(span_from(SPAN("abc"), 1), SPAN("bc")));
    assert_int_equal(span_from(SPAN("abc"), SIZE_MAX).n, 0);
    assert_true(span_eq(span_head(SPAN("abc"), 2), SPAN("ab")));
    assert_true(span_eq(span_head(SPAN("abc"), 9), SPAN("abc")));
}

static void test_keep(void **state)
{
    char room[8] = "xxxxxxx", *at = room;
    span a = span_keep(&at, SPAN("abc")), none = span_keep(&at, (span){ NULL, 0 }), b = span_keep(&at, SPAN("de"));

    (void)state;
    assert_string_equal(room, "abcdexx");
    assert_ptr_equal(at, room + 5);
    assert_true(a.p == room && a.n == 3 && none.n == 0 && b.p == room + 3 && b.n == 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find), cmocka_unit_test(test_compare), cmocka_unit_test(test_trim),
        cmocka_unit_test(test_next), cmocka_unit_test(test_to_u64),  cmocka_unit_test(test_cut),
        cmocka_unit_test(test_keep),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

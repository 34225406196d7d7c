/* test_param.c - values of MIME fields, as each kind of reader takes them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cfilter/mime/param.h"
#include "tests/unit/cfilter/mime/decode_rows.h"

enum { WANTED = 6 };

static void print_list(const struct param_list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        print_error("  %.*s =", SPAN_ARG(l->v[i].name));
        print_bytes("", l->v[i].value);
    }
}

static bool has(const struct param_list *l, span name, span value)
{
    struct param p;
    size_t i = 0;

    while (param_next(l, name, &i, &p))
        if (span_eq(p.value, value))
            return true;
    return false;
}

/* Every reading in the row is handed out. */
static void test_readings(void **state)
{
    static const struct { const char *name; span body, param; const char *want[WANTED]; } rows[] = {
        { "plain", SPAN("multipart/mixed; boundary=abc"), SPAN("boundary"), { "abc" } },
        { "upper case", SPAN("Multipart/Mixed; BOUNDARY=Abc"), SPAN("boundary"), { "Abc" } },
        { "quoted", SPAN("multipart/mixed; boundary=\"a b;c\""), SPAN("boundary"), { "a b;c", "\"a b" } },
        { "escapes", SPAN("x/y; boundary=\"a\\\"b\\c\""), SPAN("boundary"), { "a\"bc", "a\\\"b\\c" } },
        { "unclosed quote", SPAN("x/y; boundary=\"abc; charset=utf-8"), SPAN("boundary"), { "abc; charset=utf-8", "\"abc", "abc" } },
        { "what an unclosed quote hides", SPAN("x/y; boundary=\"abc; charset=utf-8"), SPAN("charset"), { "utf-8" } },
        { "unclosed behind an escaped quote", SPAN("x/y; boundary=\"abc\\\""), SPAN("boundary"), { "abc\"" } },
        { "closed behind a backslash", SPAN("x/y; boundary=\"abc\\\\\""), SPAN("boundary"), { "abc\\" } },
        { "a quote too many", SPAN("x/y; boundary=abc\"; charset=a"), SPAN("boundary"), { "abc\"", "abc", "abc\"; charset=a" } },
        { "junk behind a quote", SPAN("x/y; boundary=\"ab\"c"), SPAN("boundary"), { "ab", "\"ab\"c", "abc" } },
        { "two quotes", SPAN("x/y; boundary=\"a\" \"b\""), SPAN("boundary"), { "a", "a\" \"b", "a b" } },
        { "trailing blanks in a quote", SPAN("x/y; boundary=\"abc  \""), SPAN("boundary"), { "abc  ", "abc" } },
        { "blanks about the sign", SPAN("x/y; boundary = abc ; c=d"), SPAN("boundary"), { "abc" } },
        { "two signs", SPAN("x/y; boundary==abc"), SPAN("boundary"), { "=abc", "abc" } },
        { "a sign in the value", SPAN("x/y; boundary=a=b"), SPAN("boundary"), { "a=b", "a" } },
        { "specials in the value", SPAN("x/y; boundary=a:b"), SPAN("boundary"), { "a:b", "a" } },
        { "angles", SPAN("x/y; boundary=<abc>"), SPAN("boundary"), { "<abc>", "abc" } },
        { "single quotes", SPAN("x/y; boundary='abc'"), SPAN("boundary"), { "'abc'", "abc" } },
        { "twice", SPAN("x/y; boundary=a; boundary=b"), SPAN("boundary"), { "a", "b" } },
        { "no value", SPAN("x/y; boundary; a=b"), SPAN("boundary"), { "" } },
        { "empty value", SPAN("x/y; boundary=; a=b"), SPAN("boundary"), { "" } },
        { "blank in the value", SPAN("x/y; boundary=abc def"), SPAN("boundary"), { "abc def", "abc", "abcdef" } },

        { "comment", SPAN("x/y; boundary=(one (two) \\) three)abc"), SPAN("boundary"), { "abc", "(one (two) \\) three)abc" } },
        { "comment behind", SPAN("x/y; boundary=abc(x)"), SPAN("boundary"), { "abc", "abc(x)" } },
        { "comment in the middle", SPAN("x/y; boundary=ab(x)c"), SPAN("boundary"), { "abc", "ab(x)c", "ab" } },
        { "comment about the name", SPAN("x/y; (a) boundary (b) = (c) abc"), SPAN("boundary"), { "abc" } },
        { "unclosed comment", SPAN("x/y; (boundary=abc"), SPAN("(boundary"), { "abc" } },
        { "unclosed comment before closed ones", SPAN("x/y (c; (d) boundary (e) = \"a b\" (f)"), SPAN("boundary"), { "a b" } },
        { "comment that hides a semicolon", SPAN("x/y (; boundary=a); boundary=b"), SPAN("boundary"), { "b", "a)" } },
        { "a quoted comment is none", SPAN("x/y; boundary=\"a(b)c\""), SPAN("boundary"), { "a(b)c" } },
        { "comment in the type", SPAN("multi(x)part/mixed; a=b"), SPAN(""), { "multipart/mixed", "multi(x)part/mixed" } },

        { "type", SPAN(" text/plain "), SPAN(""), { "text/plain" } },
        { "blanks in the type", SPAN("text / plain; a=b"), SPAN(""), { "text / plain", "text/plain", "text" } },
        { "quoted type", SPAN("\"text/plain\"; a=b"), SPAN(""), { "text/plain", "\"text/plain\"" } },
        { "empty type", SPAN("; multipart/mixed; boundary=a"), SPAN(""), { "", "multipart/mixed" } },
        { "two types", SPAN("text/plain, multipart/mixed; boundary=a"), SPAN(""), { "text/plain", "multipart/mixed" } },
        { "two types and a blank", SPAN("text/plain multipart/mixed; boundary=a"), SPAN(""), { "text/plain", "multipart/mixed" } },
        { "junk behind an encoding", SPAN("base64 (really) x"), SPAN(""), { "base64" } },
        { "encoding with a semicolon", SPAN("base64;"), SPAN(""), { "base64" } },

        { "no semicolon", SPAN("multipart/mixed boundary=abc"), SPAN("boundary"), { "abc" } },
        { "no semicolon, the type", SPAN("multipart/mixed boundary=abc"), SPAN(""), { "multipart/mixed" } },
        { "comma", SPAN("multipart/mixed, boundary=abc, a=b"), SPAN("boundary"), { "abc" } },
        { "blanks between parameters", SPAN("x/y; charset=utf-8 boundary=\"a b\" c=d"), SPAN("boundary"), { "a b" } },
        { "blanks, signs apart", SPAN("x/y; charset = utf-8 boundary = ab c=d"), SPAN("boundary"), { "ab" } },
        { "line end between", SPAN("x/y\nboundary=ab\n"), SPAN("boundary"), { "ab" } },
        { "folded", SPAN("multipart/mixed;\r\n\tboundary=abc"), SPAN("boundary"), { "abc" } },
        { "folded within a quote", SPAN("multipart/mixed; boundary=\"a\r\n b\""), SPAN("boundary"), { "a b" } },
        { "folded within a value", SPAN("x/y; boundary=\"ab\r\n \tc\""), SPAN("boundary"), { "ab \tc", "abc" } },
        { "folded within a name", SPAN("x/y; bound\r\n ary=abc"), SPAN("boundary"), { "abc" } },
        { "NUL", SPAN("x/y; boundary=ab\0c"), SPAN("boundary"), { "abc", "ab" } },
        { "NUL in the name", SPAN("x/y; bound\0ary=abc"), SPAN("boundary"), { "abc" } },
        { "colon for the sign", SPAN("x/y; boundary: abc"), SPAN("boundary"), { "abc" } },
        { "colon and quotes", SPAN("x/y; boundary: \"a b\""), SPAN("boundary"), { "a b" } },
        { "nothing for the sign", SPAN("x/y; boundary \"a b\""), SPAN("boundary"), { "a b" } },

        { "2231", SPAN("x/y; name*=utf-8'en'a%20b%2"), SPAN("name"), { "a b%2", "utf-8'en'a%20b%2" } },
        { "2231 without charset", SPAN("x/y; name*=a%20b"), SPAN("name"), { "a b" } },
        { "2231 with one sign", SPAN("x/y; name*=utf-8'a%20b"), SPAN("name"), { "a b", "utf-8'a b" } },
        { "2231 and plain", SPAN("x/y; name=a; name*=''b"), SPAN("name"), { "a", "b" } },
        { "2231 quoted", SPAN("x/y; name*=\"''a%41\""), SPAN("name"), { "aA" } },
        { "2231 utf-7", SPAN("x/y; name*=utf-7''+AGEAYg-"), SPAN("name"), { "ab" } },
        { "pieces", SPAN("x/y; name*0=a; name*1=\"b c\"; name*2=d"), SPAN("name"), { "ab cd" } },
        { "pieces out of order", SPAN("x/y; name*1=b; name*0=a"), SPAN("name"), { "ab", "ba" } },
        { "pieces with a gap", SPAN("x/y; name*0=a; name*2=c"), SPAN("name"), { "ac", "a" } },
        { "pieces from one", SPAN("x/y; name*1=a; name*2=c"), SPAN("name"), { "ac" } },
        { "pieces twice", SPAN("x/y; name*0=a; name*1=b; name*1=c"), SPAN("name"), { "abc", "ab", "ac" } },
        { "pieces with charset", SPAN("x/y; name*0*=us-ascii'en'a%42; name*1=c%44; name*2*=%45"), SPAN("name"), { "aBc%44E", "aBcDE" } },
        { "pieces beside the plain one", SPAN("x/y; name=z; name*0=a; name*1=b"), SPAN("name"), { "z", "ab" } },
        { "pieces of ten and more", SPAN("x/y; n*0=0; n*1=1; n*2=2; n*3=3; n*4=4; n*5=5; n*6=6; n*7=7; n*8=8; n*9=9; n*10=a"), SPAN("n"), { "0123456789a" } },
        { "pieces with leading zeros", SPAN("x/y; n*00=0; n*01=1"), SPAN("n"), { "01" } },

        { "pieces, the last unclosed", SPAN("x/y; name*0=\"abc\"; name*1=\"de"), SPAN("name"), { "abcde", "abc\"de" } },
        { "pieces, quoted behind the charset", SPAN("x/y; name*0*=us-ascii'en'\"q\"; name*1=zz"), SPAN("name"), { "qzz", "q" } },
        { "quotes that hide the separator, then a good one", SPAN("x/y\"; boundary=\"]\"=?x"), SPAN("boundary"), { "]" } },

        { "encoded word", SPAN("x/y; name==?us-ascii?Q?a=20b_c?="), SPAN("name"), { "a b c", "=?us-ascii?Q?a=20b_c?=" } },
        { "encoded word in quotes", SPAN("x/y; name=\"=?us-ascii?B?QUJD?=\""), SPAN("name"), { "ABC" } },
        { "encoded words", SPAN("x/y; name=\"=?us-ascii?B?QUJD?= =?us-ascii*en?q?D?=\""), SPAN("name"), { "ABCD" } },
        { "encoded type", SPAN("=?us-ascii?Q?multipart/mixed?=; boundary=abc"), SPAN(""), { "multipart/mixed" } },
        { "encoded name", SPAN("x/y; =?us-ascii?Q?boundary?==abc"), SPAN("boundary"), { "abc" } },
        { "encoded field", SPAN("=?utf-8?B?bXVsdGlwYXJ0L21peGVkOyBib3VuZGFyeT1hYmM=?="), SPAN("boundary"), { "abc" } },
        { "encoded word without an end", SPAN("x/y; name=\"=?us-ascii?Q?abc"), SPAN("name"), { "abc" } },
        { "encoded word in utf-16", SPAN("x/y; name==?utf-16le?B?YQBiAA==?="), SPAN("name"), { "ab" } },
        { "the begin of an encoded word", SPAN("x/y; a=\"=?\"; b=\"=?x\"; c=\"=?x?\"; d=\"=?x?q\"; e=\"=?x?q?"), SPAN("d"), { "=?x?q" } },
        { "no encoding", SPAN("x/y; name=\"=?a?qq?b?=\""), SPAN("name"), { "=?a?qq?b?=" } },
        { "no encoded word", SPAN("x/y; name=\"=?a?X?b?=\""), SPAN("name"), { "=?a?X?b?=" } },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new(4096);
        struct param_list l = { 0 };

        param_parse(rows[i].body, a, &l);
        for (size_t k = 0; k < WANTED && rows[i].want[k] != NULL; k++)
            if (!has(&l, rows[i].param, span_str(rows[i].want[k]))) {
                print_error("%s: \"%s\" is not among\n", rows[i].name, rows[i].want[k]);
                print_list(&l);
                fail();
            }
        assert_false(l.full);
        arena_free(&a);
    }
}

/* An ordinary field has one reading of each parameter, or its quotes as well. */
static void test_plain_is_short(void **state)
{
    static const struct { span body; size_t n; } rows[] = {
        { SPAN("text/plain"), 1 }, { SPAN("base64"), 1 }, { SPAN(""), 1 }, { SPAN("text/plain; charset=utf-8; format=flowed"), 3 },
        { SPAN("multipart/mixed; boundary=\"abc\""), 3 }, { SPAN("attachment; filename=\"a.txt\"; size=12"), 4 },
        { SPAN("multipart/alternative;\r\n boundary=abc"), 2 },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *a = arena_new(4096);
        struct param_list l = { 0 };

        param_parse(rows[i].body, a, &l);
        if (l.n > rows[i].n) {
            print_error("%.*s gives\n", SPAN_ARG(rows[i].body));
            print_list(&l);
            fail();
        }
        arena_free(&a);
    }
}

static void test_first_is_plain(void **state)
{
    struct arena *a = arena_new(4096);
    struct param_list l = { 0 };
    struct param p;
    size_t i = 0;

    (void)state;
    param_parse(SPAN("multipart/mixed (c); boundary=\"a\\b\"; x=y"), a, &l);
    assert_true(param_next(&l, SPAN(""), &i, &p));
    assert_bytes("type", p.value, SPAN("multipart/mixed"));
    assert_int_equal(p.how, PARAM_COMMENT);
    i = 0;
    assert_true(param_next(&l, SPAN("Boundary"), &i, &p));
    assert_bytes("boundary", p.value, SPAN("ab"));
    assert_int_equal(p.how, PARAM_QUOTED | PARAM_ESCAPED);
    i = 0;
    assert_true(param_next(&l, SPAN("x"), &i, &p));
    assert_int_equal(p.how, 0);
    i = 0;
    assert_false(param_next(&l, SPAN("none"), &i, &p));
    arena_free(&a);
}

static void test_limits(void **state)
{
    struct buf b;
    struct arena *a = arena_new(4096);
    struct param_list l = { 0 };

    (void)state;
    buf_init(&b, 1 << 20);
    buf_append_str(&b, "x/y");
    for (int i = 0; i < 1000; i++)
        buf_printf(&b, "; a%d=b", i);
    buf_append_str(&b, "; boundary=abc");
    param_parse(buf_span(&b), a, &l);
    assert_false(l.full);
    assert_int_equal(l.n, PARAM_OTHERS_MAX + 2);
    assert_true(has(&l, SPAN("boundary"), SPAN("abc")));
    arena_reset(a);
    l = (struct param_list){ 0 };
    buf_reset(&b);
    buf_append_str(&b, "x/y");
    for (int i = 0; i < 1000; i++)
        buf_printf(&b, "; name=%d", i);
    param_parse(buf_span(&b), a, &l);
    assert_true(l.full);
    assert_int_equal(l.n, PARAM_LIST_MAX);
    arena_reset(a);
    l = (struct param_list){ 0 };
    buf_reset(&b);
    for (int i = 0; i < 200000; i++)
        buf_append_char(&b, ' ');
    param_parse(buf_span(&b), a, &l);
    assert_true(l.full);
    arena_reset(a);
    l = (struct param_list){ 0 };
    buf_reset(&b);
    buf_append_str(&b, "x/y");
    for (int i = 0; i < 200; i++)
        buf_printf(&b, "; a*%d=b", i);
    param_parse(buf_span(&b), a, &l);
    assert_true(l.full);
    arena_free(&a);
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_readings),
        cmocka_unit_test(test_plain_is_short),
        cmocka_unit_test(test_first_is_plain),
        cmocka_unit_test(test_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

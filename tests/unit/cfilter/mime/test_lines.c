/* test_lines.c - where a line ends, under each reading.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>

#include "cfilter/mime/lines.h"
#include "lib/base/buf.h"

/* want: the lines, each behind a "|". */
static const struct { const char *name; enum line_ends how; span in; const char *want; } rows[] = {
    { "usual, any", LINES_ANY, SPAN("a\r\n\r\nb\r\n"), "|a||b" },
    { "usual, CRLF", LINES_CRLF, SPAN("a\r\n\r\nb\r\n"), "|a||b" },
    { "LF alone, any", LINES_ANY, SPAN("a\nb\r\nc"), "|a|b|c" },
    { "LF alone, CRLF", LINES_CRLF, SPAN("a\nb\r\nc"), "|a\nb|c" },
    { "CR alone, any", LINES_ANY, SPAN("a\rb\r\nc"), "|a|b|c" },
    { "CR alone, LF", LINES_LF, SPAN("a\rb\r\nc"), "|a\rb|c" },
    { "CR CR LF, any", LINES_ANY, SPAN("a\r\r\nb"), "|a|b" },
    { "CR CR LF, each", LINES_EACH, SPAN("a\r\r\nb"), "|a||b" },
    { "CR CR LF, LF", LINES_LF, SPAN("a\r\r\nb"), "|a|b" },
    { "CR CR LF, CRLF", LINES_CRLF, SPAN("a\r\r\nb"), "|a\r|b" },
    { "CR CR, any", LINES_ANY, SPAN("a\r\rb"), "|a||b" },
    { "LF CR, any", LINES_ANY, SPAN("a\n\rb"), "|a||b" },
    { "CR at the end", LINES_ANY, SPAN("a\r"), "|a" },
    { "LF at the start of CRLF", LINES_CRLF, SPAN("\na\r\n"), "|\na" },
    { "NUL is content", LINES_ANY, SPAN("a\0b\nc"), "|a" },    /* as far as a C string goes */
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf got;
        buf_init(&got, 1000);
        for (size_t at = 0; at < rows[i].in.n;) {
            struct line l = line_at(rows[i].in, at, rows[i].how);
            assert_true(l.at == at && l.end >= at && l.end <= l.next && l.next > at && l.next <= rows[i].in.n);
            buf_append_char(&got, '|');
            buf_append(&got, span_of(rows[i].in.p + l.at, l.end - l.at));
            at = l.next;
        }
        if (strcmp(buf_cstr(&got), rows[i].want) != 0)
            fail_msg("%s: %s", rows[i].name, buf_cstr(&got));
        buf_free(&got);
    }
}

static const struct { const char *name; span in; const char *want; } strays[] = {
    { "clean", SPAN("a\r\nb\r\n"), "any" },
    { "a file of LF lines", SPAN("a\nb\n"), "any" },
    { "a file of CR lines", SPAN("a\rb\r"), "any" },
    { "LF in CRLF", SPAN("a\r\nb\nc\r\n"), "any crlf" },
    { "CR in CRLF", SPAN("a\r\nb\rc\r\n"), "lf any" },
    { "CR in LF", SPAN("a\nb\rc\n"), "lf any" },
    { "CR CR LF", SPAN("a\r\r\nb\r\n"), "lf any each" },
    { "all", SPAN("a\r\nb\rc\nd"), "lf any crlf" },
};

static void test_readings(void **state)
{
    static const char *const names[] = { "any", "each", "lf", "crlf" };

    (void)state;
    for (size_t i = 0; i < sizeof strays / sizeof strays[0]; i++) {
        struct stray s = stray_count(strays[i].in);
        enum line_ends how[LINE_ENDS];
        size_t n = line_readings(&s, how);
        char got[100] = "";
        for (size_t k = 0; k < n; k++)
            snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s", k > 0 ? " " : "", names[how[k]]);
        if (strcmp(got, strays[i].want) != 0)
            fail_msg("%s: %s", strays[i].name, got);
    }
}

static void test_ends_off(void **state)
{
    (void)state;
    assert_true(span_eq(line_end_off(SPAN("a\r\n\r\n")), SPAN("a\r\n")));
    assert_true(span_eq(line_end_off(SPAN("a\r")), SPAN("a")));
    assert_true(span_eq(line_end_off(SPAN("a")), SPAN("a")));
    assert_true(span_eq(line_ends_off(SPAN("a\r\n\n\r")), SPAN("a")));
    assert_true(line_blank(SPAN(" \t\r\n\0")));
    assert_false(line_blank(SPAN(" x")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_readings),
        cmocka_unit_test(test_ends_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_smtp_line.c - command lines: cut, stray, too long.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/base/buf.h"
#include "lib/proto/smtp_line.h"

static void assert_span(const char *row, span got, span want)
{
    if (!span_eq(got, want)) {
        print_error("%s: got \"%.*s\", want \"%.*s\"\n", row, SPAN_ARG(got), SPAN_ARG(want));
        fail();
    }
}

/* What comes out when `in` arrives `step` bytes at a time: "O:line|" good, "B:line|" bad, "L|" long, and what waits at the end. */
static void tell(span in, size_t step, struct buf *story)
{
    struct smtp_line l;
    struct buf b;

    smtp_line_init(&l);
    buf_init(&b, 8 + 2 + step);
    for (size_t at = 0; at < in.n; at += step) {
        enum smtp_line_status s;
        span line = { NULL, 0 };
        size_t used = 0;

        assert_true(buf_append(&b, span_head(span_from(in, at), step)));
        while ((s = smtp_line_next(&l, buf_span(&b), 8, &line, &used)) != SMTP_LINE_MORE) {
            buf_append_str(story, s == SMTP_LINE_OK ? "O:" : s == SMTP_LINE_BAD ? "B:" : "L");
            if (s != SMTP_LINE_LONG)
                buf_append(story, line);
            buf_append_char(story, '|');
            buf_consume(&b, used);
        }
        buf_consume(&b, used);
    }
    buf_append(story, buf_span(&b));
    buf_free(&b);
}

static void test_rows(void **state)
{
    static const struct { const char *name; span in, want; } rows[] = {
        { "one", SPAN("NOOP\r\n"), SPAN("O:NOOP|") },
        { "two and a half", SPAN("NOOP\r\nRSET\r\nQU"), SPAN("O:NOOP|O:RSET|QU") },
        { "empty line", SPAN("\r\nQUIT\r\n"), SPAN("O:|O:QUIT|") },
        { "lone LF ends nothing", SPAN("A\nB\r\n"), SPAN("B:A\nB|") },
        { "LF first", SPAN("\nQUIT\r\n"), SPAN("B:\nQUIT|") },
        { "lone CR ends nothing", SPAN("A\rB\r\n"), SPAN("B:A\rB|") },
        { "CR CR LF", SPAN("A\r\r\n"), SPAN("B:A\r|") },
        { "NUL", SPAN("A\0B\r\nC\r\n"), SPAN("B:A\0B|O:C|") },
        { "at the limit", SPAN("12345678\r\nQUIT\r\n"), SPAN("O:12345678|O:QUIT|") },
        { "above it", SPAN("123456789\r\nQUIT\r\n"), SPAN("L|O:QUIT|") },
        { "far above it", SPAN("1234567890123456789012345678901234567890\r\nQUIT\r\n"), SPAN("L|O:QUIT|") },
        { "long with stray ones", SPAN("1234567890\n\r\0 1234567890\r\r\nQUIT\r\n"), SPAN("L|O:QUIT|") },
        { "two long ones", SPAN("123456789\r\n1234567890\r\n"), SPAN("L|L|") },
        { "limit and CR, no LF yet", SPAN("12345678\r"), SPAN("12345678\r") },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (size_t step = 1; step < 60; step += 4) {
            struct buf story;

            buf_init(&story, 1000);
            tell(rows[i].in, step, &story);
            assert_span(rows[i].name, buf_span(&story), rows[i].want);
            buf_free(&story);
        }
    }
}

/* A line that never ends is not kept. */
static void test_endless(void **state)
{
    char piece[10] = "xxxxxxxxxx";
    struct smtp_line l;
    span line;
    size_t used;

    (void)state;
    smtp_line_init(&l);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(smtp_line_next(&l, span_of(piece, 10), 8, &line, &used), SMTP_LINE_MORE);
        assert_int_equal(used, 10);
    }
    assert_int_equal(l.dropped, 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_endless),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

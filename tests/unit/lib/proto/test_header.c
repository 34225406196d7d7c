/* test_header.c - fields: plain, folded, odd.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/proto/header.h"

static void assert_span(const char *row, span got, span want)
{
    if (!span_eq(got, want)) {
        print_error("%s: got \"%.*s\", want \"%.*s\"\n", row, SPAN_ARG(got), SPAN_ARG(want));
        fail();
    }
}

/* "name|body;" for each field; '!' where it is not complete. */
static void tell(span message, struct buf *story, size_t *at)
{
    struct header_field f;

    while (header_next(message, at, &f)) {
        buf_append(story, f.name);
        buf_append_char(story, '|');
        assert_true(header_unfold(f.body, story));
        buf_append_str(story, f.complete ? ";" : "!");
    }
}

static void test_walk(void **state)
{
    static const struct { const char *name; span in, want; size_t end, body; } rows[] = {
        { "two", SPAN("A: b\r\nC:d\r\n\r\nE: f\r\n"), SPAN("A|b;C|d;"), 11, 13 },
        { "folded", SPAN("A: b\r\n c\r\n\td\r\n\r\n"), SPAN("A|b c\td;"), 14, 16 },
        { "blank before the colon", SPAN("X-Gatepost \t: v=1\r\n\r\n"), SPAN("X-Gatepost|v=1;"), 19, 21 },
        { "a fold of blanks only", SPAN("A: b\r\n \r\nC: d\r\n\r\n"), SPAN("A|b;C|d;"), 15, 17 },
        { "empty body", SPAN("A:\r\n\r\n"), SPAN("A|;"), 4, 6 },
        { "no fields", SPAN("\r\nbody"), SPAN(""), 0, 2 },
        { "no field", SPAN("From x\r\nA: b\r\n\r\n"), SPAN("|From x;A|b;"), 14, 16 },
        { "null name", SPAN(": b\r\n\r\n"), SPAN("|: b;"), 5, 7 },
        { "blank in the name", SPAN("A B: c\r\n\r\n"), SPAN("|A B: c;"), 8, 10 },
        { "folded line first", SPAN(" a: b\r\nC: d\r\n\r\n"), SPAN("|a: b;C|d;"), 13, 15 },
        { "no empty line", SPAN("A: b\r\n"), SPAN("A|b!"), 6, 6 },
        { "cut line", SPAN("A: b\r\nC: d"), SPAN("A|b;C|d!"), 10, 10 },
        { "nothing", SPAN(""), SPAN(""), 0, 0 },
        { "stray bytes before the colon are blanks", SPAN("A\0: b\r\nB\r: c\r\nC\n: d\r\n\r\n"), SPAN("A|b;B|c;C|d;"), 21, 23 },
        { "stray bytes fold a line", SPAN("A: b\r\n\0B: c\r\n\nC: d\r\n\rD: e\r\n\r\n"), SPAN("A|b B: c C: d D: e;"), 27, 29 },
        { "stray bytes inside a name make none", SPAN("A\0B: c\r\n\r\n"), SPAN("|A B: c;"), 8, 10 },
        { "a field behind a stray end is text", SPAN("A: b\rB: c\nC: d\r\n\r\n"), SPAN("A|b B: c C: d;"), 16, 18 },
        { "no empty line: CR CR LF", SPAN("A: b\r\n\r\r\nB: c\r\n\r\n"), SPAN("A|b;B|c;"), 15, 17 },
        { "cut in a line end", SPAN("A: b\r\n\r"), SPAN("A|b!"), 7, 7 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf story;
        size_t at = 0;

        buf_init(&story, 1000);
        tell(rows[i].in, &story, &at);
        assert_span(rows[i].name, buf_span(&story), rows[i].want);
        if (at != rows[i].end || header_section_end(rows[i].in) != rows[i].body)
            fail_msg("%s: ends", rows[i].name);
        buf_free(&story);
    }
}

/* All copies are found, whatever their case, and nothing of the body is taken for one. */
static void test_find(void **state)
{
    static const span in = SPAN("x-gatepost: 1\r\nSubject: s\r\n more\r\nX-GATEPOST : 2\r\nX-Gatepost-Not: 3\r\n\r\nX-Gatepost: 4\r\n");
    struct header_field f;
    size_t at = 0;

    (void)state;
    assert_true(header_find(in, SPAN("X-Gatepost"), &at, &f));
    assert_span("first", f.whole, SPAN("x-gatepost: 1\r\n"));
    assert_int_equal(f.at, 0);
    assert_true(header_find(in, SPAN("X-Gatepost"), &at, &f));
    assert_span("second", f.whole, SPAN("X-GATEPOST : 2\r\n"));
    assert_span("body", f.body, SPAN(" 2"));
    assert_false(header_find(in, SPAN("X-Gatepost"), &at, &f));
    at = 0;
    assert_true(header_find(in, SPAN("subject"), &at, &f));
    assert_span("folded", f.whole, SPAN("Subject: s\r\n more\r\n"));
    assert_span("folded body", f.body, SPAN(" s\r\n more"));
    assert_false(header_is(&f, SPAN("")));
}

static void test_unfold(void **state)
{
    static const struct { span in, want; } rows[] = {
        { SPAN(" a\r\n b\r\n\tc "), SPAN("a b\tc") }, { SPAN(""), SPAN("") },         { SPAN("\r\n "), SPAN("") },
        { SPAN("a\r\nb"), SPAN("a  b") },            { SPAN("a\rb\nc\0d"), SPAN("a b c d") },
        { SPAN("a\r\n\0b"), SPAN("a b") },
    };
    struct buf b;

    (void)state;
    buf_init(&b, 20);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        buf_reset(&b);
        assert_true(header_unfold(rows[i].in, &b));
        assert_span("unfolded", buf_span(&b), rows[i].want);
    }
    assert_false(header_unfold(SPAN("more than twenty bytes in all"), &b));
    buf_free(&b);
    assert_true(header_name_is_valid(SPAN("X-Y")));
    assert_false(header_name_is_valid(SPAN("X Y")));
    assert_false(header_name_is_valid(SPAN("X:")));
    assert_false(header_name_is_valid(SPAN("X\xc3\xbc")));
    assert_false(header_name_is_valid(SPAN("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_walk),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_unfold),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_oneline.c - cleaning of foreign text.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/proto/oneline.h"

static void assert_span(const char *row, span got, span want)
{
    if (!span_eq(got, want)) {
        print_error("%s: got \"%.*s\", want \"%.*s\"\n", row, SPAN_ARG(got), SPAN_ARG(want));
        fail();
    }
}

static void test_clean(void **state)
{
    static const struct { const char *name; span in; size_t max; span ascii, utf8; } rows[] = {
        { "plain", SPAN("User unknown"), 50, SPAN("User unknown"), SPAN("User unknown") },
        { "line end", SPAN("a\r\nb\tc"), 50, SPAN("a  b c"), SPAN("a  b c") },
        { "blanks around", SPAN(" \n a \r\n"), 50, SPAN("a"), SPAN("a") },
        { "controls", SPAN("a\0b\033[1m\177"), 50, SPAN("a?b?[1m?"), SPAN("a?b?[1m?") },
        { "UTF-8", SPAN("f\xc3\xbcr"), 50, SPAN("f??r"), SPAN("f\xc3\xbcr") },
        { "cut inside a character", SPAN("ab\xe2\x82\xac"), 4, SPAN("ab??"), SPAN("ab") },
        { "cut before a blank", SPAN("ab cd"), 3, SPAN("ab"), SPAN("ab") },
        { "bad UTF-8", SPAN("\xc3(\xff"), 50, SPAN("?(?"), SPAN("?(?") },
        { "overlong", SPAN("\xc0\xaf"), 50, SPAN("??"), SPAN("??") },
        { "surrogate", SPAN("\xed\xa0\x80"), 50, SPAN("???"), SPAN("???") },
        { "next line, line separator", SPAN("a\xc2\x85" "b\xe2\x80\xa8"), 50, SPAN("a??b???"), SPAN("a?b?") },
        { "nothing", SPAN(""), 50, SPAN(""), SPAN("") },
    };
    char out[64];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_span(rows[i].name, span_of(out, oneline_ascii(rows[i].in, out, rows[i].max)), rows[i].ascii);
        assert_span(rows[i].name, span_of(out, oneline_utf8(rows[i].in, out, rows[i].max)), rows[i].utf8);
    }
}

static void test_is_utf8(void **state)
{
    (void)state;
    assert_true(oneline_is_utf8(SPAN("")));
    assert_true(oneline_is_utf8(SPAN("a\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80")));
    assert_false(oneline_is_utf8(SPAN("\xf4\x90\x80\x80")));   /* beyond U+10FFFF */
    assert_false(oneline_is_utf8(SPAN("\xe0\x80\x80")));
    assert_false(oneline_is_utf8(SPAN("\xf0\x80\x80\x80")));
    assert_false(oneline_is_utf8(SPAN("ab\xe2\x82")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clean),
        cmocka_unit_test(test_is_utf8),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

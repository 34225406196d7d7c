/* test_netstring.c - frames whole, cut, wrong and too long.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/proto/netstring.h"

static void assert_span(const char *row, span got, span want)
{
    if (!span_eq(got, want)) {
        print_error("%s: got \"%.*s\", want \"%.*s\"\n", row, SPAN_ARG(got), SPAN_ARG(want));
        fail();
    }
}

static void test_decode(void **state)
{
    static const struct { const char *name; span in; size_t max; enum ns_status want; span payload; size_t used; } rows[] = {
        { "one frame", SPAN("5:hello,"), 100, NS_OK, SPAN("hello"), 8 },
        { "two frames", SPAN("1:a,1:b,"), 100, NS_OK, SPAN("a"), 4 },
        { "empty payload", SPAN("0:,"), 100, NS_OK, SPAN(""), 3 },
        { "any byte", SPAN("4:\0:,\n,"), 100, NS_OK, SPAN("\0:,\n"), 7 },
        { "nothing", SPAN(""), 100, NS_MORE, SPAN(""), 0 },
        { "cut in length", SPAN("1"), 100, NS_MORE, SPAN(""), 0 },
        { "cut behind colon", SPAN("3:"), 100, NS_MORE, SPAN(""), 0 },
        { "cut before comma", SPAN("3:abc"), 100, NS_MORE, SPAN(""), 0 },
        { "leading zero", SPAN("05:hello,"), 100, NS_E_SYNTAX, SPAN(""), 0 },
        { "two zeros", SPAN("00:,"), 100, NS_E_SYNTAX, SPAN(""), 0 },
        { "no digits", SPAN(":,"), 100, NS_E_SYNTAX, SPAN(""), 0 },
        { "a minus", SPAN("-1:a,"), 100, NS_E_SYNTAX, SPAN(""), 0 },
        { "a blank", SPAN("1 :a,"), 100, NS_E_SYNTAX, SPAN(""), 0 },
        { "no comma", SPAN("1:ab"), 100, NS_E_SYNTAX, SPAN(""), 0 },
        { "at the limit", SPAN("10:0123456789,"), 10, NS_OK, SPAN("0123456789"), 14 },
        { "above it", SPAN("11:"), 10, NS_E_SIZE, SPAN(""), 0 },
        { "above it in the first digit", SPAN("9"), 8, NS_E_SIZE, SPAN(""), 0 },
        { "2^64", SPAN("18446744073709551616:"), SIZE_MAX, NS_E_SIZE, SPAN(""), 0 },
        { "2^64 - 1", SPAN("18446744073709551615:x"), SIZE_MAX, NS_MORE, SPAN(""), 0 },
        { "endless digits", SPAN("9999999999999999999999999999"), SIZE_MAX, NS_E_SIZE, SPAN(""), 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        span payload = SPAN("");
        size_t used = 0;

        if (netstring_decode(rows[i].in, rows[i].max, &payload, &used) != rows[i].want || used != rows[i].used)
            fail_msg("%s", rows[i].name);
        assert_span(rows[i].name, payload, rows[i].payload);
    }
}

static void test_append(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 8);
    assert_true(netstring_append(&b, SPAN("hello")));
    assert_span("frame", buf_span(&b), SPAN("5:hello,"));
    assert_false(netstring_append(&b, SPAN("")));
    assert_span("a full buffer is left alone", buf_span(&b), SPAN("5:hello,"));
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode),
        cmocka_unit_test(test_append),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

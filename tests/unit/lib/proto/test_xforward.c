/* test_xforward.c - attributes taken over and handed on.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/proto/xforward.h"

static void assert_span(const char *row, span got, span want)
{
    if (!span_eq(got, want)) {
        print_error("%s: got \"%.*s\", want \"%.*s\"\n", row, SPAN_ARG(got), SPAN_ARG(want));
        fail();
    }
}

static void test_parse(void **state)
{
    static const struct { const char *name; span args; enum xforward_status want; enum xforward_attr attr; span value; } rows[] = {
        { "name", SPAN("NAME=mx.example.net ADDR=192.0.2.7"), XFORWARD_OK, XFORWARD_NAME, SPAN("mx.example.net") },
        { "any case", SPAN("name=x"), XFORWARD_OK, XFORWARD_NAME, SPAN("x") },
        { "IPv4", SPAN("ADDR=192.0.2.7"), XFORWARD_OK, XFORWARD_ADDR, SPAN("192.0.2.7") },
        { "IPv6", SPAN("ADDR=IPV6:2001:DB8:0::1"), XFORWARD_OK, XFORWARD_ADDR, SPAN("2001:db8::1") },
        { "mapped", SPAN("ADDR=IPV6:::ffff:192.0.2.7"), XFORWARD_OK, XFORWARD_ADDR, SPAN("192.0.2.7") },
        { "xtext", SPAN("HELO=a+2Bb=c.example.org"), XFORWARD_OK, XFORWARD_HELO, SPAN("a+b=c.example.org") },
        { "xtext, blank and UTF-8", SPAN("HELO=a+20+C3+BC"), XFORWARD_OK, XFORWARD_HELO, SPAN("a \xc3\xbc") },
        { "unavailable", SPAN("HELO=[unavailable]"), XFORWARD_OK, XFORWARD_HELO, SPAN("") },
        { "unavailable address", SPAN("ADDR=[UNAVAILABLE]"), XFORWARD_OK, XFORWARD_ADDR, SPAN("") },
        { "port", SPAN("PORT=65535"), XFORWARD_OK, XFORWARD_PORT, SPAN("65535") },
        { "source", SPAN("SOURCE=remote"), XFORWARD_OK, XFORWARD_SOURCE, SPAN("REMOTE") },
        { "the last one counts", SPAN("NAME=a NAME=b"), XFORWARD_OK, XFORWARD_NAME, SPAN("b") },
        { "coded line end", SPAN("HELO=a+0D+0AX"), XFORWARD_E_VALUE, XFORWARD_HELO, SPAN("") },
        { "coded NUL", SPAN("HELO=a+00"), XFORWARD_E_VALUE, XFORWARD_HELO, SPAN("") },
        { "coded DEL", SPAN("HELO=a+7F"), XFORWARD_E_VALUE, XFORWARD_HELO, SPAN("") },
        { "half a code", SPAN("HELO=a+2"), XFORWARD_E_VALUE, XFORWARD_HELO, SPAN("") },
        { "no code", SPAN("HELO=a+GG"), XFORWARD_E_VALUE, XFORWARD_HELO, SPAN("") },
        { "no address", SPAN("ADDR=unknown"), XFORWARD_E_VALUE, XFORWARD_ADDR, SPAN("") },
        { "port too high", SPAN("PORT=65536"), XFORWARD_E_VALUE, XFORWARD_PORT, SPAN("") },
        { "port of letters", SPAN("PORT=x"), XFORWARD_E_VALUE, XFORWARD_PORT, SPAN("") },
        { "unknown source", SPAN("SOURCE=MARS"), XFORWARD_E_VALUE, XFORWARD_SOURCE, SPAN("") },
        { "unknown attribute", SPAN("NAME=a FOO=b"), XFORWARD_E_NAME, XFORWARD_NAME, SPAN("") },
        { "no value", SPAN("NAME="), XFORWARD_E_SYNTAX, XFORWARD_NAME, SPAN("") },
        { "no =", SPAN("NAME"), XFORWARD_E_SYNTAX, XFORWARD_NAME, SPAN("") },
        { "nothing", SPAN(""), XFORWARD_E_SYNTAX, XFORWARD_NAME, SPAN("") },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct xforward x;

        xforward_init(&x);
        if (xforward_parse(rows[i].args, &x) != rows[i].want)
            fail_msg("%s", rows[i].name);
        assert_span(rows[i].name, xforward_get(&x, rows[i].attr), rows[i].value);
        if (x.v[rows[i].attr].given != (rows[i].want == XFORWARD_OK))
            fail_msg("%s: given", rows[i].name);
    }
}

static void test_several_commands(void **state)
{
    struct xforward x;
    struct ipaddr a;
    char text[IPADDR_TEXT_MAX];

    (void)state;
    xforward_init(&x);
    assert_false(xforward_client(&x, &a));
    assert_int_equal(xforward_parse(SPAN("NAME=a ADDR=IPV6:2001:db8::1"), &x), XFORWARD_OK);
    assert_int_equal(xforward_parse(SPAN("SOURCE=LOCAL"), &x), XFORWARD_OK);
    assert_true(xforward_is_local(&x));
    assert_true(xforward_client(&x, &a));
    ipaddr_format(&a, text);
    assert_string_equal(text, "2001:db8::1");
    /* an error changes nothing */
    assert_int_equal(xforward_parse(SPAN("NAME=b SOURCE=MARS"), &x), XFORWARD_E_VALUE);
    assert_span("unchanged", xforward_get(&x, XFORWARD_NAME), SPAN("a"));
}

static void test_long_value(void **state)
{
    char args[5 + 3 * 256];
    struct xforward x;

    (void)state;
    memcpy(args, "HELO=", 5);
    for (size_t i = 5; i < sizeof(args); i += 3)
        memcpy(args + i, "+2B", 3);
    xforward_init(&x);
    assert_int_equal(xforward_parse(span_of(args, sizeof(args)), &x), XFORWARD_E_LONG);
    assert_int_equal(xforward_parse(span_of(args, sizeof(args) - 3), &x), XFORWARD_OK);
    assert_int_equal(xforward_get(&x, XFORWARD_HELO).n, 255);
}

static void test_offered(void **state)
{
    (void)state;
    assert_int_equal(xforward_offered(SPAN("XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE")), (1u << XFORWARD_ATTRS) - 1);
    assert_int_equal(xforward_offered(SPAN("xforward addr NEW")), 1u << XFORWARD_ADDR);
    assert_int_equal(xforward_offered(SPAN("SIZE 10")), 0);
    assert_int_equal(xforward_offered(SPAN("")), 0);
}

static void test_append(void **state)
{
    unsigned all = (1u << XFORWARD_ATTRS) - 1;
    struct xforward x;
    struct buf b;

    (void)state;
    buf_init(&b, 4000);
    xforward_init(&x);
    assert_int_equal(xforward_append(&b, &x, all), 0);
    assert_true(xforward_set(&x, XFORWARD_SOURCE, SPAN("LOCAL")));
    assert_true(xforward_set(&x, XFORWARD_NAME, SPAN("")));
    assert_true(xforward_set(&x, XFORWARD_ADDR, SPAN("2001:db8::1")));
    assert_true(xforward_set(&x, XFORWARD_HELO, SPAN("a+b=c \xc3\xbc")));
    assert_false(xforward_set(&x, XFORWARD_HELO, SPAN("a\r\nMAIL")));
    assert_int_equal(xforward_append(&b, &x, all), 1);
    assert_span("all", buf_span(&b), SPAN("XFORWARD NAME=[UNAVAILABLE] ADDR=IPV6:2001:db8::1 HELO=a+2Bb=c+20+C3+BC SOURCE=LOCAL\r\n"));
    buf_reset(&b);
    assert_int_equal(xforward_append(&b, &x, 1u << XFORWARD_SOURCE | 1u << XFORWARD_PORT), 1);
    assert_span("what is offered", buf_span(&b), SPAN("XFORWARD SOURCE=LOCAL\r\n"));
    buf_free(&b);
    buf_init(&b, 20);
    assert_int_equal(xforward_append(&b, &x, all), -1);
    assert_int_equal(b.len, 0);
    buf_free(&b);
}

static void test_append_splits(void **state)
{
    char value[255];
    struct xforward x;
    span rest, line;
    struct buf b;

    (void)state;
    buf_init(&b, 8000);
    xforward_init(&x);
    memset(value, 'x', sizeof(value));
    assert_true(xforward_set(&x, XFORWARD_NAME, span_of(value, 255)));
    assert_true(xforward_set(&x, XFORWARD_HELO, span_of(value, 255)));
    assert_true(xforward_set(&x, XFORWARD_IDENT, span_of(value, 100)));
    memset(value, '+', sizeof(value));
    assert_true(xforward_set(&x, XFORWARD_PROTO, span_of(value, 255)));   /* 765 bytes in xtext: fits into no command */
    assert_int_equal(xforward_append(&b, &x, ~0u), 2);
    rest = buf_span(&b);
    while (rest.n > 0 && span_next(&rest, '\n', &line))
        assert_true(line.n < XFORWARD_COMMAND_MAX);
    assert_true(span_find_span(buf_span(&b), SPAN("PROTO=[UNAVAILABLE]")) < b.len);
    buf_free(&b);
}

/* Around the limit: each line is as long as it may be and no longer. */
static void test_append_at_the_limit(void **state)
{
    char value[255];
    struct xforward x;
    struct buf b;

    (void)state;
    memset(value, 'x', sizeof(value));
    buf_init(&b, 2000);
    for (size_t n = 230; n <= 255; n++) {
        size_t one_line = strlen("XFORWARD NAME= HELO=\r\n") + 240 + n;

        xforward_init(&x);
        assert_true(xforward_set(&x, XFORWARD_NAME, span_of(value, 240)));
        assert_true(xforward_set(&x, XFORWARD_HELO, span_of(value, n)));
        buf_reset(&b);
        assert_int_equal(xforward_append(&b, &x, ~0u), one_line <= XFORWARD_COMMAND_MAX ? 1 : 2);
    }
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_several_commands),
        cmocka_unit_test(test_long_value),
        cmocka_unit_test(test_offered),
        cmocka_unit_test(test_append),
        cmocka_unit_test(test_append_splits),
        cmocka_unit_test(test_append_at_the_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

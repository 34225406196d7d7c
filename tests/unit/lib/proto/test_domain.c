/* test_domain.c - names in ASCII and UTF-8, literals, parents.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/proto/domain.h"

static void assert_span(const char *row, span got, span want)
{
    if (!span_eq(got, want)) {
        print_error("%s: got \"%.*s\", want \"%.*s\"\n", row, SPAN_ARG(got), SPAN_ARG(want));
        fail();
    }
}

#define L63 "123456789012345678901234567890123456789012345678901234567890abc"

static void test_normalise(void **state)
{
    static const struct { span in; enum domain_status want; span name; } rows[] = {
        { SPAN("Example.COM"), DOMAIN_OK, SPAN("example.com") },
        { SPAN("example.com."), DOMAIN_OK, SPAN("example.com") },
        { SPAN("_dmarc.a-b.example"), DOMAIN_OK, SPAN("_dmarc.a-b.example") },
        { SPAN("localhost"), DOMAIN_OK, SPAN("localhost") },
        { SPAN("b\xc3\xbc" "cher.Example"), DOMAIN_OK, SPAN("xn--bcher-kva.example") },
        { SPAN("B\xc3\x9c" "CHER.example."), DOMAIN_OK, SPAN("xn--bcher-kva.example") },
        { SPAN("XN--bcher-KVA.example"), DOMAIN_OK, SPAN("xn--bcher-kva.example") },
        { SPAN("stra\xc3\x9f" "e.example"), DOMAIN_OK, SPAN("xn--strae-oqa.example") },
        { SPAN("a\xe3\x80\x82\xc3\xbc"), DOMAIN_OK, SPAN("a.xn--tda") },   /* U+3002, a full stop elsewhere */
        { SPAN(L63 ".x"), DOMAIN_OK, SPAN(L63 ".x") },
        { SPAN(L63 "d.x"), DOMAIN_E_LABEL, SPAN("") },
        { SPAN(L63 "." L63 "." L63 "." L63), DOMAIN_E_LONG, SPAN("") },
        { SPAN("a..b"), DOMAIN_E_LABEL, SPAN("") },
        { SPAN(".a"), DOMAIN_E_LABEL, SPAN("") },
        { SPAN("a.."), DOMAIN_E_LABEL, SPAN("") },
        { SPAN("."), DOMAIN_E_EMPTY, SPAN("") },
        { SPAN(""), DOMAIN_E_EMPTY, SPAN("") },
        { SPAN("a b"), DOMAIN_E_CHAR, SPAN("") },
        { SPAN("a\0b"), DOMAIN_E_CHAR, SPAN("") },
        { SPAN("a/b"), DOMAIN_E_CHAR, SPAN("") },
        { SPAN("[192.0.2.1]"), DOMAIN_E_CHAR, SPAN("") },
        { SPAN("\xff.example"), DOMAIN_E_IDNA, SPAN("") },
        { SPAN("\xc3\xbc\0.example"), DOMAIN_E_IDNA, SPAN("") },
        { SPAN("\xe2\x80\xae.example"), DOMAIN_E_IDNA, SPAN("") },   /* U+202E turns the writing direction */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char out[DOMAIN_TEXT_MAX];
        span name = SPAN("");
        enum domain_status s = domain_normalise(rows[i].in, out, &name);

        if (s != rows[i].want)
            fail_msg("%.*s: %s", SPAN_ARG(rows[i].in), domain_status_text(s));
        assert_span("name", name, rows[i].name);
    }
}

static void test_ascii_only(void **state)
{
    char out[DOMAIN_TEXT_MAX];
    span name;

    (void)state;
    assert_int_equal(domain_normalise_ascii(SPAN("A.b"), out, &name), DOMAIN_OK);
    assert_string_equal(out, "a.b");
    assert_int_equal(domain_normalise_ascii(SPAN("\xc3\xbc.b"), out, &name), DOMAIN_E_IDNA);
}

static void test_literal(void **state)
{
    struct ipaddr a;

    (void)state;
    assert_true(domain_is_literal(SPAN("[192.0.2.1]"), &a));
    assert_int_equal(a.family, 4);
    assert_true(domain_is_literal(SPAN("[IPv6:2001:db8::1]"), &a));
    assert_int_equal(a.family, 6);
    assert_false(domain_is_literal(SPAN("192.0.2.1"), &a));
    assert_false(domain_is_literal(SPAN("[192.0.2.1"), &a));
    assert_false(domain_is_literal(SPAN("[example.com]"), &a));
    assert_false(domain_is_literal(SPAN("[]"), &a));
}

static void test_hostname(void **state)
{
    static const struct { span in; bool host, fqdn; } rows[] = {
        { SPAN("mx1.example.com"), true, true }, { SPAN("mx1.example.com."), true, true }, { SPAN("localhost"), true, false },
        { SPAN("localhost."), true, false },     { SPAN("1.2.3.4"), false, false },        { SPAN("3com.example"), true, true },
        { SPAN("a_b.example"), false, false },   { SPAN("-a.example"), false, false },     { SPAN("a-.example"), false, false },
        { SPAN("a..b"), false, false },          { SPAN(""), false, false },               { SPAN("."), false, false },
        { SPAN("[192.0.2.1]"), false, false },   { SPAN("\xc3\xbc.example"), false, false }, { SPAN("12345"), false, false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (domain_is_hostname(rows[i].in) != rows[i].host || domain_is_fqdn(rows[i].in) != rows[i].fqdn)
            fail_msg("%.*s", SPAN_ARG(rows[i].in));
}

static void test_parents(void **state)
{
    span name = SPAN("a.b.c");

    (void)state;
    assert_true(domain_parent(&name));
    assert_span("first", name, SPAN("b.c"));
    assert_true(domain_parent(&name));
    assert_span("second", name, SPAN("c"));
    assert_false(domain_parent(&name));
    assert_true(domain_is_within(SPAN("Mail.Example.com"), SPAN("example.COM.")));
    assert_true(domain_is_within(SPAN("example.com."), SPAN("example.com")));
    assert_false(domain_is_within(SPAN("badexample.com"), SPAN("example.com")));
    assert_false(domain_is_within(SPAN("example.com"), SPAN("mail.example.com")));
    assert_false(domain_is_within(SPAN("example.com"), SPAN("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_normalise),
        cmocka_unit_test(test_ascii_only),
        cmocka_unit_test(test_literal),
        cmocka_unit_test(test_hostname),
        cmocka_unit_test(test_parents),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

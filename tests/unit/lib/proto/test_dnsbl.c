/* test_dnsbl.c - query names, filters, and which answers are listings.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/proto/dnsbl.h"

static void assert_span(const char *row, span got, span want)
{
    if (!span_eq(got, want)) {
        print_error("%s: got \"%.*s\", want \"%.*s\"\n", row, SPAN_ARG(got), SPAN_ARG(want));
        fail();
    }
}

static struct ipaddr address(span text)
{
    struct ipaddr a;

    assert_true(ipaddr_parse(text, &a));
    return a;
}

static void test_query_names(void **state)
{
    char out[DNSBL_NAME_MAX], big[240];
    struct ipaddr none = { .family = 0 }, v4 = address(SPAN("192.0.2.99")), v6 = address(SPAN("2001:db8:1:2:3:4:567:89ab"));
    span name;

    (void)state;
    assert_true(dnsbl_query_address(&v4, SPAN("bad.example.com."), out, &name));
    assert_string_equal(out, "99.2.0.192.bad.example.com");
    assert_true(dnsbl_query_address(&v6, SPAN("ugly.example.com"), out, &name));   /* RFC 5782 2.4 */
    assert_string_equal(out, "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.ugly.example.com");
    assert_span("length", name, span_str(out));
    assert_false(dnsbl_query_address(&none, SPAN("x"), out, &name));
    assert_false(dnsbl_query_address(&v4, SPAN(""), out, &name));
    memset(big, 'x', sizeof(big));
    assert_true(dnsbl_query_domain(SPAN("sender.example."), SPAN("doms.example.net"), out, &name));
    assert_string_equal(out, "sender.example.doms.example.net");
    assert_true(dnsbl_query_domain(span_of(big, 240), SPAN("123456789012"), out, &name));
    assert_int_equal(name.n, 253);
    assert_false(dnsbl_query_domain(span_of(big, 240), SPAN("1234567890123"), out, &name));
    assert_false(dnsbl_query_domain(SPAN(""), SPAN("x"), out, &name));
    assert_false(dnsbl_query_domain(SPAN("[192.0.2.1]"), SPAN("x"), out, &name));
}

static void test_filters(void **state)
{
    static const struct { span text; bool ok; span in, out; } rows[] = {
        { SPAN("127.0.0.2"), true, SPAN("127.0.0.2"), SPAN("127.0.0.3") },
        { SPAN("127.0.0.[2..11;14]"), true, SPAN("127.0.0.11"), SPAN("127.0.0.12") },
        { SPAN("127.0.0.[2..11;14]"), true, SPAN("127.0.0.14"), SPAN("127.0.0.13") },
        { SPAN("127.0.[0..1].[4;6;8]"), true, SPAN("127.0.1.6"), SPAN("127.0.2.6") },
        { SPAN("[0..255].[0..255].[0..255].[0..255]"), true, SPAN("255.255.255.255"), SPAN("::1") },
        { SPAN("127.0.0.[5..5]"), true, SPAN("127.0.0.5"), SPAN("127.0.0.6") },
        { SPAN("127.0.0.[11..2]"), false, SPAN(""), SPAN("") },
        { SPAN("127.0.0.256"), false, SPAN(""), SPAN("") },
        { SPAN("127.0.0"), false, SPAN(""), SPAN("") },
        { SPAN("127.0.0.2.3"), false, SPAN(""), SPAN("") },
        { SPAN("127.0.0.[]"), false, SPAN(""), SPAN("") },
        { SPAN("127.0.0.[2"), false, SPAN(""), SPAN("") },
        { SPAN("127.0.0.[2.3]"), false, SPAN(""), SPAN("") },
        { SPAN("127.0.0.[2..]"), false, SPAN(""), SPAN("") },
        { SPAN("127.0.0.[2;]"), false, SPAN(""), SPAN("") },
        { SPAN("127.0.0.*"), false, SPAN(""), SPAN("") },
        { SPAN("127.0.0.2 "), false, SPAN(""), SPAN("") },
        { SPAN(""), false, SPAN(""), SPAN("") },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct errtext err = { "" };
        struct dnsbl_filter f;
        struct ipaddr a;

        if (dnsbl_filter_parse(rows[i].text, &f, &err) != rows[i].ok || (err.text[0] == '\0') != rows[i].ok)
            fail_msg("%.*s", SPAN_ARG(rows[i].text));
        if (!rows[i].ok)
            continue;
        a = address(rows[i].in);
        assert_true(dnsbl_filter_match(&f, &a));
        a = address(rows[i].out);
        assert_false(dnsbl_filter_match(&f, &a));
    }
}

static void test_classify(void **state)
{
    static const struct { span answer; const char *filter; enum dnsbl_verdict want; } rows[] = {
        { SPAN("127.0.0.2"), NULL, DNSBL_LISTED },
        { SPAN("127.0.0.254"), NULL, DNSBL_LISTED },
        { SPAN("127.0.1.2"), NULL, DNSBL_LISTED },
        { SPAN("127.0.10.3"), NULL, DNSBL_NOT_MATCHED },
        { SPAN("127.0.0.0"), NULL, DNSBL_NOT_MATCHED },
        { SPAN("127.0.0.3"), "127.0.0.2", DNSBL_NOT_MATCHED },
        { SPAN("127.0.10.3"), "127.0.[2..20].[0..3]", DNSBL_LISTED },
        { SPAN("127.255.255.252"), NULL, DNSBL_REFUSED },
        { SPAN("127.255.255.254"), "[0..255].[0..255].[0..255].[0..255]", DNSBL_REFUSED },
        { SPAN("127.0.0.1"), "127.0.0.[0..255]", DNSBL_REFUSED },
        { SPAN("127.0.0.255"), "127.0.0.[0..255]", DNSBL_REFUSED },
        { SPAN("127.0.1.255"), NULL, DNSBL_REFUSED },
        { SPAN("203.0.113.7"), "203.0.113.7", DNSBL_REFUSED },
        { SPAN("::1"), NULL, DNSBL_REFUSED },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ipaddr a = address(rows[i].answer);
        struct dnsbl_filter f;

        if (rows[i].filter != NULL)
            assert_true(dnsbl_filter_parse(span_str(rows[i].filter), &f, NULL));
        if (dnsbl_classify(&a, rows[i].filter != NULL ? &f : NULL) != rows[i].want)
            fail_msg("%.*s", SPAN_ARG(rows[i].answer));
    }
}

static void test_entries(void **state)
{
    static const struct { span text; bool ok; span zone; bool has_filter; int weight_thousandths; } rows[] = {
        { SPAN("zen.example"), true, SPAN("zen.example"), false, 1000 },
        { SPAN("zen.example*3"), true, SPAN("zen.example"), false, 3000 },
        { SPAN("zen.example=127.0.0.[2..11]"), true, SPAN("zen.example"), true, 1000 },
        { SPAN("good.example=127.0.[0..255].[1..3]*-2.5"), true, SPAN("good.example"), true, -2500 },
        { SPAN("a.example*+1.125"), true, SPAN("a.example"), false, 1125 },
        { SPAN("a.example*"), false, SPAN(""), false, 0 },
        { SPAN("a.example*x"), false, SPAN(""), false, 0 },
        { SPAN("a.example*1.2.3"), false, SPAN(""), false, 0 },
        { SPAN("a.example*1."), false, SPAN(""), false, 0 },
        { SPAN("a.example*nan"), false, SPAN(""), false, 0 },
        { SPAN("a.example=127.0.0.x"), false, SPAN(""), false, 0 },
        { SPAN("a..example"), false, SPAN(""), false, 0 },
        { SPAN("=127.0.0.2"), false, SPAN(""), false, 0 },
        { SPAN(""), false, SPAN(""), false, 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct errtext err = { "" };
        struct dnsbl_entry e;

        if (dnsbl_entry_parse(rows[i].text, &e, &err) != rows[i].ok || (err.text[0] == '\0') != rows[i].ok)
            fail_msg("%.*s", SPAN_ARG(rows[i].text));
        if (!rows[i].ok)
            continue;
        assert_span("zone", e.zone, rows[i].zone);
        assert_int_equal(e.has_filter, rows[i].has_filter);
        if (e.weight * 1000 != rows[i].weight_thousandths)
            fail_msg("%.*s: weight %f", SPAN_ARG(rows[i].text), e.weight);
    }
}

/* A zone may hold a customer's key: it must not come out in words that are logged. */
static void test_key_is_not_told(void **state)
{
    struct errtext err = { "" };
    struct dnsbl_entry e;

    (void)state;
    assert_false(dnsbl_entry_parse(SPAN("secretkey..zen.example"), &e, &err));
    assert_null(strstr(err.text, "secretkey"));
    assert_false(dnsbl_entry_parse(SPAN("secretkey.zen.example=1"), &e, &err));
    assert_null(strstr(err.text, "secretkey"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_query_names),
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_classify),
        cmocka_unit_test(test_entries),
        cmocka_unit_test(test_key_is_not_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

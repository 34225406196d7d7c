/* test_ipnet.c - addresses and networks.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/proto/ipnet.h"

static void test_addresses(void **state)
{
    static const struct { span in; int family; const char *text; } rows[] = {
        { SPAN("192.0.2.1"), 4, "192.0.2.1" },
        { SPAN("[192.0.2.1]"), 4, "192.0.2.1" },
        { SPAN("::ffff:192.0.2.1"), 4, "192.0.2.1" },
        { SPAN("::FFFF:c000:0201"), 4, "192.0.2.1" },
        { SPAN("2001:DB8::1"), 6, "2001:db8::1" },
        { SPAN("[2001:db8::1]"), 6, "2001:db8::1" },
        { SPAN("IPv6:2001:db8::1"), 6, "2001:db8::1" },
        { SPAN("[IPV6:2001:db8::1]"), 6, "2001:db8::1" },
        { SPAN("fe80::1%eth0"), 6, "fe80::1" },
        { SPAN("::"), 6, "::" },
        { SPAN("::1"), 6, "::1" },
        { SPAN("1::"), 6, "1::" },
        { SPAN("2001:db8:0:1:1:1:1:1"), 6, "2001:db8:0:1:1:1:1:1" },   /* RFC 5952 4.2.2: one group is not shortened */
        { SPAN("2001:0:0:1:0:0:0:1"), 6, "2001:0:0:1::1" },           /* 4.2.3: the longest run */
        { SPAN("2001:db8:0:0:1:0:0:1"), 6, "2001:db8::1:0:0:1" },     /* the first of equals */
        { SPAN("::102:304"), 6, "::102:304" },
        { SPAN("0:0:0:0:0:0:0:0"), 6, "::" },
        { SPAN("1:2:3:4:5:6:0:0"), 6, "1:2:3:4:5:6::" },
        { SPAN("unknown"), 0, "" },
        { SPAN(""), 0, "" },
        { SPAN("192.0.2"), 0, "" },
        { SPAN("192.0.2.256"), 0, "" },
        { SPAN("192.0.2.01"), 0, "" },
        { SPAN("192.0.2.1%eth0"), 0, "" },
        { SPAN(" 192.0.2.1"), 0, "" },
        { SPAN("192.0.2.1\0"), 0, "" },
        { SPAN("IPv6:192.0.2.1"), 0, "" },
        { SPAN("[2001:db8::1"), 0, "" },
        { SPAN("1:2:3:4:5:6:7:8:9"), 0, "" },
        { SPAN("1::2::3"), 0, "" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ipaddr a = { .family = 0 };
        char text[IPADDR_TEXT_MAX];

        if (ipaddr_parse(rows[i].in, &a) != (rows[i].family != 0) || a.family != rows[i].family)
            fail_msg("%.*s", SPAN_ARG(rows[i].in));
        ipaddr_format(&a, text);
        assert_string_equal(text, rows[i].text);
    }
}

static void test_networks(void **state)
{
    static const struct { span in; const char *text; } rows[] = {
        { SPAN("10.0.0.0/8"), "10.0.0.0/8" },
        { SPAN("192.0.2.1"), "192.0.2.1/32" },
        { SPAN("0.0.0.0/0"), "0.0.0.0/0" },
        { SPAN("192.0.2.128/25"), "192.0.2.128/25" },
        { SPAN("2001:db8::/32"), "2001:db8::/32" },
        { SPAN("[2001:db8::]/32"), "2001:db8::/32" },
        { SPAN("::1"), "::1/128" },
        { SPAN("::/0"), "::/0" },
        { SPAN("::ffff:10.0.0.0/104"), "10.0.0.0/8" },
        { SPAN("192.0.2.1/24"), NULL },
        { SPAN("10.0.0.0/33"), NULL },
        { SPAN("2001:db8::1/32"), NULL },
        { SPAN("2001:db8::/129"), NULL },
        { SPAN("::ffff:10.0.0.0/95"), NULL },
        { SPAN("10.0.0.0/"), NULL },
        { SPAN("10.0.0.0/a"), NULL },
        { SPAN("10.0.0.0/-1"), NULL },
        { SPAN("10.0.0.0/8/8"), NULL },
        { SPAN("/8"), NULL },
        { SPAN("10/8"), NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[IPADDR_TEXT_MAX + 4];
        struct ipnet n;

        if (ipnet_parse(rows[i].in, &n) != (rows[i].text != NULL))
            fail_msg("%.*s", SPAN_ARG(rows[i].in));
        if (rows[i].text == NULL)
            continue;
        ipnet_format(&n, text);
        assert_string_equal(text, rows[i].text);
    }
}

static void test_contains(void **state)
{
    static const struct { span net, addr; bool want; } rows[] = {
        { SPAN("10.0.0.0/8"), SPAN("10.255.0.1"), true },       { SPAN("10.0.0.0/8"), SPAN("11.0.0.0"), false },
        { SPAN("192.0.2.0/25"), SPAN("192.0.2.127"), true },    { SPAN("192.0.2.0/25"), SPAN("192.0.2.128"), false },
        { SPAN("192.0.2.1"), SPAN("192.0.2.1"), true },         { SPAN("192.0.2.1"), SPAN("192.0.2.0"), false },
        { SPAN("0.0.0.0/0"), SPAN("203.0.113.9"), true },       { SPAN("0.0.0.0/0"), SPAN("::1"), false },
        { SPAN("::/0"), SPAN("203.0.113.9"), false },           { SPAN("2001:db8::/33"), SPAN("2001:db8:7fff::"), true },
        { SPAN("2001:db8::/33"), SPAN("2001:db8:8000::"), false }, { SPAN("::1"), SPAN("::1"), true },
    };
    struct ipaddr none = { .family = 0 };
    struct ipnet nets[2];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ipaddr a;

        assert_true(ipnet_parse(rows[i].net, &nets[0]));
        assert_true(ipaddr_parse(rows[i].addr, &a));
        if (ipnet_contains(&nets[0], &a) != rows[i].want)
            fail_msg("%.*s in %.*s", SPAN_ARG(rows[i].addr), SPAN_ARG(rows[i].net));
        nets[1] = nets[0];
        nets[0] = ipnet_of(&none, 0);
        assert_int_equal(ipnet_list_contains(nets, 2, &a), rows[i].want);
        assert_false(ipnet_list_contains(nets, 2, &none));
        assert_false(ipnet_list_contains(nets, 0, &a));
    }
}

static void test_every_octet(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 256; i++) {
        struct ipaddr a = { .family = 4, .b = { (uint8_t)i, 0, (uint8_t)(255 - i), (uint8_t)i } };
        char text[IPADDR_TEXT_MAX], want[IPADDR_TEXT_MAX];

        snprintf(want, sizeof(want), "%u.0.%u.%u", i, 255 - i, i);
        ipaddr_format(&a, text);
        assert_string_equal(text, want);
    }
    for (unsigned prefix = 0; prefix <= 128; prefix++) {
        struct ipaddr any = { .family = 6 };
        struct ipnet net = ipnet_of(&any, prefix);
        char text[IPADDR_TEXT_MAX + 4], want[IPADDR_TEXT_MAX + 4];

        snprintf(want, sizeof(want), "::/%u", prefix);
        ipnet_format(&net, text);
        assert_string_equal(text, want);
    }
}

static void test_of(void **state)
{
    static const struct { span addr; unsigned prefix; const char *text; } rows[] = {
        { SPAN("192.0.2.201"), 24, "192.0.2.0/24" }, { SPAN("192.0.2.201"), 31, "192.0.2.200/31" }, { SPAN("192.0.2.201"), 200, "192.0.2.201/32" },
        { SPAN("2001:db8:1:2:3::"), 64, "2001:db8:1:2::/64" }, { SPAN("2001:db8:1:2:3::"), 0, "::/0" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[IPADDR_TEXT_MAX + 4];
        struct ipaddr a;
        struct ipnet n;

        assert_true(ipaddr_parse(rows[i].addr, &a));
        n = ipnet_of(&a, rows[i].prefix);
        ipnet_format(&n, text);
        assert_string_equal(text, rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_networks),
        cmocka_unit_test(test_contains),
        cmocka_unit_test(test_of),
        cmocka_unit_test(test_every_octet),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_address.c - addresses in text, those that are none, and back.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>

#include "lib/net/address.h"

static void test_rows(void **state)
{
    static const struct { const char *text, *back; int port; } rows[] = {
        { "inet:127.0.0.1:10025",  "[127.0.0.1]:10025",  10025 },
        { "127.0.0.1:0",           "[127.0.0.1]:0",      0 },
        { "inet:[::1]:25",         "[::1]:25",           25 },
        { "[2001:db8::1]:65535",   "[2001:db8::1]:65535", 65535 },
        { "[127.0.0.1]:25",        "[127.0.0.1]:25",     25 },
        { "localhost:25",          "[127.0.0.1]:25",     25 },
        { "unix:/run/x.sock",      "unix:/run/x.sock",   -1 },
        { "unix:private/policyd",  "unix",               -1 },
        { "",                      NULL, 0 },
        { "unix:",                 NULL, 0 },
        { "127.0.0.1",             NULL, 0 },
        { "127.0.0.1:",            NULL, 0 },
        { "127.0.0.1:65536",       NULL, 0 },
        { "127.0.0.1:-1",          NULL, 0 },
        { "127.0.0.1:smtp",        NULL, 0 },
        { "127.0.0.1:25 ",         NULL, 0 },
        { "127.1:25",              NULL, 0 },
        { "::1:25",                NULL, 0 },
        { "[::1:25",               NULL, 0 },
        { "[]:25",                 NULL, 0 },
        { ":25",                   NULL, 0 },
        { "mail.example.com:25",   NULL, 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct address a = { .len = 77 };
        struct errtext err = { "" };
        char text[ADDRESS_TEXT_MAX];
        int r = address_parse(rows[i].text, &a, &err);

        print_message("\"%s\"\n", rows[i].text);
        assert_int_equal(r, rows[i].back != NULL ? 0 : -1);
        if (r != 0) {
            assert_int_equal(a.len, 77);
            assert_true(err.text[0] != '\0');
            continue;
        }
        address_format(&a, text);
        assert_string_equal(text, rows[i].back);
        assert_int_equal(address_port(&a), rows[i].port);
    }
}

static void test_long_path(void **state)
{
    char text[300] = "unix:/";
    struct address a;
    struct errtext err = { "" };

    (void)state;
    memset(text + 6, 'a', 106);                       /* "/" and 106: all that a socket's name can hold */
    assert_int_equal(address_parse(text, &a, &err), 0);
    text[6 + 106] = 'a';
    assert_int_equal(address_parse(text, &a, &err), -1);
    assert_non_null(strstr(err.text, "107"));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows), cmocka_unit_test(test_long_path) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_key_text.c - what a store's key shows of foreign bytes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>

#include "policyd/key_text.h"

static void check(span s, const char *want)
{
    char text[256];
    size_t n = key_text(s, '|', '/', text, sizeof(text));

    assert_int_equal(n, strlen(want));
    assert_memory_equal(text, want, n);
}

static void test_texts(void **state)
{
    (void)state;
    check(SPAN(""), "");
    check(SPAN("a@example.com"), "a@example.com");
    check(SPAN("somebody+tag@mail.example.com"), "somebody+tag@mail.example.com");
    check(SPAN("a b|c/d%e"), "a%20b%7Cc%2Fd%25e");
    check(SPAN("12345678|"), "12345678%7C");
    check(SPAN("|12345678"), "%7C12345678");
    check(SPAN("\xC3\xA4@example.com"), "%C3%A4@example.com");
    check(SPAN("%%%%%%%%"), "%25%25%25%25%25%25%25%25");
}

/* Wherever a byte stands in a long text, it is written as it is when alone. */
static void test_every_byte_everywhere(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 256; c++) {
        bool plain = c > 0x20 && c < 0x7f && c != '%' && c != '|' && c != '/';
        char alone[4];

        snprintf(alone, sizeof(alone), plain ? "%c" : "%%%02X", c);
        for (size_t at = 0; at < 19; at++) {
            char text[19], want[64];

            memset(text, 'x', sizeof(text));
            text[at] = (char)c;
            snprintf(want, sizeof(want), "%.*s%s%.*s", (int)at, "xxxxxxxxxxxxxxxxxxx", alone, (int)(sizeof(text) - 1 - at), "xxxxxxxxxxxxxxxxxxx");
            check(span_of(text, sizeof(text)), want);
        }
    }
}

static void test_cut(void **state)
{
    char text[10];

    (void)state;
    assert_int_equal(key_text(SPAN("0123456789abcdef"), '|', '|', text, sizeof(text)), sizeof(text));
    assert_memory_equal(text, "0123456789", sizeof(text));
    assert_int_equal(key_text(SPAN("01234567 9"), '|', '|', text, sizeof(text)), sizeof(text));
    assert_memory_equal(text, "01234567%2", sizeof(text));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_texts), cmocka_unit_test(test_every_byte_everywhere), cmocka_unit_test(test_cut) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_bytes8.c - every byte at every place, beside neighbours that could carry into it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "lib/base/bytes8.h"
static const unsigned char neighbours[] = { 0x00, 0x20, 0x25, 0x40, 0x41, 0x5a, 0x5b, 0x7f, 0x80, 0xff };

/* Calls check with each byte at each place among each neighbour. */
static void everywhere(void (*check)(const unsigned char text[8]))
{
    for (size_t n = 0; n < sizeof(neighbours); n++) {
        for (size_t at = 0; at < 8; at++) {
            for (unsigned c = 0; c < 256; c++) {
                unsigned char text[8];

                memset(text, neighbours[n], sizeof(text));
                text[at] = (unsigned char)c;
                check(text);
            }
        }
    }
}

static void check_equal(const unsigned char text[8])
{
    char flags[8];

    bytes8_store(flags, bytes8_equal(bytes8_load((const char *)text), '%'));
    for (size_t i = 0; i < 8; i++)
        assert_int_equal((unsigned char)flags[i], text[i] == '%' ? 0x80 : 0);
}

static void check_from(const unsigned char text[8])
{
    static const unsigned char least[] = { 1, 0x21, 0x41, 0x7f, 0x80 };

    for (size_t k = 0; k < sizeof(least); k++) {
        char flags[8];

        bytes8_store(flags, bytes8_from(bytes8_load((const char *)text), least[k]));
        for (size_t i = 0; i < 8; i++)
            assert_int_equal((unsigned char)flags[i], text[i] >= least[k] ? 0x80 : 0);
    }
}

static void check_lower(const unsigned char text[8])
{
    char lower[8];

    bytes8_store(lower, bytes8_lower(bytes8_load((const char *)text)));
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(lower[i], ascii_lower((char)text[i]));
}

static void test_plain_run(void **state)
{
    char text[24];

    (void)state;
    for (unsigned c = 0; c < 256; c++) {
        bool plain = c >= 0x20 && c < 0x7f && c != '"' && c != '%';

        for (size_t at = 0; at < sizeof(text); at++) {
            memset(text, 'x', sizeof(text));
            text[at] = (char)c;
            assert_int_equal(bytes8_plain_run(span_of(text, sizeof(text)), 0x20, "\"%"), plain ? sizeof(text) : at);
            assert_int_equal(bytes8_plain_run(span_of(text, at), 0x20, "\"%"), at);
        }
    }
    assert_int_equal(bytes8_plain_run(SPAN("ab cd"), 0x21, ""), 2);
    assert_int_equal(bytes8_plain_run((span){ NULL, 0 }, 0x20, ""), 0);
}

static void test_equal(void **state)
{
    (void)state;
    everywhere(check_equal);
}

static void test_from(void **state)
{
    (void)state;
    everywhere(check_from);
}

static void test_lower(void **state)
{
    (void)state;
    everywhere(check_lower);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_equal), cmocka_unit_test(test_from), cmocka_unit_test(test_lower),
                                        cmocka_unit_test(test_plain_run) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_id.c - decision ids.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "lib/app/id.h"

static void test_form_and_time(void **state)
{
    static const int64_t times[] = { INT64_C(1577836800000), INT64_C(1577836800001), INT64_C(1764000000123), INT64_C(3776859855551) };
    char id[ID_TEXT];

    (void)state;
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        int64_t got = 0;

        id_make(id, times[i]);
        assert_int_equal(strlen(id), ID_LEN);
        assert_true(id_valid(span_str(id)));
        assert_true(id_time(span_str(id), &got));
        assert_true(got == times[i]);
    }
}

static void test_tail(void **state)
{
    char id[ID_TEXT];
    uint32_t before = id_make(id, 0);

    (void)state;
    for (int i = 0; i < 100; i++) {
        uint32_t tail = id_make(id, INT64_C(1764000000000) + i % 2);

        assert_int_equal(tail, (before + 1) & 0xffffff);
        assert_int_equal(id_tail(span_str(id)), tail);
        before = tail;
    }
    assert_int_equal(id_tail(SPAN("0123456789ABI")), 0);
    assert_int_equal(id_tail(SPAN("")), 0);
}

static void test_sorted_and_unique(void **state)
{
    char last[ID_TEXT] = "", id[ID_TEXT];

    (void)state;
    for (int64_t ms = 0; ms < 5000; ms++) {
        id_make(id, INT64_C(1764000000000) + ms);
        assert_true(strcmp(last, id) < 0);
        strcpy(last, id);
    }
    char same[200][ID_TEXT];
    for (size_t i = 0; i < 200; i++) {
        id_make(same[i], INT64_C(1764000000000));
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(same[i], same[k]);
    }
}

static void test_valid(void **state)
{
    static const struct { const char *name, *text; bool want; } rows[] = {
        { "as made", "0123456789ABC", true },    { "small letters", "zyxwvtsrqpnmk", true }, { "too short", "0123456789AB", false },
        { "too long", "0123456789ABCD", false }, { "letter I", "0123456789ABI", false },     { "letter L", "0123456789ABl", false },
        { "letter O", "0123456789ABO", false },  { "letter U", "0123456789ABU", false },     { "a blank", "0123456 89ABC", false },
        { "empty", "", false },
    };
    int64_t ms = 7;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (id_valid(span_str(rows[i].text)) != rows[i].want)
            fail_msg("%s", rows[i].name);
    assert_false(id_valid(span_of("0123456\089ABC", 13)));
    assert_false(id_time(SPAN("no id"), &ms));
    assert_int_equal(ms, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_form_and_time), cmocka_unit_test(test_tail),
        cmocka_unit_test(test_sorted_and_unique),
        cmocka_unit_test(test_valid),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_accepted.c - which removals a follower takes a person's word for.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "socketmapd/accepted.h"

static void test_every_older_set_is_told(void **state)
{
    struct accepted a = { .n = 0 };
    char text[ACCEPTED_TEXT];

    (void)state;
    accepted_write(&a, text);
    assert_string_equal(text, "");
    accepted_add(&a, 1, false);
    accepted_add(&a, 10, false);
    accepted_write(&a, text);
    assert_string_equal(text, "");                       /* nobody has accepted anything */
    accepted_add(&a, UINT64_MAX, true);                  /* sums wrap */
    accepted_write(&a, text);
    assert_string_equal(text, "ffffffffffffffff,0000000000000009,000000000000000a");
    assert_true(accepted_has(text, UINT64_MAX));         /* who has the set before it */
    assert_true(accepted_has(text, 9));                  /* who lacks one before that */
    assert_true(accepted_has(text, 10));
    assert_false(accepted_has(text, 1));
    assert_false(accepted_has(text, 0));
    accepted_add(&a, 100, false);                        /* one more that nobody had to accept */
    accepted_write(&a, text);
    assert_true(accepted_has(text, 99));
    assert_true(accepted_has(text, 109));
    assert_false(accepted_has(text, 100));               /* alone it was nobody's word */
    assert_false(accepted_has(text, UINT64_MAX));        /* and who has the newest set has seen that go too */
}

static void test_it_is_forgotten(void **state)
{
    struct accepted a = { .n = 0 };
    char text[ACCEPTED_TEXT];

    (void)state;
    for (uint64_t i = 0; i < ACCEPTED_KEPT; i++)
        accepted_add(&a, UINT64_MAX - i, true);
    accepted_write(&a, text);
    assert_int_equal(strlen(text), ACCEPTED_TEXT - 2);   /* all the room there is */
    for (uint64_t i = 0; i < ACCEPTED_KEPT - 1; i++)
        accepted_add(&a, i + 1, false);
    accepted_write(&a, text);
    assert_int_equal(strlen(text), 16);
    accepted_add(&a, 7, false);
    accepted_write(&a, text);
    assert_string_equal(text, "");
}

static void test_what_is_no_such_text(void **state)
{
    (void)state;
    assert_false(accepted_has("", 0));
    assert_false(accepted_has(",", 0));
    assert_false(accepted_has("0", 0));
    assert_false(accepted_has("00000000000000010", 1));
    assert_true(accepted_has("junk,0000000000000001", 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_every_older_set_is_told), cmocka_unit_test(test_it_is_forgotten),
                                        cmocka_unit_test(test_what_is_no_such_text) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

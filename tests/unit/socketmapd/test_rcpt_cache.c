/* test_rcpt_cache.c - lifetimes of a yes and a no.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/net/loop.h"
#include "socketmapd/rcpt_cache.h"

static const struct rcpt_lifetimes life = { .positive_ms = HOURS(1), .negative_ms = MINUTES(5), .refresh_ms = MINUTES(30),
                                            .negatives_since_ms = INT64_MIN, .stale_ms = DAYS(7) };

static const struct {
    const char *name;
    enum rcpt_answer answer;
    int64_t age_ms;
    enum rcpt_freshness want;
} rows[] = {
    { "new yes", RCPT_VALID, 0, RCPT_FRESH },
    { "yes before it is asked again", RCPT_VALID, MINUTES(30) - 1, RCPT_FRESH },
    { "yes to be asked again", RCPT_VALID, MINUTES(30), RCPT_AGEING },
    { "yes past its life", RCPT_VALID, HOURS(1), RCPT_STALE },
    { "yes past all use", RCPT_VALID, DAYS(7), RCPT_UNKNOWN },
    { "new no", RCPT_INVALID, 0, RCPT_FRESH },
    { "no past its life is forgotten, never stale", RCPT_INVALID, MINUTES(5), RCPT_UNKNOWN },
};

static void test_lifetimes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rcpt_cache *c = rcpt_cache_new(10);
        struct rcpt_known known;

        print_message("%s\n", rows[i].name);
        rcpt_cache_put(c, SPAN("a@b"), rows[i].answer, false, "ldap", "uid=a", 1000);
        assert_int_equal(rcpt_cache_get(c, SPAN("a@b"), 1000 + rows[i].age_ms, &life, &known), rows[i].want);
        if (rows[i].want != RCPT_UNKNOWN) {
            assert_int_equal(known.answer, rows[i].answer);
            assert_int_equal(known.age_ms, rows[i].age_ms);
            assert_string_equal(known.source, "ldap");
            assert_string_equal(known.detail, "uid=a");
        }
        rcpt_cache_free(&c);
    }
}

static void test_a_no_from_before_a_change_is_forgotten(void **state)
{
    struct rcpt_cache *c = rcpt_cache_new(10);
    struct rcpt_lifetimes changed = life;
    struct rcpt_known known;

    (void)state;
    rcpt_cache_put(c, SPAN("a@b"), RCPT_INVALID, false, "ldap", "", 1000);
    rcpt_cache_put(c, SPAN("c@b"), RCPT_VALID, false, "ldap", "", 1000);
    changed.negatives_since_ms = 1500;
    assert_int_equal(rcpt_cache_get(c, SPAN("a@b"), 2000, &changed, &known), RCPT_UNKNOWN);
    assert_int_equal(rcpt_cache_get(c, SPAN("c@b"), 2000, &changed, &known), RCPT_FRESH);
    rcpt_cache_free(&c);
}

static void test_bounded(void **state)
{
    struct rcpt_cache *c = rcpt_cache_new(2);

    (void)state;
    rcpt_cache_put(c, SPAN("1"), RCPT_VALID, false, "s", "", 0);
    rcpt_cache_put(c, SPAN("2"), RCPT_VALID, false, "s", "", 0);
    rcpt_cache_put(c, SPAN("2"), RCPT_INVALID, false, "s", "replaced", 0);
    rcpt_cache_put(c, SPAN("3"), RCPT_VALID, false, "s", "", 0);
    assert_int_equal(rcpt_cache_count(c), 2);
    assert_true(rcpt_cache_forget(c, SPAN("3")));
    assert_false(rcpt_cache_forget(c, SPAN("3")));
    rcpt_cache_clear(c);
    assert_int_equal(rcpt_cache_count(c), 0);
    rcpt_cache_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lifetimes),
        cmocka_unit_test(test_a_no_from_before_a_change_is_forgotten),
        cmocka_unit_test(test_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

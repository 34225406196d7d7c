/* test_stats.c - counters, gauges and their text.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/app/stats.h"

static double half(void *arg)
{
    return *(int *)arg / 2.0;
}

static void test_text(void **state)
{
    struct stats *s = stats_new("policyd");
    int three = 3;
    struct buf text;

    (void)state;
    uint64_t *ok = stats_counter(s, "answers", "Answers\ngiven.", "action", "ok");
    uint64_t *plain = stats_counter(s, "requests", "Requests.", NULL, NULL);
    uint64_t *odd = stats_counter(s, "answers", "ignored", "action", "a\"b\\c\nd");
    stats_gauge(s, "load", "Load.", half, &three);
    *ok += 5;
    ++*plain;
    *odd = 2;
    assert_ptr_equal(stats_counter(s, "answers", NULL, "action", "ok"), ok);
    assert_ptr_equal(stats_counter(s, "requests", NULL, NULL, NULL), plain);

    buf_init(&text, 65536);
    stats_print(s, &text);
    assert_string_equal(buf_cstr(&text), "# HELP gatepost_policyd_answers Answers\\ngiven.\n"
                                         "# TYPE gatepost_policyd_answers counter\n"
                                         "gatepost_policyd_answers{action=\"ok\"} 5\n"
                                         "gatepost_policyd_answers{action=\"a\\\"b\\\\c\\nd\"} 2\n"
                                         "# HELP gatepost_policyd_requests Requests.\n"
                                         "# TYPE gatepost_policyd_requests counter\n"
                                         "gatepost_policyd_requests 1\n"
                                         "# HELP gatepost_policyd_load Load.\n"
                                         "# TYPE gatepost_policyd_load gauge\n"
                                         "gatepost_policyd_load 1.5\n");
    buf_free(&text);
    stats_free(&s);
    assert_null(s);
    stats_free(&s);
}

/* The pointer of a counter is kept by the hot path: more counters must not move it. */
static void test_pointers_stay(void **state)
{
    struct stats *s = stats_new("x");
    uint64_t *first = stats_counter(s, "c", "", "n", "first");
    char name[16] = "a";

    (void)state;
    for (int i = 0; i < 2000; i++) {
        name[0] = (char)('a' + i % 26);
        name[1] = (char)('a' + i / 26 % 26);
        name[2] = (char)('a' + i / 676);
        ++*stats_counter(s, "c", "", "n", name);
    }
    ++*first;
    assert_ptr_equal(stats_counter(s, "c", "", "n", "first"), first);
    assert_int_equal(*first, 1);
    stats_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_text), cmocka_unit_test(test_pointers_stay) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

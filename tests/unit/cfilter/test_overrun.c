/* test_overrun.c - when to stop looking further into a message that asks for more than a limit allows.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "cfilter/overrun.h"

enum { MAX = 100000, GRACE = 1000, BEGUN = 50 };

static const struct { const char *name, *alert; unsigned layers; uint64_t size; int64_t us; bool used_up, timed_out; } rows[] = {
    { "one layer", "", 1, 100, 9999999, false, false },
    { "as many bytes as may be", "", 10, MAX / 10, 0, false, false },
    { "one more", "", 11, MAX / 10, 0, true, false },
    { "one that is too large", "", 1, MAX + 1, 0, true, false },
    { "few slow layers", "", OVERRUN_LAYERS, 1, 9999999, false, false },
    { "many slow layers, in time", "", OVERRUN_LAYERS + 2, 1, GRACE + 2, false, false },
    { "many slow layers", "", OVERRUN_LAYERS + 2, 1, GRACE + 3, false, true },
    { "many layers with much in them", "", OVERRUN_LAYERS + 2, 1000, GRACE + 3000, false, false },
    { "and too slow all the same", "", OVERRUN_LAYERS + 2, 1000, GRACE + 3250, false, true },
    { "after a limit, in time", "Heuristics.Limits.Exceeded.MaxRecursion", 1, 1, GRACE - 1, false, false },
    { "after a limit", "Heuristics.Limits.Exceeded.MaxFileSize", 1, 1, GRACE, false, true },
    { "a virus is no limit", "Eicar-Test-Signature", 1, 1, GRACE, false, false },
    { "another heuristic neither", "Heuristics.Encrypted.Zip", 1, 1, GRACE, false, false },
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct overrun o = { .max_bytes = MAX, .grace_us = GRACE };
        bool left_out = false;

        overrun_begin_message(&o);
        overrun_begin_call(&o, BEGUN);
        overrun_alert(&o, span_str(rows[i].alert), BEGUN);
        for (unsigned n = 0; n < rows[i].layers; n++)
            left_out = overrun_leaves_out(&o, rows[i].size, n + 1 < rows[i].layers ? BEGUN : BEGUN + rows[i].us);
        if (left_out != (rows[i].used_up || rows[i].timed_out) || o.used_up != rows[i].used_up || o.timed_out != rows[i].timed_out)
            fail_msg("%s: used_up %d, timed_out %d", rows[i].name, o.used_up, o.timed_out);
    }
}

/* Another call of the engine has bytes of its own; the time after a limit is the message's. */
static void test_calls(void **state)
{
    struct overrun o = { .max_bytes = MAX, .grace_us = GRACE };

    (void)state;
    overrun_begin_message(&o);
    overrun_begin_call(&o, 0);
    assert_true(overrun_leaves_out(&o, MAX + 1, 0));
    assert_true(overrun_leaves_out(&o, 1, 0));                 /* what would fit, too: it is over */
    overrun_alert(&o, SPAN("Heuristics.Limits.Exceeded.MaxScanSize"), 10);
    overrun_begin_call(&o, 20);
    assert_false(overrun_leaves_out(&o, 1, 10 + GRACE - 1));
    assert_true(overrun_leaves_out(&o, 1, 10 + GRACE));
    assert_true(o.timed_out);
    overrun_begin_message(&o);
    overrun_begin_call(&o, 5000);
    assert_false(overrun_leaves_out(&o, 1, 9000));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows), cmocka_unit_test(test_calls) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

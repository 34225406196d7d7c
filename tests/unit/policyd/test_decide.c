/* test_decide.c - rows of hits and the outcome that they must have.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "policyd/decide.h"

#define E MODE_ENFORCE
#define O MODE_OBSERVE
#define NONE DECIDE_NO_CAUSE

static const struct set_score usual = { .reject = 5 };
static const struct set_score ladder = { .prepend = 1, .greylist = 2, .defer = 3, .reject = 5 };

static const struct {
    const char *name;
    const struct set_score *score;
    struct decide_hit hits[5];
    struct decide_pending pending;
    enum outcome outcome;
    size_t cause;
    enum outcome would;
    bool certain;
} rows[] = {
    { "nothing", &usual, { { .points = 0 } }, { .low = 0 }, OUTCOME_PASS, NONE, OUTCOME_PASS, true },
    { "below", &usual, { { 4.9, 0, E } }, { .low = 0 }, OUTCOME_PASS, NONE, OUTCOME_PASS, true },
    { "reached", &usual, { { 5, 0, E } }, { .low = 0 }, OUTCOME_REJECT, 0, OUTCOME_REJECT, true },
    { "two add up, the heavier tells", &usual, { { 2, 0, E }, { 3, 0, E } }, { .low = 0 }, OUTCOME_REJECT, 1, OUTCOME_REJECT, true },
    { "decimals add up", &(const struct set_score){ .reject = 0.3 }, { { 0.1, 0, E }, { 0.1, 0, E }, { 0.1, 0, E } }, { .low = 0 }, OUTCOME_REJECT, 0,
      OUTCOME_REJECT, true },
    { "a good list takes off", &usual, { { 5, 0, E }, { -3, 0, E } }, { .low = 0 }, OUTCOME_PASS, NONE, OUTCOME_PASS, true },
    { "threshold 0 is off", &(const struct set_score){ .reject = 0 }, { { 500, 0, E } }, { .low = 0 }, OUTCOME_PASS, NONE, OUTCOME_PASS, true },
    { "ladder: prepend", &ladder, { { 1, 0, E } }, { .low = 0 }, OUTCOME_PREPEND, 0, OUTCOME_PREPEND, true },
    { "ladder: greylist", &ladder, { { 2, 0, E } }, { .low = 0 }, OUTCOME_GREYLIST, 0, OUTCOME_GREYLIST, true },
    { "ladder: defer", &ladder, { { 3, 0, E } }, { .low = 0 }, OUTCOME_DEFER, 0, OUTCOME_DEFER, true },
    { "ladder: reject", &ladder, { { 9, 0, E } }, { .low = 0 }, OUTCOME_REJECT, 0, OUTCOME_REJECT, true },

    { "observed points do not count", &usual, { { 9, 0, O } }, { .low = 0 }, OUTCOME_PASS, NONE, OUTCOME_REJECT, true },
    { "observed and enforced together would", &usual, { { 3, 0, E }, { 3, 0, O } }, { .low = 0 }, OUTCOME_PASS, NONE, OUTCOME_REJECT, true },
    { "an observed good list would save", &usual, { { 5, 0, E }, { -3, 0, O } }, { .low = 0 }, OUTCOME_REJECT, 0, OUTCOME_PASS, true },
    { "off counts nowhere", &usual, { { 9, WISH_REJECT, MODE_OFF } }, { .low = 0 }, OUTCOME_PASS, NONE, OUTCOME_PASS, true },

    { "wish to reject", &usual, { { 0, WISH_REJECT, E } }, { .low = 0 }, OUTCOME_REJECT, 0, OUTCOME_REJECT, true },
    { "wish to reject with all off", &(const struct set_score){ .reject = 0 }, { { 0, WISH_REJECT, E } }, { .low = 0 }, OUTCOME_REJECT, 0, OUTCOME_REJECT, true },
    { "wish to defer", &usual, { { 0, WISH_DEFER, E } }, { .low = 0 }, OUTCOME_DEFER, 0, OUTCOME_DEFER, true },
    { "defer gives way to the score's reject", &usual, { { 0, WISH_DEFER, E }, { 5, 0, E } }, { .low = 0 }, OUTCOME_REJECT, 1, OUTCOME_REJECT, true },
    { "defer holds above the score's greylist", &ladder, { { 2, 0, E }, { 0, WISH_DEFER, E } }, { .low = 0 }, OUTCOME_DEFER, 1, OUTCOME_DEFER, true },
    { "allow wins over all", &usual, { { 99, 0, E }, { 0, WISH_REJECT, E }, { 0, WISH_ALLOW, E } }, { .low = 0 }, OUTCOME_PASS, 2, OUTCOME_PASS, true },
    { "an observed allow allows nothing", &usual, { { 5, 0, E }, { 0, WISH_ALLOW, O } }, { .low = 0 }, OUTCOME_REJECT, 0, OUTCOME_PASS, true },
    { "observed wish", &usual, { { 0, WISH_REJECT, O } }, { .low = 0 }, OUTCOME_PASS, NONE, OUTCOME_REJECT, true },

    { "pending could reject", &usual, { { .points = 0 } }, { .high = 5, .would_high = 5 }, OUTCOME_PASS, NONE, OUTCOME_PASS, false },
    { "pending could not", &usual, { { .points = 0 } }, { .high = 4, .would_high = 4 }, OUTCOME_PASS, NONE, OUTCOME_PASS, true },
    { "pending could save", &usual, { { 5, 0, E } }, { .low = -3, .would_low = -3 }, OUTCOME_REJECT, 0, OUTCOME_REJECT, false },
    { "pending could not save", &usual, { { 10, 0, E } }, { .low = -3, .would_low = -3 }, OUTCOME_REJECT, 0, OUTCOME_REJECT, true },
    { "observed pending: a pass waits for what it would be", &usual, { { .points = 0 } }, { .would_high = 5 }, OUTCOME_PASS, NONE, OUTCOME_PASS, false },
    { "observed pending: a reject does not wait", &usual, { { 5, 0, E } }, { .would_low = -9 }, OUTCOME_REJECT, 0, OUTCOME_REJECT, true },
    { "pending wish: a pass waits", &usual, { { .points = 0 } }, { .may_refuse = true }, OUTCOME_PASS, NONE, OUTCOME_PASS, false },
    { "pending wish: a reject does not", &usual, { { 5, 0, E } }, { .may_refuse = true }, OUTCOME_REJECT, 0, OUTCOME_REJECT, true },
    { "pending allow: nothing is certain", &usual, { { 0, WISH_REJECT, E } }, { .may_allow = true }, OUTCOME_REJECT, 0, OUTCOME_REJECT, false },
    { "a wished reject is certain whatever the score does", &usual, { { 0, WISH_REJECT, E } }, { .low = -9, .high = 9, .would_low = -9, .would_high = 9 },
      OUTCOME_REJECT, 0, OUTCOME_REJECT, true },
    { "a wished defer may become a reject", &usual, { { 0, WISH_DEFER, E } }, { .high = 5, .would_high = 5 }, OUTCOME_DEFER, 0, OUTCOME_DEFER, false },
    { "a wished defer is certain between lesser levels", &ladder, { { 0, WISH_DEFER, E } }, { .high = 4, .would_high = 4 }, OUTCOME_DEFER, 0,
      OUTCOME_DEFER, true },
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct decision d = decide(rows[i].hits, 5, &rows[i].pending, rows[i].score);

        if (d.enforced.outcome != rows[i].outcome || d.enforced.cause != rows[i].cause || d.would.outcome != rows[i].would ||
            d.certain != rows[i].certain)
            fail_msg("%s: %s cause %d would %s certain %d", rows[i].name, outcome_name(d.enforced.outcome), (int)d.enforced.cause,
                     outcome_name(d.would.outcome), d.certain);
    }
}

/* Bounds must be honest: whatever a pending list then brings within them, a certain outcome stays. */
static void test_certain_never_changes(void **state)
{
    static const double steps[] = { -4, -1, 0, 0.5, 1, 2, 3, 5 };
    size_t certain = 0;

    (void)state;
    for (size_t a = 0; a < 8; a++) {
        for (size_t w = 0; w < 4; w++) {
            struct decide_hit hits[3] = { { steps[a], (enum wish)w, E }, { 1, 0, E } };
            struct decide_pending open = { .low = -1, .high = 2, .would_low = -1, .would_high = 2 }, none = { .low = 0 };
            struct decision d = decide(hits, 2, &open, &ladder);

            if (!d.certain)
                continue;
            certain++;
            for (double later = -1; later <= 2; later += 0.25) {
                hits[2] = (struct decide_hit){ later, 0, E };
                assert_int_equal(decide(hits, 3, &none, &ladder).enforced.outcome, d.enforced.outcome);
            }
        }
    }
    assert_true(certain > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows), cmocka_unit_test(test_certain_never_changes) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

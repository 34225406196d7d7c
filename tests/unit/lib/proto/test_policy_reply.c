/* test_policy_reply.c - answers: every verb, and text that tries to be more than text.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/proto/policy.h"

static void assert_span(const char *row, span got, span want)
{
    if (!span_eq(got, want)) {
        print_error("%s: got \"%.*s\", want \"%.*s\"\n", row, SPAN_ARG(got), SPAN_ARG(want));
        fail();
    }
}

static void test_rows(void **state)
{
    static const struct { const char *name; struct policy_reply r; span want; } rows[] = {
        { "dunno", { .verb = POLICY_SAY_DUNNO, .text = SPAN("ignored") }, SPAN("action=DUNNO\n\n") },
        { "ok", { .verb = POLICY_SAY_OK }, SPAN("action=OK\n\n") },
        { "reject", { .verb = POLICY_SAY_REJECT, .text = SPAN("go away") }, SPAN("action=REJECT 5.7.1 go away\n\n") },
        { "reject, own code", { .verb = POLICY_SAY_REJECT, .enhanced = "5.7.25", .text = SPAN("no PTR") }, SPAN("action=REJECT 5.7.25 no PTR\n\n") },
        { "reject without text", { .verb = POLICY_SAY_REJECT }, SPAN("action=REJECT 5.7.1 Access denied\n\n") },
        { "defer", { .verb = POLICY_SAY_DEFER, .text = SPAN("later") }, SPAN("action=DEFER 4.7.1 later\n\n") },
        { "greylist", { .verb = POLICY_SAY_DEFER_IF_PERMIT, .text = SPAN("Greylisted, 5 minutes") },
          SPAN("action=DEFER_IF_PERMIT 4.7.1 Greylisted, 5 minutes\n\n") },
        { "code", { .verb = POLICY_SAY_CODE, .code = 550, .enhanced = "5.7.1", .text = SPAN("x") }, SPAN("action=550 5.7.1 x\n\n") },
        { "code alone is never sent alone", { .verb = POLICY_SAY_CODE, .code = 550 }, SPAN("action=550 5.7.1 Access denied\n\n") },
        { "hang up", { .verb = POLICY_SAY_CODE, .code = 421, .enhanced = "4.7.0", .text = SPAN("bye") }, SPAN("action=421 4.7.0 bye\n\n") },
        { "text of digits", { .verb = POLICY_SAY_CODE, .code = 450, .text = SPAN("4.2.2 full") }, SPAN("action=450 4.7.1 4.2.2 full\n\n") },
        { "colon in the first word", { .verb = POLICY_SAY_REJECT, .text = SPAN("hash:/etc/x y") }, SPAN("action=REJECT 5.7.1 hash:/etc/x y\n\n") },
        { "a second answer", { .verb = POLICY_SAY_REJECT, .text = SPAN("x\n\naction=OK") }, SPAN("action=REJECT 5.7.1 x  action=OK\n\n") },
        { "only a line end", { .verb = POLICY_SAY_DEFER, .text = SPAN("\r\n") }, SPAN("action=DEFER 4.7.1 Try again later\n\n") },
        { "bad UTF-8", { .verb = POLICY_SAY_REJECT, .text = SPAN("f\xc3\xbcr \xff") }, SPAN("action=REJECT 5.7.1 f\xc3\xbcr ?\n\n") },
        { "warn", { .verb = POLICY_SAY_WARN, .text = SPAN("would reject") }, SPAN("action=WARN would reject\n\n") },
        { "info without text", { .verb = POLICY_SAY_INFO }, SPAN("action=INFO no reason given\n\n") },
        { "prepend", { .verb = POLICY_SAY_PREPEND, .header = SPAN("X-Test"), .text = SPAN("a: b; mac=x==") },
          SPAN("action=PREPEND X-Test: a: b; mac=x==\n\n") },
        { "code too low", { .verb = POLICY_SAY_CODE, .code = 250, .text = SPAN("ok") }, SPAN("") },
        { "code too high", { .verb = POLICY_SAY_CODE, .code = 600, .text = SPAN("ok") }, SPAN("") },
        { "class of another code", { .verb = POLICY_SAY_CODE, .code = 550, .enhanced = "4.7.1", .text = SPAN("x") }, SPAN("") },
        { "no enhanced code", { .verb = POLICY_SAY_REJECT, .enhanced = "5.7.1 x", .text = SPAN("x") }, SPAN("") },
        { "header name with a blank", { .verb = POLICY_SAY_PREPEND, .header = SPAN("X Test"), .text = SPAN("x") }, SPAN("") },
        { "header name with a colon", { .verb = POLICY_SAY_PREPEND, .header = SPAN("X:"), .text = SPAN("x") }, SPAN("") },
        { "no header name", { .verb = POLICY_SAY_PREPEND, .text = SPAN("x") }, SPAN("") },
        { "header of two lines", { .verb = POLICY_SAY_PREPEND, .header = SPAN("X"), .text = SPAN("a\n b") }, SPAN("") },
        { "header that is not UTF-8", { .verb = POLICY_SAY_PREPEND, .header = SPAN("X"), .text = SPAN("\xff") }, SPAN("") },
        { "blank header", { .verb = POLICY_SAY_PREPEND, .header = SPAN("X"), .text = SPAN(" ") }, SPAN("") },
    };
    struct buf b;

    (void)state;
    buf_init(&b, 1000);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        buf_reset(&b);
        if (policy_append_reply(&b, &rows[i].r) != (rows[i].want.n > 0))
            fail_msg("%s", rows[i].name);
        assert_span(rows[i].name, buf_span(&b), rows[i].want);
    }
    buf_free(&b);
}

static void test_limits(void **state)
{
    char text[2000];
    struct policy_reply r = { .verb = POLICY_SAY_REJECT, .text = { text, sizeof(text) } };
    struct buf b;

    (void)state;
    memset(text, 'x', sizeof(text));
    buf_init(&b, 1000);
    assert_true(policy_append_reply(&b, &r));
    assert_int_equal(b.len, strlen("action=REJECT 5.7.1 ") + POLICY_TEXT_MAX + 2);
    buf_free(&b);
    buf_init(&b, 100);
    assert_false(policy_append_reply(&b, &r));
    assert_int_equal(b.len, 0);
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_seen.c - what counts as scanned already.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "cfilter/seen.h"

static const struct { const char *name; span added, asked; bool as_text, want; } rows[] = {
    { "the same", SPAN("abc"), SPAN("abc"), false, true },
    { "something else", SPAN("abc"), SPAN("abd"), false, false },
    { "line ends, as text", SPAN("a\nb\n"), SPAN("a\r\nb\r\n\r\n"), true, true },
    { "line ends, not as text", SPAN("a\nb\n"), SPAN("a\r\nb\r\n"), false, false },
    { "a lone CR makes a difference", SPAN("ab"), SPAN("a\rb"), true, false },
    { "with a NUL nothing is text", SPAN("\0a\n"), SPAN("\0a\r\n"), true, false },
    { "text form of one is not another's bytes", SPAN("x"), SPAN("tx"), false, false },
};

static void test_rows(void **state)
{
    struct seen *s = seen_new(10);

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        seen_reset(s);
        seen_add(s, rows[i].added);
        if (seen_has(s, rows[i].asked, rows[i].as_text) != rows[i].want)
            fail_msg("%s", rows[i].name);
    }
    seen_reset(s);
    assert_false(seen_has(s, rows[0].added, false));
    seen_free(&s);
}

static void test_full_forgets_nothing_it_said(void **state)
{
    struct seen *s = seen_new(3);
    char c = 0;

    (void)state;
    for (; c < 10; c++)
        seen_add(s, span_of(&c, 1));
    assert_true(seen_has(s, SPAN("\0"), false));
    assert_false(seen_has(s, SPAN("\x09"), false));     /* scanned once more than needed, not once less */
    seen_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows), cmocka_unit_test(test_full_forgets_nothing_it_said) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

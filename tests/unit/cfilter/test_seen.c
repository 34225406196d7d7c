/* test_seen.c - what counts as scanned already.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>

#include "cfilter/seen.h"
#include "lib/base/alloc.h"

static const struct { const char *name; span added, asked; bool as_text, want; } rows[] = {
    { "the same", SPAN("abc"), SPAN("abc"), false, true },
    { "something else", SPAN("abc"), SPAN("abd"), false, false },
    { "line ends, as text", SPAN("a\nb\n"), SPAN("a\r\nb\r\n\r\n"), true, true },
    { "line ends, not as text", SPAN("a\nb\n"), SPAN("a\r\nb\r\n"), false, false },
    { "a lone CR makes a difference", SPAN("ab"), SPAN("a\rb"), true, false },
    { "with a NUL nothing is text", SPAN("\0a\n"), SPAN("\0a\r\n"), true, false },
    { "text form of one is not another's bytes", SPAN("x"), SPAN("tx"), false, false },
};

static void put(struct seen *s, span bytes)
{
    struct digest d;

    assert_true(seen_digest(s, bytes, &d));
    seen_add(s, bytes, &d, true);
}

static bool has(const struct seen *s, span bytes, bool as_text)
{
    struct digest d;

    assert_true(seen_digest(s, bytes, &d));
    return seen_has(s, &d) || (as_text && seen_has_text(s, bytes));
}

static void test_rows(void **state)
{
    struct seen *s = seen_new(10), *taken = seen_new(10);

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        seen_reset(s);
        put(s, rows[i].added);
        struct digest one, other;
        assert_true(seen_digest(s, rows[i].added, &one) && seen_take(taken, rows[i].added, true, &other));
        assert_memory_equal(&one, &other, sizeof one);
        if (has(taken, rows[i].asked, rows[i].as_text) != rows[i].want)
            fail_msg("%s, taken", rows[i].name);
        seen_reset(taken);
        if (has(s, rows[i].asked, rows[i].as_text) != rows[i].want)
            fail_msg("%s", rows[i].name);
    }
    seen_reset(s);
    assert_false(has(s, rows[0].added, false));
    seen_free(&s);
    seen_free(&taken);
}

static void test_full_forgets_nothing_it_said(void **state)
{
    struct seen *s = seen_new(3);
    char c = 0;

    (void)state;
    for (; c < 10; c++)
        put(s, span_of(&c, 1));
    assert_true(has(s, SPAN("\0"), false));
    assert_false(has(s, SPAN("\x09"), false));     /* scanned once more than needed, not once less */
    seen_free(&s);
}

/* Lines that cross the pieces in which the text form is made. */
static void test_long_text(void **state)
{
    enum { LINES = 9000, SIZE = 3 * LINES };
    struct seen *s = seen_new(10);
    char *crlf = xmalloc(SIZE), *lf = xmalloc(SIZE);

    (void)state;
    for (size_t shift = 0; shift < 3; shift++) {
        for (size_t i = 0; i < LINES; i++) {
            memcpy(crlf + shift + 3 * i, "a\r\n", shift + 3 * i + 3 <= SIZE ? 3 : 0);
            memcpy(lf + shift + 2 * i, "a\n", 2);
        }
        memset(crlf, 'b', shift);
        memset(lf, 'b', shift);
        size_t lines = (SIZE - shift) / 3;
        seen_reset(s);
        put(s, span_of(lf, shift + 2 * lines));
        assert_true(has(s, span_of(crlf, shift + 3 * lines), true));
        assert_false(has(s, span_of(crlf, shift + 3 * lines), false));
    }
    free(crlf);
    free(lf);
    seen_free(&s);
}

/* Each of many is found again, and none of the message before. */
static void test_many(void **state)
{
    struct seen *s = seen_new(4096);

    (void)state;
    for (uint32_t round = 0; round < 3; round++) {
        seen_reset(s);
        for (uint32_t i = 0; i < 2000; i++) {
            uint32_t id[2] = { round, i };
            span bytes = span_of((const char *)id, sizeof id);
            assert_false(has(s, bytes, true));
            put(s, bytes);
            put(s, bytes);
            assert_true(has(s, bytes, false));
        }
    }
    assert_false(has(s, SPAN("\0\0\0\0\0\0\0"), false));
    seen_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_full_forgets_nothing_it_said),
        cmocka_unit_test(test_long_text),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

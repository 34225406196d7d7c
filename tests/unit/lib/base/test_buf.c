/* test_buf.c - the growing buffer keeps its bytes and its limit.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>

#include "lib/base/buf.h"

static void test_limit(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 10);
    assert_true(buf_append(&b, SPAN("12345678")));
    assert_false(buf_append(&b, SPAN("abc")));
    assert_true(b.overflow);
    assert_true(span_eq(buf_span(&b), SPAN("12345678")));       /* nothing of it was added */
    assert_true(buf_append(&b, SPAN("9A")));                    /* what fits still fits */
    assert_true(b.overflow);                                    /* but it stays told */
    assert_null(buf_reserve(&b, 1));
    assert_null(buf_reserve(&b, SIZE_MAX));
    buf_reset(&b);
    assert_false(b.overflow);
    assert_int_equal(b.len, 0);
    assert_false(buf_printf(&b, "%s", "12345678901"));
    assert_true(b.overflow);
    buf_reset(&b);
    assert_true(buf_printf(&b, "%s", "1234567890"));            /* exactly full; the NUL needs no room in it */
    assert_string_equal(buf_cstr(&b), "1234567890");
    buf_free(&b);
    assert_int_equal(b.limit, 10);
    assert_true(buf_append_char(&b, 'x'));
    buf_free(&b);
}

static void test_long_printf(void **state)
{
    struct buf b;
    char text[3000];

    (void)state;
    memset(text, 'z', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    buf_init(&b, 100000);
    buf_append_str(&b, "head ");
    assert_true(buf_printf(&b, "%s|%d", text, 7));
    assert_int_equal(b.len, 5 + 2999 + 2);
    assert_true(span_ends_nocase(buf_span(&b), SPAN("z|7")));
    buf_free(&b);
    buf_init(&b, 2999);
    assert_true(buf_printf(&b, "%s", text));
    buf_reset(&b);
    assert_true(buf_append_char(&b, '1'));
    assert_false(buf_printf(&b, "%s", text));
    assert_int_equal(b.len, 1);
    buf_free(&b);
}

/* Against a model: a queue of numbered bytes, put in and taken out in pieces of every size. */
static void test_queue(void **state)
{
    enum { LIMIT = 5000, STEPS = 20000 };
    struct buf b;
    unsigned put = 0, taken = 0;

    (void)state;
    srandom(1);
    buf_init(&b, LIMIT);
    for (int i = 0; i < STEPS; i++) {
        size_t n = (size_t)random() % 300, have = put - taken;
        char piece[300];

        if (random() % 2 == 0) {
            for (size_t k = 0; k < n; k++)
                piece[k] = (char)((put + k) * 7 % 251);
            if (buf_append(&b, (span){ piece, n }))
                put += (unsigned)n;
            else
                assert_true(have + n > LIMIT);
        } else {
            n = n < have ? n : have;
            for (size_t k = 0; k < n; k++)
                if (buf_span(&b).p[k] != (char)((taken + k) * 7 % 251))
                    fail_msg("byte %zu of step %d", k, i);
            buf_consume(&b, n);
            taken += (unsigned)n;
        }
        assert_int_equal(b.len, put - taken);
        assert_true(b.cap <= 4 * LIMIT);
    }
    buf_free(&b);
}

/* A peer that always leaves a little must not make the memory grow. */
static void test_never_empty(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 100000);
    buf_append(&b, SPAN("0123456789"));
    for (int i = 0; i < 100000; i++) {
        buf_append(&b, SPAN("0123456789"));
        buf_consume(&b, 10);
    }
    assert_true(b.cap <= 512);
    buf_free(&b);
}

static void test_memory_back(void **state)
{
    struct buf b;
    char *to;

    (void)state;
    buf_init(&b, 1000);
    assert_string_equal(buf_cstr(&b), "");
    to = buf_reserve(&b, 700);
    memset(to, 'a', 700);
    buf_commit(&b, 700);
    buf_shrink(&b);                                             /* not empty: keeps all */
    assert_int_equal(b.len, 700);
    buf_truncate(&b, 3);
    assert_string_equal(buf_cstr(&b), "aaa");
    buf_consume(&b, 3);
    buf_shrink(&b);
    assert_null(b.base);
    assert_int_equal(b.cap, 0);
    assert_int_equal(buf_span(&b).n, 0);
    buf_shrink(&b);
    buf_append_str(&b, "a short answer");                       /* whoever gives one every time has room for it */
    buf_consume(&b, 14);
    buf_shrink(&b);
    assert_non_null(b.base);
    assert_int_equal(b.head, 0);
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limit),       cmocka_unit_test(test_long_printf), cmocka_unit_test(test_queue),
        cmocka_unit_test(test_never_empty), cmocka_unit_test(test_memory_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_arena.c - memory of a request: zeroed, aligned, apart, gone at once.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdint.h>
#include <string.h>

#include "lib/base/arena.h"

static void test_pieces(void **state)
{
    struct arena *a = arena_new(100);
    unsigned char *pieces[300];
    size_t sum = 0;

    (void)state;
    for (size_t round = 0; round < 3; round++) {
        sum = 0;
        for (size_t i = 0; i < 300; i++) {
            size_t n = 1 + i * 37 % 700;

            pieces[i] = arena_alloc(a, n);
            assert_int_equal((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
            for (size_t k = 0; k < n; k++)
                assert_int_equal(pieces[i][k], 0);              /* also after a reset, over dirty memory */
            memset(pieces[i], (int)(i % 255) + 1, n);
            sum += n;
        }
        for (size_t i = 0; i < 300; i++)
            assert_int_equal(pieces[i][i * 37 % 700], i % 255 + 1);   /* nobody wrote into a neighbour */
        assert_int_equal(arena_used(a), sum);
        arena_reset(a);
        assert_int_equal(arena_used(a), 0);
    }
    arena_free(&a);
    assert_null(a);
    arena_free(&a);
}

static void test_text(void **state)
{
    struct arena *a = arena_new(0);
    char long_text[2000];
    span s;

    (void)state;
    memset(long_text, 'q', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    assert_string_equal(arena_str(a, SPAN("abc")), "abc");
    assert_string_equal(arena_str(a, (span){ NULL, 0 }), "");
    s = arena_span(a, SPAN("a\0b"));
    assert_int_equal(s.n, 3);
    assert_memory_equal(s.p, "a\0b", 3);
    assert_null(arena_span(a, SPAN("")).p);
    assert_true(span_eq(arena_lower(a, SPAN("aBC\xC3\x84")), SPAN("abc\xC3\x84")));      /* ASCII alone */
    assert_null(arena_lower(a, SPAN("")).p);
    assert_string_equal(arena_printf(a, "%d-%s", 5, "x"), "5-x");
    assert_string_equal(arena_printf(a, "%s", long_text), long_text);
    assert_memory_equal(arena_dup(a, "1234", 5), "1234", 5);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_pieces), cmocka_unit_test(test_text) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

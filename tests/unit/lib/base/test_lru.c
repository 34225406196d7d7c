/* test_lru.c - the cache: who leaves, what stays, what is freed.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/lru.h"

static int freed_sum, freed_n;

static void on_free(void *value)
{
    freed_sum += *(int *)value;
    freed_n++;
}

static void put(struct lru *c, const char *key, int v, int64_t expires_ms)
{
    *(int *)lru_put(c, span_str(key), expires_ms) = v;
}

static int get(struct lru *c, const char *key)
{
    int *v = lru_get(c, span_str(key), NULL);

    return v != NULL ? *v : -1;
}

static void test_order(void **state)
{
    struct lru *c = lru_new(3, sizeof(int), on_free);

    (void)state;
    freed_n = freed_sum = 0;
    put(c, "a", 1, 10);
    put(c, "b", 2, 10);
    put(c, "c", 3, 10);
    assert_int_equal(get(c, "a"), 1);                           /* b is now the oldest */
    put(c, "d", 4, 10);
    assert_int_equal(lru_count(c), 3);
    assert_int_equal(get(c, "b"), -1);
    assert_int_equal(freed_sum, 2);
    put(c, "c", 30, 20);                                        /* changed in place: not freed, newest */
    assert_int_equal(freed_n, 1);
    put(c, "e", 5, 10);
    assert_int_equal(get(c, "a"), -1);
    assert_int_equal(get(c, "c"), 30);
    assert_false(span_eq(lru_oldest(c), SPAN("c")));
    assert_true(lru_remove(c, SPAN("c")));
    assert_false(lru_remove(c, SPAN("c")));
    assert_int_equal(lru_count(c), 2);
    lru_free(&c);
    assert_null(c);
    assert_int_equal(freed_sum, 2 + 1 + 30 + 4 + 5);
    lru_free(&c);
}

static void test_time_is_the_callers(void **state)
{
    struct lru *c = lru_new(10, 16, NULL);
    int64_t expires = 0;
    char *v;

    (void)state;
    v = lru_put(c, SPAN("k"), 5000);
    for (int i = 0; i < 16; i++)
        assert_int_equal(v[i], 0);
    v[3] = 'x';
    assert_ptr_equal(lru_put(c, SPAN("k"), 9000), v);           /* kept, with the new time */
    assert_ptr_equal(lru_get(c, SPAN("k"), &expires), v);
    assert_int_equal(v[3], 'x');
    assert_int_equal(expires, 9000);
    lru_clear(c);
    assert_int_equal(lru_count(c), 0);
    expires = -1;
    assert_null(lru_get(c, SPAN("k"), &expires));
    assert_int_equal(expires, -1);
    lru_free(&c);
}

static bool first_keys(span key, void *value, int64_t expires_ms, void *arg)
{
    int *n = arg;

    (void)key;
    (void)expires_ms;
    assert_int_equal(*(int *)value, 9999 - *n);                 /* newest first */
    return ++*n < 5;
}

/* Beyond the table's first size, so that it grows, and beyond the limit many times over. */
static void test_many(void **state)
{
    struct lru *c = lru_new(1000, sizeof(int), on_free);
    char key[32];
    int n = 0;

    (void)state;
    freed_n = 0;
    for (int i = 0; i < 10000; i++) {
        snprintf(key, sizeof(key), "%d", i);
        put(c, key, i, i);
    }
    assert_int_equal(lru_count(c), 1000);
    assert_int_equal(freed_n, 9000);
    lru_each(c, first_keys, &n);
    assert_int_equal(n, 5);
    for (int i = 0; i < 10000; i++) {
        snprintf(key, sizeof(key), "%d", i);
        assert_int_equal(get(c, key), i < 9000 ? -1 : i);
    }
    lru_free(&c);
    assert_int_equal(freed_n, 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_time_is_the_callers),
        cmocka_unit_test(test_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

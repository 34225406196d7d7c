/* test_map.c - the hash map against a plain array.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/map.h"

enum { KEYS = 500 };

static span key_text(char *text, size_t size, unsigned i)
{
    return (span){ text, (size_t)snprintf(text, size, "key-%u", i) };
}

/* Puts and removes at random; the array says what must be there. */
static void test_model(void **state)
{
    static int value[KEYS];
    bool there[KEYS] = { false };
    struct map *m = map_new();
    size_t n = 0;
    char text[32];

    (void)state;
    srandom(2);
    for (int step = 0; step < 30000; step++) {
        unsigned i = (unsigned)random() % KEYS;
        span k = key_text(text, sizeof(text), i);

        assert_ptr_equal(map_get(m, k), there[i] ? &value[i] : NULL);
        if (random() % 2 == 0) {
            assert_ptr_equal(map_put(m, k, &value[i]), there[i] ? &value[i] : NULL);
            n += !there[i];
            there[i] = true;
        } else {
            assert_ptr_equal(map_remove(m, k), there[i] ? &value[i] : NULL);
            n -= there[i];
            there[i] = false;
        }
        assert_int_equal(map_count(m), n);
    }
    for (unsigned i = 0; i < KEYS; i++)
        assert_ptr_equal(map_get(m, key_text(text, sizeof(text), i)), there[i] ? &value[i] : NULL);
    map_free(&m, NULL);
    assert_null(m);
    map_free(&m, NULL);
}

static bool count_some(span key, void *value, void *arg)
{
    (void)key;
    (void)value;
    return ++*(int *)arg < 3;
}

static int freed;

static void count_free(void *value)
{
    free(value);
    freed++;
}

static void test_edges(void **state)
{
    struct map *m = map_new();
    int seen = 0;

    (void)state;
    assert_null(map_get(m, SPAN("x")));
    assert_null(map_remove(m, SPAN("x")));
    map_put(m, SPAN(""), malloc(1));
    map_put(m, SPAN("a\0b"), malloc(1));
    map_put(m, SPAN("a\0c"), malloc(1));
    map_put(m, SPAN("a"), malloc(1));
    assert_int_equal(map_count(m), 4);
    assert_non_null(map_get(m, (span){ NULL, 0 }));
    assert_ptr_not_equal(map_get(m, SPAN("a\0b")), map_get(m, SPAN("a\0c")));
    map_each(m, count_some, &seen);
    assert_int_equal(seen, 3);
    map_free(&m, count_free);
    assert_int_equal(freed, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_model), cmocka_unit_test(test_edges) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

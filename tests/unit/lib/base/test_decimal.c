/* test_decimal.c - numbers as printf writes them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>

#include "lib/base/decimal.h"

static void check(int64_t value)
{
    char text[DECIMAL_TEXT_MAX], want[32];
    int n = snprintf(want, sizeof want, "%" PRId64, value);

    assert_true(span_eq(decimal_i64(value, text), span_of(want, (size_t)n)));
}

static void test_as_printf(void **state)
{
    static const int64_t ends[] = { 0, 9, 10, -1, -10, INT64_MAX, INT64_MIN };

    (void)state;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        check(ends[i]);
    for (int64_t v = 1; v < INT64_MAX / 7; v = v * 7 + 3) {
        check(v);
        check(-v);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_as_printf) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

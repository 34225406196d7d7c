/* test_passed_over.c - each file once, behind bytes of no kind; what finds no room is told.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "cfilter/passed_over.h"
#include "lib/base/alloc.h"

static void test_types(void **state)
{
    (void)state;
    assert_true(passed_over_is("CL_TYPE_IGNORED"));
    assert_false(passed_over_is("CL_TYPE_ZIP"));
    assert_false(passed_over_is(NULL));
}

static void test_each_once(void **state)
{
    struct passed_over p = { .n = 0 };
    char own[] = "ID3 one";
    span s;

    (void)state;
    passed_over_add(&p, span_str(own));
    memset(own, 'x', sizeof(own));            /* it has a copy */
    assert_true(passed_over_next(&p, &s));
    assert_true(s.n == 15 && memcmp(s.p + 8, "ID3 one", 7) == 0 && memcmp(s.p, "ID3", 3) != 0);
    passed_over_add(&p, SPAN("OggS two"));      /* found while the first was looked at */
    assert_true(passed_over_next(&p, &s));
    assert_true(memcmp(s.p + 8, "OggS two", 8) == 0);
    assert_false(passed_over_next(&p, &s));
    assert_false(p.full);
    passed_over_reset(&p);
    assert_false(passed_over_next(&p, &s));
}

static void test_room(void **state)
{
    struct passed_over p = { .n = 0 };
    size_t large = PASSED_OVER_BYTES / 2 + 1;
    char *bytes = xmalloc(large);
    span s;
    size_t n = 0;

    (void)state;
    memset(bytes, 'x', large);
    passed_over_add(&p, span_of(bytes, large));
    assert_false(p.full);
    passed_over_add(&p, span_of(bytes, large));
    assert_true(p.full);
    passed_over_reset(&p);
    assert_false(p.full);
    for (int i = 0; i < PASSED_OVER_FILES + 1; i++)
        passed_over_add(&p, SPAN("ID3"));
    assert_true(p.full);
    while (passed_over_next(&p, &s))
        n++;
    assert_int_equal(n, PASSED_OVER_FILES);
    passed_over_reset(&p);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_types), cmocka_unit_test(test_each_once), cmocka_unit_test(test_room) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

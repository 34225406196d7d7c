/* test_passed_over.c - what counts as passed over comes again in one piece, behind bytes of no kind; what finds no room is told.
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

static void test_what_is(void **state)
{
    static const struct { const char *type; span file; bool is; } rows[] = {
        { "CL_TYPE_IGNORED", SPAN("ID3=1;"), true }, { "CL_TYPE_ZIP", SPAN("PK"), false }, { NULL, SPAN("x"), false },
        { "CL_TYPE_HTML", SPAN("<html>"), false }, { "CL_TYPE_HTML", SPAN(" \r\n<!DOCTYPE html>"), false }, { "CL_TYPE_HTML", SPAN("\xef\xbb\xbf<P>"), false },
        { "CL_TYPE_HTML", SPAN("@echo off\r\nrem <html>"), true }, { "CL_TYPE_HTML", SPAN("<!-- <html>\nvar x;"), true },
        { "CL_TYPE_HTML", SPAN("<?php echo '<html>';"), true }, { "CL_TYPE_HTML", SPAN("<"), true }, { "CL_TYPE_HTML", SPAN(""), true },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(passed_over_is(rows[i].type, rows[i].file), rows[i].is);
}

static void test_in_one_piece(void **state)
{
    struct passed_over p;
    char own[] = "ID3 one";
    span s;

    (void)state;
    passed_over_init(&p, 1000000);
    assert_false(passed_over_take(&p, &s));
    passed_over_add(&p, span_str(own));
    memset(own, 'x', sizeof(own));            /* it has a copy */
    passed_over_add(&p, SPAN("OggS two"));
    assert_true(passed_over_take(&p, &s));
    assert_true(s.n > 1024 + 23 && memcmp(s.p + s.n - 23, "ID3 one", 7) == 0 && memcmp(s.p + s.n - 8, "OggS two", 8) == 0);
    assert_null(memmem(s.p, 1024, "ID3", 3));
    passed_over_add(&p, SPAN("ID3 within"));   /* found while these were looked at, which stay where they are */
    assert_true(memcmp(s.p + s.n - 23, "ID3 one", 7) == 0);
    assert_true(passed_over_take(&p, &s));
    assert_true(s.n > 1024 && memcmp(s.p + s.n - 10, "ID3 within", 10) == 0);
    assert_false(passed_over_take(&p, &s));
    assert_false(p.full);
    passed_over_free(&p);
}

static void test_one_that_holds_itself(void **state)
{
    struct passed_over p;
    unsigned rounds = 0;
    span s;

    (void)state;
    passed_over_init(&p, 1000000);
    passed_over_add(&p, SPAN("ID3"));
    while (passed_over_take(&p, &s)) {
        rounds++;
        passed_over_add(&p, SPAN("ID3"));
    }
    assert_int_equal(rounds, PASSED_OVER_ROUNDS);
    assert_true(p.full);
    passed_over_reset(&p);
    assert_false(p.full);
    assert_false(passed_over_take(&p, &s));
    passed_over_free(&p);
}

static void test_room(void **state)
{
    struct passed_over p;
    char *bytes = xmalloc(600000);
    span s;

    (void)state;
    memset(bytes, 'x', 600000);
    passed_over_init(&p, 1000000);
    passed_over_add(&p, span_of(bytes, 600000));
    assert_false(p.full);
    passed_over_add(&p, span_of(bytes, 600000));
    assert_true(p.full);
    assert_true(passed_over_take(&p, &s));
    assert_true(s.n > 600000 && memcmp(s.p + s.n - 600000, bytes, 600000) == 0);
    passed_over_free(&p);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = { 
        cmocka_unit_test(test_what_is), cmocka_unit_test(test_in_one_piece), cmocka_unit_test(test_one_that_holds_itself), cmocka_unit_test(test_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

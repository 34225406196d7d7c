/* test_args.c - options out of argv.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ctl/gatepostctl.h"

#define ARGS(...)                                                 \
    char *argv[] = { (char *)"cmd", __VA_ARGS__, NULL };          \
    int argc = (int)(sizeof argv / sizeof argv[0]) - 1

#define S(text) (char *)(uintptr_t)text

static void test_values_and_flags(void **state)
{
    ARGS(S("--json"), S("a"), S("--from"), S("x@y"), S("b"), S("--rcpt=z=1"), S("c"));
    const char *from = NULL, *rcpt = NULL, *helo = NULL;
    bool missing = false;

    (void)state;
    assert_true(args_flag(&argc, argv, "--json"));
    assert_false(args_flag(&argc, argv, "--json"));
    assert_true(args_value(&argc, argv, "--from", &from, &missing));
    assert_true(args_value(&argc, argv, "--rcpt", &rcpt, &missing));
    assert_false(args_value(&argc, argv, "--helo", &helo, &missing));
    assert_false(missing);
    assert_string_equal(from, "x@y");
    assert_string_equal(rcpt, "z=1");
    assert_null(helo);
    assert_int_equal(argc, 4);
    assert_string_equal(argv[1], "a");
    assert_string_equal(argv[2], "b");
    assert_string_equal(argv[3], "c");
    assert_null(argv[4]);
    assert_null(args_unknown(&argc, argv));
}

static void test_missing_and_unknown(void **state)
{
    ARGS(S("x"), S("--fro"), S("-"), S("--from"));
    const char *from = NULL;
    bool missing = false;

    (void)state;
    assert_false(args_value(&argc, argv, "--from", &from, &missing));
    assert_true(missing);
    assert_string_equal(args_unknown(&argc, argv), "--fro");
}

static void test_end_of_options(void **state)
{
    ARGS(S("x"), S("--"), S("--json"), S("-f"));

    (void)state;
    assert_false(args_flag(&argc, argv, "--json"));
    assert_null(args_unknown(&argc, argv));
    assert_int_equal(argc, 4);
    assert_string_equal(argv[2], "--json");
    assert_string_equal(argv[3], "-f");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_and_flags),
        cmocka_unit_test(test_missing_and_unknown),
        cmocka_unit_test(test_end_of_options),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

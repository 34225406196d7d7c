/* test_bundle.c - the archive that carries outputs to the engine: tar(1) must find the members as they were.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "cfilter/bundle.h"

static void test_members_come_out(void **state)
{
    static const span members[] = { { "one", 3 }, { "", 0 }, { "two\0three\r\n", 11 } };
    char path[] = "/tmp/gatepost-test-bundle.XXXXXX", command[200], got[100];
    struct bundle b;

    (void)state;
    bundle_init(&b, 100000);
    for (size_t i = 0; i < 3; i++)
        assert_true(bundle_add(&b, members[i]));
    span tar = bundle_bytes(&b);
    assert_int_equal(tar.n % 512, 0);
    FILE *f = fdopen(mkstemp(path), "w");
    assert_int_equal(fwrite(tar.p, 1, tar.n, f), tar.n);
    fclose(f);
    for (size_t i = 0; i < 3; i++) {
        snprintf(command, sizeof command, "tar xOf %s %zu", path, i);
        FILE *p = popen(command, "r");
        size_t n = fread(got, 1, sizeof got, p);
        assert_int_equal(pclose(p), 0);
        assert_true(span_eq(span_of(got, n), members[i]));
    }
    remove(path);
    bundle_free(&b);
}

static void test_its_limit(void **state)
{
    struct bundle b;

    (void)state;
    bundle_init(&b, 2048);
    assert_true(bundle_add(&b, SPAN("x")));
    assert_true(bundle_add(&b, SPAN("y")));
    assert_false(bundle_add(&b, SPAN("z")));
    assert_int_equal(b.members, 2);
    assert_int_equal(bundle_bytes(&b).n, 2048 + 1024);
    bundle_reset(&b);
    assert_true(bundle_add(&b, SPAN("z")));
    bundle_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_members_come_out), cmocka_unit_test(test_its_limit) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_errtext.c - words for people: one line, cut when too long.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "lib/base/errtext.h"

static void test_words(void **state)
{
    struct errtext e;

    (void)state;
    errtext_set(&e, "no user \"%s\"", "x");
    assert_string_equal(e.text, "no user \"x\"");
    errtext_prefix(&e, "listen[%d]", 2);
    assert_string_equal(e.text, "listen[2]: no user \"x\"");
    errno = ENOENT;
    errtext_errno(&e, "cannot open %s", "/f");
    assert_string_equal(e.text, "cannot open /f: No such file or directory");
    assert_int_equal(errno, ENOENT);
    errtext_set(&e, "two\r\nlines");
    assert_string_equal(e.text, "two  lines");
}

static void test_too_long(void **state)
{
    struct errtext e;
    char text[2000];

    (void)state;
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    errtext_set(&e, "%s", text);
    assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
    assert_string_equal(e.text + sizeof(e.text) - 5, "a...");
    errtext_set(&e, "%.*s", (int)sizeof(e.text) - 1, text);   /* exactly fits: not cut */
    assert_string_equal(e.text + sizeof(e.text) - 5, "aaaa");
    errtext_prefix(&e, "p");
    assert_memory_equal(e.text, "p: aaa", 6);
    assert_string_equal(e.text + sizeof(e.text) - 5, "a...");
    errno = EPERM;
    errtext_errno(&e, "%s", text);
    assert_string_equal(e.text + sizeof(e.text) - 5, "a...");
}

static void test_not_wanted(void **state)
{
    (void)state;
    errtext_set(NULL, "x");
    errtext_errno(NULL, "x");
    errtext_prefix(NULL, "x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_not_wanted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

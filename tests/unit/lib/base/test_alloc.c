/* test_alloc.c - memory that is there or ends the process.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/alloc.h"

static void test_copies(void **state)
{
    char *a = xstrdup("abc"), *b = xspandup(SPAN("a\0b")), *c = xspandup((span){ NULL, 0 }), *d = xasprintf("%d%s", 4, "x");
    int *n = xcalloc(3, sizeof(*n));

    (void)state;
    assert_string_equal(a, "abc");
    assert_memory_equal(b, "a\0b", 4);
    assert_string_equal(c, "");
    assert_string_equal(d, "4x");
    assert_int_equal(n[2], 0);
    n = xreallocarray(n, 5, sizeof(*n));
    n[4] = 1;
    free(a), free(b), free(c), free(d), free(n);
    free(xmalloc(0));
    free(xcalloc(0, 8));
}

/* count * size beyond SIZE_MAX must not become a small block. */
static void test_overflow_ends_the_process(void **state)
{
    for (int which = 0; which < 2; which++) {
        pid_t pid = fork();
        int status;

        (void)state;
        if (pid == 0) {
            volatile size_t count = SIZE_MAX / 4 + 2;
            const struct rlimit none = { 0, 0 };

            setrlimit(RLIMIT_CORE, &none);
            close(STDERR_FILENO);
            signal(SIGABRT, SIG_DFL);
            free(which == 0 ? xreallocarray(NULL, count, 4) : xcalloc(count, 4));
            _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(!WIFEXITED(status) || WEXITSTATUS(status) != 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_copies), cmocka_unit_test(test_overflow_ends_the_process) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

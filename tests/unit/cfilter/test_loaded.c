/* test_loaded.c - a message in memory: all of it, no more, and not where it is not as announced.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cfilter/loaded.h"
#include "lib/base/alloc.h"

static int file_of(size_t n)
{
    char *bytes = xmalloc(n + 1);
    int fd = memfd_create("message", MFD_CLOEXEC);

    for (size_t i = 0; i < n; i++)
        bytes[i] = (char)('a' + i % 26);
    assert_int_equal(write(fd, bytes, n), (ssize_t)n);
    free(bytes);
    return fd;
}

static const struct { const char *name; size_t held; uint64_t said; bool good; } rows[] = {
    { "empty", 0, 0, true },
    { "one byte", 1, 1, true },
    { "small", 5000, 5000, true },
    { "largest small one", LOADED_SMALL_BYTES, LOADED_SMALL_BYTES, true },
    { "smallest large one", LOADED_SMALL_BYTES + 1, LOADED_SMALL_BYTES + 1, true },
    { "whole pages", 100 * 4096, 100 * 4096, true },
    { "large", 3000001, 3000001, true },
    { "small, one less", 4999, 5000, false },
    { "small, one more", 5001, 5000, false },
    { "large, one less", 999999, 1000000, false },
    { "large, one more", 1000001, 1000000, false },
    { "nothing of something", 0, 10, false },
    { "absurd", 10, UINT64_MAX, false },
};

static void check(const char *name, size_t i, struct loaded_buffer *b)
{
    int fd = file_of(rows[i].held);
    struct loaded l;
    const char *why = loaded_open(&l, b, fd, rows[i].said);

    if ((why == NULL) != rows[i].good)
        fail_msg("%s, %s: %s", rows[i].name, name, why != NULL ? why : "taken");
    if (why == NULL) {
        assert_int_equal(l.bytes.n, rows[i].held);
        for (size_t k = 0; k < l.bytes.n; k++)
            if (l.bytes.p[k] != (char)('a' + k % 26))
                fail_msg("%s, %s: byte %zu", rows[i].name, name, k);
        memset((char *)(uintptr_t)l.bytes.p - LOADED_ROOM, 'x', LOADED_ROOM);
    }
    loaded_close(&l);
    close(fd);
}

static void test_rows(void **state)
{
    struct loaded_buffer *b = loaded_buffer_new();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        check("with a buffer", i, b);
        check("mapped", i, NULL);
    }
    loaded_buffer_free(&b);
}

/* What was in the buffer before does not stand behind the next message. */
static void test_nothing_left_behind(void **state)
{
    struct loaded_buffer *b = loaded_buffer_new();
    int one = file_of(1000), two = file_of(10);
    struct loaded l;

    (void)state;
    assert_null(loaded_open(&l, b, one, 1000));
    loaded_close(&l);
    assert_null(loaded_open(&l, b, two, 10));
    for (size_t i = 0; i < 64; i++)
        assert_int_equal(l.bytes.p[10 + i], 0);
    loaded_close(&l);
    assert_non_null(loaded_open(&l, b, -1, 10));
    assert_non_null(loaded_open(&l, NULL, -1, 10));
    close(one);
    close(two);
    loaded_buffer_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows), cmocka_unit_test(test_nothing_left_behind) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

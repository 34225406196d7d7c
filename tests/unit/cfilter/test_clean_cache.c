/* test_clean_cache.c - who may write the verdict cache, whom it believes, and that a reader believes no row half written.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cfilter/cage.h"
#include "cfilter/clean_cache.h"

#define A clean_worker(1, 1)
#define B clean_worker(1, 2)
#define C clean_worker(1, 3)

static struct clean_cache *cache;
static struct clean_view *view;

static struct digest key_of(uint64_t set, uint64_t rest)
{
    struct digest d;

    memcpy(d.b, &set, sizeof set);
    for (size_t i = 1; i < 4; i++)
        memcpy(d.b + 8 * i, &rest, sizeof rest);
    return d;
}

static int start_with(size_t rows)
{
    struct errtext err = { "" };

    cache = clean_cache_new(rows, &err);
    if (cache == NULL)
        fail_msg("%s", err.text);
    view = clean_view_open(clean_cache_fd(cache), &err);
    if (view == NULL)
        fail_msg("%s", err.text);
    return 0;
}

static int start(void **state)
{
    (void)state;
    return start_with(64);
}

static int stop(void **state)
{
    (void)state;
    clean_view_close(&view);
    clean_cache_free(&cache);
    return 0;
}

static bool has(uint64_t set, uint64_t rest, uint64_t worker)
{
    struct digest d = key_of(set, rest);

    return clean_view_has(view, &d, worker);
}

static void add(uint64_t set, uint64_t rest, uint64_t worker)
{
    struct digest d = key_of(set, rest);

    clean_cache_add(cache, &d, worker);
}

/* Each believes itself; the others believe two. */
static void test_who_is_believed(void **state)
{
    (void)state;
    assert_false(has(1, 1, A));
    add(1, 1, A);
    assert_true(has(1, 1, A));
    assert_false(has(1, 1, B));
    add(1, 1, A);                              /* the same one again says nothing more */
    assert_false(has(1, 1, B));
    assert_false(has(1, 2, A));
    add(1, 1, B);
    assert_true(has(1, 1, A) && has(1, 1, B) && has(1, 1, C));
    assert_int_equal(clean_cache_rows(cache), 1);
}

static void test_who_is_dropped(void **state)
{
    (void)state;
    add(1, 1, A);
    add(2, 1, A), add(2, 1, B);
    add(3, 1, B), add(3, 1, A);
    add(4, 1, B);
    assert_int_equal(clean_cache_drop(cache, A), 1);
    assert_false(has(1, 1, A));
    assert_true(has(2, 1, B) && has(3, 1, B) && has(4, 1, B));
    assert_false(has(2, 1, C) || has(3, 1, C) || has(2, 1, A));
    assert_int_equal(clean_cache_drop(cache, B), 3);
    assert_int_equal(clean_cache_rows(cache), 0);
    add(1, 1, C);
    assert_true(has(1, 1, C));
}

/* Full: older generations go first, then what only one has seen. */
static void test_full(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= 4; i++)
        add(0, i, clean_worker(1, 1));
    add(0, 2, clean_worker(1, 2));
    add(0, 10, clean_worker(2, 1));
    assert_true(has(0, 10, clean_worker(2, 1)));
    for (uint64_t i = 11; i <= 13; i++)
        add(0, i, clean_worker(2, 1));
    for (uint64_t i = 10; i <= 13; i++)
        assert_true(has(0, i, clean_worker(2, 1)));
    add(0, 11, clean_worker(2, 2));
    for (uint64_t i = 20; i < 40; i++)
        add(0, i, clean_worker(2, 1));
    assert_true(has(0, 11, clean_worker(2, 3)));
    assert_true(has(0, 39, clean_worker(2, 1)));
    assert_int_equal(clean_cache_rows(cache), 4);
}

/* Only the mapping that the front made before it sealed the file can write. */
static void test_sealed(void **state)
{
    struct errtext err = { "" };
    struct stat st;
    int fd = clean_cache_fd(cache);

    (void)state;
    assert_int_equal(fstat(fd, &st), 0);
    void *rows = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(rows == MAP_FAILED && errno == EPERM);
    assert_int_equal(pwrite(fd, "x", 1, 0), -1);
    assert_int_equal(ftruncate(fd, 0), -1);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
    char path[60];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int again = open(path, O_RDWR | O_CLOEXEC);     /* root may open it anew; the seal goes with the file */
    assert_true(again < 0 || pwrite(again, "x", 1, 0) == -1);
    if (again >= 0)
        close(again);
    int other = memfd_create("other", MFD_CLOEXEC);
    assert_null(clean_view_open(other, &err));
    assert_string_not_equal(err.text, "");
    close(other);
}

/* What a worker inherits: a mapping that stays read-only, whatever it asks for. */
static void test_worker_cannot_write(void **state)
{
    char dir[] = "/tmp/gatepost-test-clean.XXXXXX";
    int status;

    (void)state;
    assert_non_null(mkdtemp(dir));
    add(1, 1, A);
    pid_t pid = fork();
    if (pid == 0) {
        struct errtext err = { "" };
        char *rows = *(char **)(void *)view;       /* the first member: where the rows are mapped */
        if (cage_enter(SANDBOX_REQUIRE, dir, 64 << 20, 1 << 20, &err) < 0)
            _exit(2);
        if (!has(1, 1, A))
            _exit(3);
        _exit(mprotect(rows, 4096, PROT_READ | PROT_WRITE) == 0 ? 4 : errno == EACCES ? 0 : 5);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    rmdir(dir);
    assert_int_equal(status, 0);
}

/* A row whose writer stopped half way (layout: sequence, key, the two who say so). */
static void test_half_written(void **state)
{
    uint64_t rows[4][CLEAN_ROW_BYTES / 8] = { { 0 } };
    struct digest d = key_of(0, 1);
    int fd = memfd_create("rows", MFD_CLOEXEC);

    (void)state;
    memcpy(&rows[2][1], d.b, sizeof d.b);
    rows[2][5] = A;
    for (uint64_t sequence = 1; sequence < 5; sequence++) {
        rows[2][0] = sequence;
        assert_int_equal(pwrite(fd, rows, sizeof rows, 0), sizeof rows);
        struct clean_view *v = clean_view_open(fd, NULL);
        assert_non_null(v);
        assert_int_equal(clean_view_has(v, &d, A), sequence % 2 == 0);
        clean_view_close(&v);
    }
    close(fd);
}

/* Rows are written over and over: a mixture of a row's old key and its new one is never there. */
static void test_torn_rows(void **state)
{
    enum { ROUNDS = 400000 };

    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        struct digest mixed[8];
        for (uint64_t i = 0; i < 8; i++) {
            struct digest old = key_of(0, 1 + (i + 4) % 8);
            mixed[i] = key_of(0, 1 + i);
            memcpy(mixed[i].b + 16, old.b + 16, 16);
        }
        for (;;) {
            for (size_t i = 0; i < 8; i++)
                if (clean_view_has(view, &mixed[i], A))
                    _exit(1);
            if (has(0, 999999, A))
                _exit(0);
        }
    }
    for (uint64_t i = 0; i < ROUNDS; i++)
        add(0, 1 + i % 8, A);
    add(0, 999999, A);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static int start_tiny(void **state)
{
    (void)state;
    return start_with(1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_who_is_believed, start, stop),
        cmocka_unit_test_setup_teardown(test_who_is_dropped, start, stop),
        cmocka_unit_test_setup_teardown(test_full, start_tiny, stop),
        cmocka_unit_test_setup_teardown(test_sealed, start, stop),
        cmocka_unit_test_setup_teardown(test_worker_cannot_write, start, stop),
        cmocka_unit_test(test_half_written),
        cmocka_unit_test_setup_teardown(test_torn_rows, start_tiny, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_spool.c - the message spool: memory, file, limits, seals.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cfilter/spool.h"

static char dir[] = "/tmp/test_spool.XXXXXX";

static int make_dir(void **state)
{
    (void)state;
    return mkdtemp(dir) != NULL ? 0 : -1;
}

static int drop_dir(void **state)
{
    (void)state;
    return rmdir(dir);          /* fails if a spool file was left behind */
}

static void fill(struct spool *sp, size_t bytes, size_t step)
{
    char block[4096];

    for (size_t at = 0; at < bytes; at += step) {
        size_t n = bytes - at < step ? bytes - at : step;

        for (size_t i = 0; i < n; i++)
            block[i] = (char)('a' + (at + i) % 26);
        assert_int_equal(spool_write(sp, span_of(block, n), NULL), SPOOL_OK);
    }
}

static void check_content(struct spool *sp, size_t bytes)
{
    span all = spool_bytes(sp);

    assert_int_equal(all.n, bytes);
    assert_int_equal(spool_size(sp), bytes);
    for (size_t i = 0; i < bytes; i++)
        if (all.p[i] != (char)('a' + i % 26))
            fail_msg("byte %zu of %zu is wrong", i, bytes);
}

static void sizes(void **state)
{
    static const struct {
        const char *name;
        size_t bytes, step;
        bool file;
    } rows[] = {
        { "empty", 0, 1, false },
        { "one byte", 1, 1, false },
        { "at the memory limit", 10000, 4096, false },
        { "one above the memory limit", 10001, 4096, true },
        { "one big step above", 20000, 3000, true },
        { "at the size limit", 50000, 4096, true },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct spool_limits lim = { 10000, 50000, dir, NULL };
        struct spool *sp = spool_new(&lim);

        print_message("  %s\n", rows[i].name);
        assert_non_null(sp);
        fill(sp, rows[i].bytes, rows[i].step);
        assert_int_equal(spool_in_file(sp), rows[i].file);
        assert_int_equal(spool_finish(sp, NULL), SPOOL_OK);
        check_content(sp, rows[i].bytes);
        spool_free(&sp);
        assert_null(sp);
    }
}

/* A large message has a block while there is one; beyond its size, or without one, a file. */
static void blocks(void **state)
{
    enum { BIG = 3 * 1024 * 1024, STEP = 4096 };
    struct loop *l = loop_new_fake(1000, 1000);
    struct spool_blocks *b = spool_blocks_new(l, SPOOL_BLOCK_BYTES + 1);
    struct spool_limits lim = { 10000, 20 * 1024 * 1024, dir, b };
    struct spool *first = spool_new(&lim), *second = spool_new(&lim);
    char *block;

    (void)state;
    fill(first, BIG, STEP);
    fill(second, BIG, STEP);
    assert_false(spool_in_file(first));
    assert_true(spool_in_file(second));
    assert_null(spool_block_take(b));
    assert_int_equal(spool_finish(first, NULL), SPOOL_OK);
    assert_int_equal(spool_finish(second, NULL), SPOOL_OK);
    check_content(first, BIG);
    check_content(second, BIG);
    spool_free(&first);
    spool_free(&second);
    assert_non_null(block = spool_block_take(b));
    spool_block_give(b, block);
    for (int over = 0; over <= 1; over++) {      /* the last size that has room, and one more */
        size_t n = SPOOL_BLOCK_BYTES - 2 * SPOOL_PIECE + (size_t)over;

        first = spool_new(&lim);
        fill(first, n, STEP);
        assert_int_equal(spool_in_file(first), over);
        if (over == 1) {                         /* its block is another's now */
            assert_ptr_equal(spool_block_take(b), block);
            spool_block_give(b, block);
        }
        assert_int_equal(spool_finish(first, NULL), SPOOL_OK);
        check_content(first, n);
        spool_free(&first);
    }
    spool_blocks_limit(b, 0);                    /* none from now on */
    first = spool_new(&lim);
    fill(first, BIG, STEP);
    assert_true(spool_in_file(first));
    spool_free(&first);
    spool_blocks_free(&b);
    assert_null(b);
    loop_free(&l);
}

/* How many blocks the kernel may take back (proc(5), smaps_rollup): all of each but its first pages. */
static unsigned long offered(void)
{
    FILE *f = fopen("/proc/self/smaps_rollup", "re");
    unsigned long kb = 0;
    char line[400];

    assert_non_null(f);
    while (fgets(line, sizeof(line), f) != NULL)
        sscanf(line, "LazyFree: %lu kB", &kb);
    fclose(f);
    return (kb * 1024 + SPOOL_BLOCK_BYTES / 2) / SPOOL_BLOCK_BYTES;
}

/* A block in use all the time stays as it is; one that is idle is the kernel's when it needs it. */
static void idle_blocks(void **state)
{
    enum { SECOND_MS = 1000 };
    struct loop *l = loop_new_fake(1000, 1000);
    struct spool_blocks *b = spool_blocks_new(l, 2 * SPOOL_BLOCK_BYTES);
    char *often = spool_block_take(b), *once = spool_block_take(b);

    (void)state;
    memset(often, 'x', SPOOL_BLOCK_BYTES);
    memset(once, 'x', SPOOL_BLOCK_BYTES);
    spool_block_give(b, once);
    spool_block_give(b, often);
    for (int i = 0; i < 2 * SPOOL_BLOCK_IDLE_MS / SECOND_MS; i++) {
        loop_fake_advance(l, SECOND_MS);
        loop_turn(l, 0);
        assert_ptr_equal(spool_block_take(b), often);
        spool_block_give(b, often);
    }
    assert_int_equal(offered(), 1);
    loop_fake_advance(l, 2 * SPOOL_BLOCK_IDLE_MS);
    loop_turn(l, 0);
    assert_int_equal(offered(), 2);
    assert_ptr_equal(spool_block_take(b), often);    /* and is given out all the same */
    memset(often, 'y', SPOOL_BLOCK_BYTES);
    assert_int_equal(offered(), 1);
    spool_block_give(b, often);
    spool_blocks_free(&b);
    loop_free(&l);
}

static void too_big_for_a_block(void **state)
{
    struct loop *l = loop_new_fake(1000, 1000);
    struct spool_blocks *b = spool_blocks_new(l, SPOOL_BLOCK_BYTES);
    struct spool_limits lim = { 100, 1000, dir, b };
    struct spool *sp = spool_new(&lim);
    char *block;

    (void)state;
    fill(sp, 1000, 100);
    assert_int_equal(spool_write(sp, SPAN("x"), NULL), SPOOL_TOO_BIG);
    assert_non_null(block = spool_block_take(b));   /* given back at once */
    spool_block_give(b, block);
    spool_free(&sp);
    spool_blocks_free(&b);
    loop_free(&l);
}

static void too_big(void **state)
{
    struct spool_limits lim = { 100, 1000, dir, NULL };
    struct spool *sp = spool_new(&lim);

    (void)state;
    fill(sp, 1000, 500);
    assert_int_equal(spool_write(sp, SPAN("x"), NULL), SPOOL_TOO_BIG);
    assert_int_equal(spool_write(sp, SPAN("yz"), NULL), SPOOL_TOO_BIG);
    assert_int_equal(spool_size(sp), 1003);
    assert_int_equal(spool_finish(sp, NULL), SPOOL_TOO_BIG);
    spool_free(&sp);
}

/* Whoever gets the descriptor (a worker in the cage) can neither write nor cut it, in memory or in a file. */
static void read_only(void **state)
{
    (void)state;
    for (int file = 0; file <= 1; file++) {
        struct spool_limits lim = { file ? 10 : 10000, 50000, dir, NULL };
        struct spool *sp = spool_new(&lim);
        char c = 'x';
        void *m;

        fill(sp, 1000, 100);
        assert_int_equal(spool_finish(sp, NULL), SPOOL_OK);
        assert_int_equal(pwrite(spool_fd(sp, NULL), &c, 1, 0), -1);
        assert_int_equal(ftruncate(spool_fd(sp, NULL), 10), -1);
        m = mmap(NULL, 1000, PROT_READ | PROT_WRITE, MAP_SHARED, spool_fd(sp, NULL), 0);
        assert_ptr_equal(m, MAP_FAILED);
        check_content(sp, 1000);
        spool_free(&sp);
    }
}

static void no_directory(void **state)
{
    struct spool_limits lim = { 10, 1000, "/nonexistent/gatepost", NULL };
    struct spool *sp = spool_new(&lim);
    struct errtext err = { "" };

    (void)state;
    assert_int_equal(spool_write(sp, SPAN("12345"), &err), SPOOL_OK);
    assert_int_equal(spool_write(sp, SPAN("678901"), &err), SPOOL_FAILED);
    assert_non_null(strstr(err.text, "/nonexistent/gatepost"));
    assert_int_equal(spool_write(sp, SPAN("x"), NULL), SPOOL_FAILED);
    assert_int_equal(spool_finish(sp, NULL), SPOOL_FAILED);
    spool_free(&sp);
}

/* A write that the kernel refuses (here: RLIMIT_FSIZE, as a full disk would) is told, never swallowed. */
static void write_refused(void **state)
{
    struct rlimit old, small;
    struct errtext err = { "" };

    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = 2000;
    for (int file = 0; file <= 1; file++) {
        struct spool_limits lim = { file ? 10 : 10000, 50000, dir, NULL };
        struct spool *sp = spool_new(&lim);

        err.text[0] = '\0';
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        fill(sp, file ? 2000 : 3000, 1000);
        if (file) {
            assert_int_equal(spool_write(sp, SPAN("one more"), &err), SPOOL_FAILED);
            assert_int_equal(spool_finish(sp, NULL), SPOOL_FAILED);
            assert_null(spool_bytes(sp).p);
        } else {                   /* in memory there is no file until somebody asks for one */
            assert_int_equal(spool_finish(sp, NULL), SPOOL_OK);
            assert_int_equal(spool_fd(sp, &err), -1);
            check_content(sp, 3000);
        }
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
        assert_true(err.text[0] != '\0');
        spool_free(&sp);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes),        cmocka_unit_test(too_big),       cmocka_unit_test(read_only),
        cmocka_unit_test(no_directory), cmocka_unit_test(write_refused), cmocka_unit_test(blocks), cmocka_unit_test(idle_blocks), cmocka_unit_test(too_big_for_a_block),
    };

    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}

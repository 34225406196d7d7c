/* test_failed_writes.c - a write that fails is noticed, whoever made it and however: by the call itself, through stdio, or inside a library.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include <zlib.h>

#include "cfilter/failed_writes.h"

static char folder[100];

static int setup(void **state)
{
    const char *base = getenv("TMPDIR");

    (void)state;
    snprintf(folder, sizeof(folder), "%s/failed-writes.XXXXXX", base != NULL && strlen(base) < 60 ? base : "/tmp");
    signal(SIGXFSZ, SIG_IGN);
    return mkdtemp(folder) == NULL;
}

static int teardown(void **state)
{
    char path[120];

    (void)state;
    snprintf(path, sizeof(path), "%s/file", folder);
    unlink(path);
    return rmdir(folder);
}

static struct failed_writes during(void (*what)(void))
{
    failed_writes_begin(folder);
    what();
    return failed_writes_end();
}

static FILE *own_file(const char *mode)
{
    char path[120];
    FILE *f;

    snprintf(path, sizeof(path), "%s/file", folder);
    f = fopen(path, mode);
    assert_non_null(f);
    return f;
}

/* ---- ways to fail ---- */

static void by_the_call(void)
{
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

    errno = 0;
    assert_int_equal(write(fd, "x", 1), -1);
    assert_int_equal(errno, ENOSPC);          /* the caller sees what it would have seen */
    close(fd);
}

/* The way of small parts: all of it waits in the buffer until the file is closed. */
static void at_the_close(void)
{
    FILE *f = fopen("/dev/full", "w");

    assert_non_null(f);
    assert_true(fputs("small", f) >= 0);
    assert_int_equal(fclose(f), EOF);
}

static void before_the_close(void)
{
    FILE *f = fopen("/dev/full", "w");

    assert_non_null(f);
    assert_true(fputs("small", f) >= 0);
    assert_int_equal(fflush(f), EOF);
    fclose(f);
}

/* zlib calls write(2) for itself, as libclamav does. */
static void inside_a_library(void)
{
    gzFile f = gzopen("/dev/full", "w");

    assert_non_null(f);
    assert_true(gzputs(f, "small") > 0);
    assert_int_not_equal(gzclose(f), Z_OK);
}

static void over_the_limit_of_a_file(void)
{
    struct rlimit old, small;

    getrlimit(RLIMIT_FSIZE, &old);
    small = (struct rlimit){ 1, old.rlim_max };
    FILE *f = own_file("w");

    setrlimit(RLIMIT_FSIZE, &small);
    assert_true(fputs("more than one byte", f) >= 0);
    assert_int_equal(fclose(f), EOF);
    setrlimit(RLIMIT_FSIZE, &old);
}

static void without_descriptors(void)
{
    struct rlimit old, none;

    getrlimit(RLIMIT_NOFILE, &old);
    none = (struct rlimit){ 0, old.rlim_max };
    setrlimit(RLIMIT_NOFILE, &none);
    assert_int_equal(open64("/dev/null", O_RDONLY), -1);
    setrlimit(RLIMIT_NOFILE, &old);
}

static void test_seen(void **state)
{
    static const struct { void (*what)(void); int why; bool crowded; } rows[] = {
        { by_the_call, ENOSPC, true },        /* our own folder holds nothing: the room is with others */
        { at_the_close, ENOSPC, true },
        { before_the_close, ENOSPC, true },
        { inside_a_library, ENOSPC, true },
        { over_the_limit_of_a_file, EFBIG, false },
        { without_descriptors, EMFILE, false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct failed_writes f = during(rows[i].what);

        assert_int_equal(f.why, rows[i].why);
        assert_int_equal(f.crowded, rows[i].crowded);
    }
}

/* ---- what is no such failure ---- */

static void success(void)
{
    FILE *f = own_file("w");

    assert_true(fputs("text", f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void other_errors(void)
{
    assert_int_equal(open64("/nowhere/at/all", O_RDONLY), -1);
    assert_int_equal(mkdir("/", 0700), -1);
    assert_int_equal(write(-1, "x", 1), -1);
}

static void reading(void)
{
    FILE *f = fopen("/", "r");

    assert_non_null(f);
    assert_int_equal(fgetc(f), EOF);
    assert_true(ferror(f) != 0);
    fclose(f);
}

static void nothing(void) {}

static void test_not_seen(void **state)
{
    static void (*const rows[])(void) = { success, other_errors, reading };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(during(rows[i]).why, 0);
    by_the_call();                             /* nobody is watching */
    assert_int_equal(during(nothing).why, 0);
}

static void two(void)
{
    over_the_limit_of_a_file();
    by_the_call();
}

/* The first is what the others follow from; the next message starts afresh. */
static void test_first(void **state)
{
    (void)state;
    assert_int_equal(during(two).why, EFBIG);
    assert_int_equal(during(success).why, 0);
}

/* The calls that are passed on do what they should. */
static void test_calls(void **state)
{
    char path[120], text[10] = "";
    struct stat st;

    (void)state;
    snprintf(path, sizeof(path), "%s/sub", folder);
    assert_int_equal(mkdir(path, 0710), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0710);
    rmdir(path);
    snprintf(path, sizeof(path), "%s/file", folder);
    unlink(path);
    int fd = open64(path, O_RDWR | O_CREAT | O_EXCL, 0640);

    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_int_equal(write(fd, "abc", 3), 3);
    assert_int_equal(pwrite64(fd, "d", 1, 1), 1);
    assert_int_equal(pread(fd, text, 9, 0), 3);
    assert_string_equal(text, "adc");
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seen), cmocka_unit_test(test_not_seen), cmocka_unit_test(test_first), cmocka_unit_test(test_calls),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}

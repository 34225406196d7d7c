/* test_kept_maps.c - memory that is unmapped comes back as new memory would, and what is not plain memory is left alone.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cfilter/kept_maps.h"

enum { KB = 1024, MB = 1024 * KB, LEAST = 64 * KB, PAGE = 4 * KB };

static int begin(void **state)
{
    (void)state;
    kept_maps_begin();
    return 0;
}

/* Every test begins with nothing kept, and leaves nothing in use. */
static int trim(void **state)
{
    (void)state;
    kept_maps_trim();
    return kept_maps_bytes() != 0;
}

static char *map_as(size_t n, int protection, int flags)
{
    char *p = mmap(NULL, n, protection, flags, -1, 0);

    assert_ptr_not_equal(p, MAP_FAILED);
    return p;
}

static char *map(size_t n)
{
    return map_as(n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
}

static bool is_zero(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != 0)
            return false;
    return true;
}

static bool is_mapped(char *p)
{
    unsigned char there;

    return mincore(p, PAGE, &there) == 0;
}

static void test_the_same_again_and_zero(void **state)
{
    static const size_t sizes[] = { 1, PAGE, 10000, LEAST, LEAST + 1, MB, 3 * MB + 5, KEPT_MAPS_LARGEST };

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char *p = map(sizes[i]), *again;
        size_t all = (sizes[i] + PAGE - 1) / PAGE * PAGE;

        memset(p, 'x', all);           /* what is behind the last byte in its page, too */
        assert_int_equal(munmap(p, sizes[i]), 0);
        again = map(sizes[i]);
        assert_ptr_equal(again, p);
        assert_true(is_zero(again, all));
        assert_int_equal(munmap(again, sizes[i]), 0);
        kept_maps_trim();
        assert_false(is_mapped(p));
    }
}

static void test_a_larger_one_serves_a_smaller(void **state)
{
    char *large = map(200 * KB), *small, *other;

    (void)state;
    memset(large, 'x', 200 * KB);
    munmap(large, 200 * KB);
    small = map(10);
    assert_ptr_equal(small, large);
    memset(small, 'y', PAGE);
    other = map(200 * KB);             /* that one is taken */
    assert_ptr_not_equal(other, large);
    memset(other, 'z', 200 * KB);
    munmap(small, 10);
    small = map(200 * KB);
    assert_ptr_equal(small, large);
    assert_true(is_zero(small, 200 * KB));
    assert_int_equal(other[0], 'z');
    munmap(small, 200 * KB);
    munmap(other, 200 * KB);
}

static void test_the_smallest_that_is_large_enough(void **state)
{
    char *large = map(MB), *small = map(PAGE);

    (void)state;
    munmap(small, PAGE);
    munmap(large, MB);
    assert_ptr_equal(map(PAGE), small);
    assert_ptr_equal(map(LEAST + 1), large);
    munmap(small, PAGE);
    munmap(large, LEAST + 1);
}

static void test_there_is_an_end(void **state)
{
    char *p[40];

    (void)state;
    for (size_t i = 0; i < 40; i++) {
        p[i] = map(MB);
        memset(p[i], 'x', MB);
    }
    assert_int_equal(kept_maps_bytes(), KEPT_MAPS_ALL);
    for (size_t i = 0; i < 40; i++)
        assert_int_equal(munmap(p[i], MB), 0);
    assert_int_equal(kept_maps_bytes(), KEPT_MAPS_ALL);
    assert_false(is_mapped(p[39]));
}

static void test_many_small_ones(void **state)
{
    char *p[100];

    (void)state;
    for (size_t i = 0; i < 100; i++)
        memset(p[i] = map(PAGE), (int)i, PAGE);
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(p[i][PAGE - 1], (char)i);
        assert_int_equal(munmap(p[i], PAGE), 0);
    }
}

static void test_what_is_not_plain(void **state)
{
    int fd = memfd_create("file", MFD_CLOEXEC);

    (void)state;
    assert_int_equal(write(fd, "bytes", 5), 5);
    char *p[] = {
        map(KEPT_MAPS_LARGEST + 1),
        map_as(PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS),
        map_as(PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS),
        map_as(PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE),
        mmap(NULL, 5, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0),
    };
    assert_memory_equal(p[4], "bytes", 5);
    assert_int_equal(kept_maps_bytes(), 0);
    for (size_t i = 0; i < sizeof p / sizeof p[0]; i++) {
        assert_int_equal(munmap(p[i], i == 0 ? KEPT_MAPS_LARGEST + 1 : PAGE), 0);
        assert_false(is_mapped(p[i]));
    }
    close(fd);
}

/* As libclamav gives single pages back. */
static void test_mapped_over(void **state)
{
    char *p = map(LEAST + PAGE), *behind = p + LEAST + PAGE;

    (void)state;
    memset(p, 'x', LEAST + PAGE);
    assert_true(is_mapped(behind));
    assert_ptr_equal(mmap(p + PAGE, PAGE, PROT_READ, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), p + PAGE);
    assert_int_equal(p[PAGE], 0);
    assert_int_equal(p[2 * PAGE], 'x');
    assert_int_equal(kept_maps_bytes(), 0);
    assert_false(is_mapped(behind));
    assert_int_equal(munmap(p, LEAST + PAGE), 0);
    assert_false(is_mapped(p));
}

static void test_unmapped_in_part(void **state)
{
    char *p = map(4 * PAGE);

    (void)state;
    memset(p, 'x', 4 * PAGE);
    assert_int_equal(munmap(p, 2 * PAGE), 0);
    assert_false(is_mapped(p));
    assert_int_equal(p[2 * PAGE], 'x');
    assert_int_equal(kept_maps_bytes(), 0);
    assert_int_equal(munmap(p + 2 * PAGE, 2 * PAGE), 0);
    assert_false(is_mapped(p + 2 * PAGE));
}

static void test_two_at_once(void **state)
{
    char *both = map_as(2 * LEAST, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS), *a, *b, *p;

    (void)state;
    munmap(both, 2 * LEAST);           /* now there is room for two beside each other, most likely */
    a = map(LEAST);
    b = map(LEAST);
    p = a < b ? a : b;
    if (a + LEAST == b || b + LEAST == a) {
        assert_int_equal(munmap(p, 2 * LEAST), 0);
        assert_false(is_mapped(a));
        assert_false(is_mapped(b));
        assert_int_equal(kept_maps_bytes(), 0);
        return;
    }
    munmap(a, LEAST);
    munmap(b, LEAST);
}

static void test_errors_stay_errors(void **state)
{
    (void)state;
    assert_int_equal(munmap((void *)(uintptr_t)1, PAGE), -1);
    assert_ptr_equal(mmap(NULL, 0, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), MAP_FAILED);
    assert_ptr_equal(mmap(NULL, SIZE_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), MAP_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_the_same_again_and_zero, trim),
        cmocka_unit_test_teardown(test_a_larger_one_serves_a_smaller, trim),
        cmocka_unit_test_teardown(test_the_smallest_that_is_large_enough, trim),
        cmocka_unit_test_teardown(test_there_is_an_end, trim),
        cmocka_unit_test_teardown(test_many_small_ones, trim),
        cmocka_unit_test_teardown(test_what_is_not_plain, trim),
        cmocka_unit_test_teardown(test_mapped_over, trim),
        cmocka_unit_test_teardown(test_unmapped_in_part, trim),
        cmocka_unit_test_teardown(test_two_at_once, trim),
        cmocka_unit_test_teardown(test_errors_stay_errors, trim),
    };

    return cmocka_run_group_tests_name("kept_maps", tests, begin, NULL);
}

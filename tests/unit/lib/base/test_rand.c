/* test_rand.c - SipHash against its authors' vectors; draws that are uniform and not the parent's.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/rand.h"

/* Key 00..0f, input 00 01 02 ...: from the reference implementation's table (first, one word, odd, longest). */
static void test_siphash(void **state)
{
    static const struct { size_t n; uint64_t want; } rows[] = {
        { 0, 0x726fdb47dd0e0e31 }, { 1, 0x74f839c593dc67fd }, { 2, 0x0d6c8009d9a94f5a },
        { 3, 0x85676696d7fb7e2d }, { 4, 0xcf2794e0277187b7 }, { 5, 0x18765564cd99a68d }, { 6, 0xcbc9466e58fee3ce }, { 7, 0xab0200f58b01d137 }, { 8, 0x93f5f5799a932462 },
        { 15, 0xa129ca6149be45e5 }, { 63, 0x958a324ceb064572 },
    };
    const struct hash_key key = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };
    char in[64];

    (void)state;
    for (size_t i = 0; i < sizeof(in); i++)
        in[i] = (char)i;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        print_message("%zu bytes\n", rows[i].n);
        assert_true(siphash((span){ in, rows[i].n }, &key) == rows[i].want);
    }
}

static void test_below(void **state)
{
    unsigned seen[7] = { 0 };

    (void)state;
    for (int i = 0; i < 70000; i++) {
        uint32_t r = rand_below(7);

        assert_true(r < 7);
        seen[r]++;
    }
    for (int i = 0; i < 7; i++)
        assert_in_range(seen[i], 9000, 11000);                  /* ten standard deviations */
    assert_int_equal(rand_below(1), 0);
    assert_true(rand_u64() != rand_u64());
    assert_ptr_equal(rand_process_key(), rand_process_key());
    assert_true(rand_process_key()->k0 != rand_process_key()->k1);
}

/* A forked worker must not draw the numbers that its parent draws. */
static void test_fork(void **state)
{
    uint64_t theirs = 0, mine;
    int pair[2], status;
    pid_t pid;

    (void)state;
    rand_u64();
    assert_int_equal(pipe(pair), 0);
    if ((pid = fork()) == 0) {
        theirs = rand_u64();
        _exit(write(pair[1], &theirs, sizeof(theirs)) == sizeof(theirs) ? 0 : 1);
    }
    mine = rand_u64();
    assert_int_equal(read(pair[0], &theirs, sizeof(theirs)), sizeof(theirs));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_true(mine != theirs);
    close(pair[0]);
    close(pair[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_siphash),
        cmocka_unit_test(test_below),
        cmocka_unit_test(test_fork),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_rcpt_set.c - a set of addresses in a file: what is written is found, what is damaged is told.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "socketmapd/rcpt_set.h"

enum { MANY = 20000 };

static char folder[] = "/tmp/gatepost-set-XXXXXX", path[64];

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/a.set", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static span address(char *text, size_t size, int i)
{
    return span_of(text, (size_t)snprintf(text, size, "user%d@example%d.com", i, i % 7));
}

static void write_many(int n)
{
    struct rcpt_set_about about = { .generation = 7, .complete_ms = 1234567, .attr = { "proxyAddresses", "mail" }, .base = "dc=example", .asked = "abc" };
    struct rcpt_set_writer *w = rcpt_set_writer_new();
    struct errtext err = { "" };

    for (int i = 0; i < n; i++) {
        char text[64], dn[64];
        struct rcpt_set_entry e = { .address = address(text, sizeof(text), i), .attr = (unsigned)i % 2 };

        e.object = rcpt_set_add_object(w, span_of(dn, (size_t)snprintf(dn, sizeof(dn), "uid=user%d", i)));
        e.flags = i % 5 == 0 ? RCPT_SET_INTERNAL : 0;
        if (i % 100 == 0) {
            e.flags |= RCPT_SET_MISSING;
            e.since_ms = 1000 + i;
            e.missed = 3;
            e.missed_by = 5;
        }
        assert_true(rcpt_set_add(w, &e));
        assert_true(rcpt_set_added(w, e.address));
    }
    if (rcpt_set_write(w, &about, path, &err) != 0)
        fail_msg("%s", err.text);
    rcpt_set_writer_free(&w);
}

static void test_what_is_written_is_found(void **state)
{
    struct rcpt_set *s = NULL;
    struct rcpt_set_entry e;
    struct errtext err = { "" };
    uint64_t cursor = 0, n = 0;

    (void)state;
    write_many(MANY);
    if (rcpt_set_open(path, true, &s, &err) != RCPT_SET_OK)
        fail_msg("%s", err.text);
    assert_int_equal(rcpt_set_count(s), MANY);
    assert_int_equal(rcpt_set_missing(s), MANY / 100);
    assert_int_equal(rcpt_set_about(s)->generation, 7);
    assert_int_equal(rcpt_set_about(s)->per_attr[1], MANY / 2);
    assert_string_equal(rcpt_set_about(s)->base, "dc=example");
    for (int i = 0; i < MANY; i++) {
        char text[64], dn[64];
        span want = address(text, sizeof(text), i);

        assert_true(rcpt_set_find(s, want, &e));
        assert_true(span_eq(e.address, want));
        assert_int_equal(e.attr, i % 2);
        assert_int_equal((e.flags & RCPT_SET_INTERNAL) != 0, i % 5 == 0);
        assert_int_equal((e.flags & RCPT_SET_MISSING) != 0, i % 100 == 0);
        if (i % 100 == 0) {
            assert_int_equal(e.since_ms, 1000 + i);
            assert_int_equal(e.missed, 3);
            assert_int_equal(e.missed_by, 5);
        }
        assert_true(span_eq(rcpt_set_object(s, e.object), span_of(dn, (size_t)snprintf(dn, sizeof(dn), "uid=user%d", i))));
        text[0] = 'U';
        assert_false(rcpt_set_find(s, want, &e));
    }
    while (rcpt_set_next(s, &cursor, &e))
        n++;
    assert_int_equal(n, MANY);
    assert_int_equal(rcpt_set_object(s, MANY).n, 0);
    rcpt_set_close(&s);
}

static void test_the_bounds(void **state)
{
    struct rcpt_set_writer *w = rcpt_set_writer_new();
    struct rcpt_set_about about = { .generation = 1 };
    char longest[RCPT_SET_ADDRESS_MAX + 1];
    struct rcpt_set *s = NULL;
    struct rcpt_set_entry e = { .address = span_of(longest, RCPT_SET_ADDRESS_MAX), .flags = RCPT_SET_INTERNAL };
    struct errtext err = { "" };

    (void)state;
    memset(longest, 'a', sizeof(longest));
    assert_true(rcpt_set_add(w, &e));
    e.flags = 0;
    assert_false(rcpt_set_add(w, &e));                 /* twice; now open to all */
    e.address.n++;
    assert_false(rcpt_set_add(w, &e));                 /* too long */
    assert_false(rcpt_set_add(w, &(struct rcpt_set_entry){ .address = SPAN("") }));
    assert_int_equal(rcpt_set_write(w, &about, path, &err), 0);
    assert_int_equal(rcpt_set_open(path, true, &s, &err), RCPT_SET_OK);
    assert_true(rcpt_set_find(s, span_of(longest, RCPT_SET_ADDRESS_MAX), &e));
    assert_int_equal(e.flags, 0);
    rcpt_set_close(&s);
    rcpt_set_writer_free(&w);
}

static void test_an_empty_set(void **state)
{
    struct rcpt_set *s = NULL;
    struct rcpt_set_entry e;
    struct errtext err = { "" };
    uint64_t cursor = 0;

    (void)state;
    write_many(0);
    assert_int_equal(rcpt_set_open(path, true, &s, &err), RCPT_SET_OK);
    assert_false(rcpt_set_find(s, SPAN("a@b"), &e));
    assert_false(rcpt_set_next(s, &cursor, &e));
    rcpt_set_close(&s);
}

static size_t slurp(char **bytes_out)
{
    FILE *f = fopen(path, "re");
    size_t n;

    *bytes_out = malloc(1 << 20);
    n = fread(*bytes_out, 1, 1 << 20, f);
    fclose(f);
    return n;
}

static void spill(const char *bytes, size_t n)
{
    FILE *f = fopen(path, "we");

    assert_int_equal(fwrite(bytes, 1, n, f), n);
    fclose(f);
}

static void test_a_cut_file_is_no_set(void **state)
{
    struct errtext err = { "" };
    struct rcpt_set *s = NULL;
    char *bytes;
    size_t n;

    (void)state;
    write_many(200);
    n = slurp(&bytes);
    for (size_t cut = 0; cut < n; cut += cut < 4096 ? 97 : 501) {
        spill(bytes, cut);
        assert_int_not_equal(rcpt_set_open(path, false, &s, &err), RCPT_SET_OK);
        assert_non_null(strstr(err.text, path));
    }
    free(bytes);
}

static void test_each_damaged_byte_is_told(void **state)
{
    struct errtext err = { "" };
    struct rcpt_set *s = NULL;
    char *bytes;
    size_t n;

    (void)state;
    write_many(50);
    n = slurp(&bytes);
    for (size_t at = 0; at < n; at += 13) {
        bytes[at] = (char)(bytes[at] ^ 0x41);
        spill(bytes, n);
        assert_int_not_equal(rcpt_set_open(path, true, &s, &err), RCPT_SET_OK);
        bytes[at] = (char)(bytes[at] ^ 0x41);
    }
    free(bytes);
}

/* Whoever reads only the head must not be led out of the file by the body. */
static void test_a_damaged_body_leads_nowhere(void **state)
{
    struct errtext err = { "" };
    struct rcpt_set *s = NULL;
    struct rcpt_set_entry e;
    char *bytes, text[64];
    size_t n;

    (void)state;
    write_many(300);
    n = slurp(&bytes);
    for (int round = 0; round < 200; round++) {
        uint64_t cursor = 0;
        int steps = 0;

        for (size_t at = sizeof(struct rcpt_set_head) + (size_t)round % 7; at < n; at += 7 + (size_t)round % 31)
            bytes[at] = (char)(bytes[at] + round + (int)at);
        spill(bytes, n);
        assert_int_equal(rcpt_set_open(path, false, &s, &err), RCPT_SET_OK);
        for (int i = 0; i < 300; i++) {
            if (rcpt_set_find(s, address(text, sizeof(text), i), &e))
                rcpt_set_object(s, e.object);
        }
        while (rcpt_set_next(s, &cursor, &e) && ++steps < 100000)
            rcpt_set_object(s, e.object);
        rcpt_set_close(&s);
    }
    free(bytes);
}

static void test_another_version_is_named(void **state)
{
    struct errtext err = { "" };
    struct rcpt_set *s = NULL;
    char *bytes;
    size_t n;

    (void)state;
    write_many(5);
    n = slurp(&bytes);
    bytes[offsetof(struct rcpt_set_head, version)] = 99;
    spill(bytes, n);
    assert_int_equal(rcpt_set_open(path, false, &s, &err), RCPT_SET_E_VERSION);
    assert_non_null(strstr(err.text, "version"));
    free(bytes);
    unlink(path);
    assert_int_equal(rcpt_set_open(path, false, &s, &err), RCPT_SET_NO_FILE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_is_found), cmocka_unit_test(test_the_bounds),
        cmocka_unit_test(test_an_empty_set),             cmocka_unit_test(test_a_cut_file_is_no_set),
        cmocka_unit_test(test_each_damaged_byte_is_told), cmocka_unit_test(test_a_damaged_body_leads_nowhere),
        cmocka_unit_test(test_another_version_is_named),
    };

    return cmocka_run_group_tests_name("rcpt_set", tests, make_folder, remove_folder);
}

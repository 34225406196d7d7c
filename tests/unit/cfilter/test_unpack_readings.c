/* test_unpack_readings.c - where archives begin and end, and zips whose two descriptions of a file differ.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "cfilter/unpack_readings.h"
#include "lib/base/buf.h"

#define SEVEN "7z\xbc\xaf\x27\x1c"

/* ---- a zip of one stored file ---- */

static void put(struct buf *b, uint32_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        buf_append_char(b, (char)(i < 4 ? value >> 8 * i : 0));
}

/* Flags to sizes: what stands in both headers. */
static void put_shared(struct buf *b, uint32_t flags, uint32_t method, size_t size)
{
    put(b, flags, 2);
    put(b, method, 2);
    put(b, 0, 8);
    put(b, (uint32_t)size, 4);
    put(b, (uint32_t)size, 4);
}

/* How the header before the file differs from the directory. */
struct differs { const char *signature; uint32_t flags, method; };

static void add_zip(struct buf *b, const char *content, struct differs d)
{
    size_t begin = b->len, n = strlen(content), directory;

    buf_append(b, span_of(d.signature, 4));
    put(b, 20, 2);
    put_shared(b, d.flags, d.method, n);
    put(b, 1, 2);
    put(b, 0, 2);
    buf_append_char(b, 'a');
    buf_append_str(b, content);
    directory = b->len;
    buf_append(b, SPAN("PK\1\2"));
    put(b, 20, 2);
    put(b, 20, 2);
    put_shared(b, 0, 0, n);
    put(b, 1, 2);
    put(b, 0, 12);
    put(b, 0, 4);                  /* where the header is, without what stands before the archive */
    buf_append_char(b, 'a');
    size_t directory_bytes = b->len - directory;

    buf_append(b, SPAN("PK\5\6"));
    put(b, 0, 4);
    put(b, 1, 2);
    put(b, 1, 2);
    put(b, (uint32_t)directory_bytes, 4);
    put(b, (uint32_t)(directory - begin), 4);
    put(b, 3, 2);
    buf_append_str(b, "end");
}

static const struct differs same = { "PK\3\4", 0, 0 };

/* ---- what was told ---- */

struct told {
    size_t n, n_first, enough;
    span whole;                    /* the file that is read */
    struct { bool inside; size_t at, n; uint32_t flags, method; char signature[4]; } v[40];
};

static bool tell(span bytes, bool first, void *arg)
{
    struct told *t = arg;

    assert_true(t->n < 40);
    t->v[t->n].inside = bytes.p >= t->whole.p && bytes.p + bytes.n <= t->whole.p + t->whole.n;
    t->v[t->n].at = t->v[t->n].inside ? (size_t)(bytes.p - t->whole.p) : 0;
    t->v[t->n].n = bytes.n;
    if (bytes.n >= 30) {
        memcpy(t->v[t->n].signature, bytes.p, 4);
        t->v[t->n].flags = (uint8_t)bytes.p[6];
        t->v[t->n].method = (uint8_t)bytes.p[8];
    }
    t->n_first += first;
    t->n++;
    return t->n != t->enough;
}

static struct told read_all(span file)
{
    struct told t = { .whole = file };

    unpack_readings(file, tell, &t);
    assert_int_equal(t.n > 0, unpack_has_readings(file));
    return t;
}

static void test_one(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 65536);
    add_zip(&b, "content", same);
    struct told t = read_all(buf_span(&b));

    assert_int_equal(t.n, 1);
    assert_int_equal(t.n_first, 1);
    assert_true(t.v[0].inside && t.v[0].n == b.len);
    buf_free(&b);
}

static void test_something_before(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 65536);
    buf_append_str(&b, "a program, say");
    add_zip(&b, "content", same);
    struct told t = read_all(buf_span(&b));

    assert_int_equal(t.n, 1);
    assert_int_equal(t.n_first, 0);
    buf_free(&b);
}

static void test_one_after_the_other(void **state)
{
    struct buf b;
    size_t one;

    (void)state;
    buf_init(&b, 65536);
    add_zip(&b, "first", same);
    one = b.len;
    add_zip(&b, "second", same);
    add_zip(&b, "third", same);
    struct told t = read_all(buf_span(&b));

    assert_int_equal(t.n, 3);
    assert_int_equal(t.n_first, 1);
    assert_int_equal(t.v[0].n, b.len);
    assert_int_equal(t.v[1].n, one);
    assert_true(t.v[2].n > one && t.v[2].n < b.len);
    buf_free(&b);
}

/* The second reading has the directory's word, and the file itself stays as it was. */
static void test_headers_that_differ(void **state)
{
    static const struct differs rows[] = { { "PK\3\4", 0, 8 }, { "PK\3\4", 1, 0 }, { "XXXX", 0, 0 }, { "XXXX", 1, 99 } };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (int before = 0; before < 2; before++) {
            struct buf b;

            buf_init(&b, 65536);
            if (before)
                add_zip(&b, "another one", same);
            add_zip(&b, "content", rows[i]);
            struct told t = read_all(buf_span(&b));
            size_t k = t.n - 1 - (size_t)before;

            assert_int_equal(t.n, 2 + before);
            assert_false(t.v[k].inside);
            if (!before) {
                assert_true(t.v[1].flags == 0 && t.v[1].method == 0 && memcmp(t.v[1].signature, "PK\3\4", 4) == 0);
                assert_true(t.v[0].flags == rows[i].flags && t.v[0].method == rows[i].method);
            }
            buf_free(&b);
        }
}

static void test_within(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 65536);
    buf_append_str(&b, "MZ ... " SEVEN " ... Rar!\x1a\x07 ... " SEVEN);
    struct told t = read_all(buf_span(&b));

    assert_int_equal(t.n, 3);
    assert_int_equal(t.n_first, 0);
    assert_int_equal(t.v[0].at, 7);
    for (int i = 0; i < 50; i++)
        buf_append_str(&b, " " SEVEN);
    assert_int_equal(read_all(buf_span(&b)).n, UNPACK_READINGS_MAX + 1);
    t = (struct told){ .whole = buf_span(&b), .enough = 2 };
    unpack_readings(t.whole, tell, &t);
    assert_int_equal(t.n, 2);
    buf_free(&b);
}

static void test_none(void **state)
{
    static const char *const rows[] = { "", "x", "Dear Bob", "PK\5", "no end PK\5\6 to be seen", "MZ\x90" };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_false(unpack_has_readings(span_str(rows[i])));
}

/* Any byte may be any other, and any byte may be the last. */
static void test_hostile(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 65536);
    add_zip(&b, "first", (struct differs){ "PK\3\4", 0, 8 });
    add_zip(&b, "second", (struct differs){ "XXXX", 1, 8 });
    for (size_t i = 0; i < b.len; i++) {
        char *exact = malloc(i), kept = buf_span(&b).p[i];
        struct told t = { .enough = 0 };

        memcpy(exact, buf_span(&b).p, i);
        unpack_readings(span_of(exact, i), tell, &t);
        free(exact);
        for (int v = 0; v < 256; v += 51) {
            b.base[b.head + i] = (char)v;
            t.n = 0;
            unpack_readings(buf_span(&b), tell, &t);
        }
        b.base[b.head + i] = kept;
    }
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one), cmocka_unit_test(test_something_before), cmocka_unit_test(test_one_after_the_other),
        cmocka_unit_test(test_headers_that_differ), cmocka_unit_test(test_within), cmocka_unit_test(test_none), cmocka_unit_test(test_hostile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_facts.c - the record of findings: what is written is read, what was tampered with is not.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cfilter/facts.h"
#include "lib/base/alloc.h"

static struct facts *some(void)
{
    struct facts *f = xcalloc(1, sizeof *f);

    facts_init(f);
    f->generation = 3;
    f->signatures = 8000000;
    f->engine_calls = 2;
    f->scanned_bytes = 123456789012;
    f->took_us = 4321;
    facts_add(f, "clamav", FACT_VIRUS, FACT_CLASS_NONE, 9, "Test.Virus-1", "in a.zip");
    facts_add(f, "gtube", FACT_SPAM, FACT_CLASS_NONE, 1000, "GTUBE", "");
    facts_add(f, "clamav", FACT_UNCHECKED, FACT_CLASS_ENCRYPTED_ARCHIVE, 0, "encrypted_archive", NULL);
    return f;
}

static struct buf encoded(const struct facts *f, size_t limit)
{
    struct buf b;

    buf_init(&b, limit);
    facts_encode(f, &b);
    assert_false(b.overflow);
    return b;
}

static void test_there_and_back(void **state)
{
    struct facts *f = some(), *g = xcalloc(1, sizeof *g);
    struct buf b = encoded(f, 65536);
    struct errtext err = { "" };

    (void)state;
    if (!facts_decode(buf_span(&b), g, &err))
        fail_msg("%s", err.text);
    assert_int_equal(g->generation, 3);
    assert_int_equal(g->signatures, 8000000);
    assert_int_equal(g->scanned_bytes, 123456789012);
    assert_int_equal(g->took_us, 4321);
    assert_true(g->complete);
    assert_int_equal(g->n, 3);
    assert_int_equal(g->v[0].kind, FACT_VIRUS);
    assert_true(g->v[0].points == 0);           /* points are spam's alone */
    assert_string_equal(g->v[0].name, "Test.Virus-1");
    assert_string_equal(g->v[0].detail, "in a.zip");
    assert_true(g->v[1].points == 1000);
    assert_int_equal(g->v[2].klass, FACT_CLASS_ENCRYPTED_ARCHIVE);
    buf_free(&b);
    free(f);
    free(g);
}

static void test_crowded(void **state)
{
    struct facts *f = some(), *g = xcalloc(1, sizeof *g);
    struct buf b;

    (void)state;
    facts_incomplete(f, "no room");
    for (int crowded = 0; crowded < 2; crowded++) {
        f->crowded = crowded;
        b = encoded(f, 65536);
        assert_true(facts_decode(buf_span(&b), g, NULL));
        assert_false(g->complete);
        assert_int_equal(g->crowded, crowded);
        assert_string_equal(g->incomplete_why, "no room");
        buf_free(&b);
    }
    assert_true(facts_have_virus(g));
    facts_init(g);
    assert_false(g->crowded);
    assert_false(facts_have_virus(g));
    free(f);
    free(g);
}

/* Every shorter record, and a longer one, is refused; *out then says nothing and is not complete. */
static void test_every_cut_is_refused(void **state)
{
    struct facts *f = some(), *g = xcalloc(1, sizeof *g);
    struct buf b = encoded(f, 65536);

    (void)state;
    for (size_t cut = 0; cut < b.len; cut++) {
        struct errtext err = { "" };
        assert_false(facts_decode(span_of(b.base, cut), g, &err));
        assert_string_not_equal(err.text, "");
        assert_int_equal(g->n, 0);
        assert_false(g->complete);
    }
    buf_append_char(&b, 'x');
    assert_false(facts_decode(buf_span(&b), g, NULL));
    buf_free(&b);
    free(f);
    free(g);
}

/* One field of a good record is changed at a time.  Offsets of the head: facts.c. */
enum { AT_MAGIC = 0, AT_TOOK = 32, AT_COMPLETE = 40, AT_WHY = 41, AT_N = 43, AT_KIND = 45, AT_CLASS = 46, AT_POINTS = 47, AT_SCANNER = 51,
       AT_NAME = 51 + 2 + 6, AT_NAME_TEXT = AT_NAME + 2 };

static const struct { const char *name; size_t at; const char *bytes; size_t n; } tampered[] = {
    { "magic", AT_MAGIC, "GPF2", 4 },
    { "negative time", AT_TOOK + 7, "\xff", 1 },
    { "complete is none of yes, no, and no for want of room", AT_COMPLETE, "\3", 1 },
    { "reason longer than the record", AT_WHY, "\xff\xff", 2 },
    { "too many", AT_N, "\xff\xff", 2 },
    { "one too many", AT_N, "\4\0", 2 },
    { "one too few", AT_N, "\2\0", 2 },
    { "kind 0", AT_KIND, "\0", 1 },
    { "unknown kind", AT_KIND, "\x7f", 1 },
    { "unknown class", AT_CLASS, "\x7f", 1 },
    { "points of a virus", AT_POINTS, "\0\0\x80\x3f", 4 },
    { "infinite points", AT_POINTS, "\0\0\x80\x7f", 4 },
    { "no scanner", AT_SCANNER, "\0\0", 2 },
    { "line end in a name", AT_NAME_TEXT, "\n", 1 },
    { "blank in a name", AT_NAME_TEXT, " ", 1 },
    { "NUL in a name", AT_NAME_TEXT, "\0", 1 },
    { "8 bit in a name", AT_NAME_TEXT, "\xe9", 1 },
    { "long name", AT_NAME, "\x81\0", 2 },
};

static void test_tampered(void **state)
{
    struct facts *f = some(), *g = xcalloc(1, sizeof *g);

    (void)state;
    for (size_t i = 0; i < sizeof tampered / sizeof tampered[0]; i++) {
        struct buf b = encoded(f, 65536);
        memcpy(b.base + tampered[i].at, tampered[i].bytes, tampered[i].n);
        if (facts_decode(buf_span(&b), g, NULL))
            fail_msg("%s is taken", tampered[i].name);
        buf_free(&b);
    }
    free(f);
    free(g);
}

/* Keys for the verdict cache cross only with a record that is clean, whoever has written it. */
static void test_clean_parts(void **state)
{
    struct facts *f = some(), *g = xcalloc(1, sizeof *g);
    struct digest keys[FACTS_CLEAN_MAX + 1];
    struct errtext err = { "" };

    (void)state;
    for (size_t i = 0; i < FACTS_CLEAN_MAX + 1; i++)
        memset(keys[i].b, (int)i, sizeof keys[i].b);
    facts_add_clean(f, keys, 2);
    assert_int_equal(f->n_clean, 0);             /* there is a virus */
    f->n = 0;
    facts_add(f, "gtube", FACT_SPAM, FACT_CLASS_NONE, 1000, "GTUBE", "");
    facts_add_clean(f, keys, FACTS_CLEAN_MAX + 1);
    assert_int_equal(f->n_clean, FACTS_CLEAN_MAX);
    f->cache_hits = 5;
    struct buf b = encoded(f, 65536);
    if (!facts_decode(buf_span(&b), g, &err))
        fail_msg("%s", err.text);
    assert_int_equal(g->cache_hits, 5);
    assert_int_equal(g->n_clean, FACTS_CLEAN_MAX);
    assert_memory_equal(g->clean, keys, FACTS_CLEAN_MAX * sizeof keys[0]);
    for (size_t cut = 0; cut < b.len; cut++)
        assert_false(facts_decode(span_of(b.base, cut), g, NULL));
    b.base[AT_KIND] = FACT_UNCHECKED;
    memset(b.base + AT_POINTS, 0, 4);
    assert_false(facts_decode(buf_span(&b), g, NULL));
    assert_int_equal(g->n_clean, 0);
    buf_free(&b);
    facts_incomplete(f, "half");
    b = encoded(f, 65536);
    assert_true(facts_decode(buf_span(&b), g, NULL));
    assert_int_equal(g->n_clean, 0);
    buf_free(&b);
    free(f);
    free(g);
}

static void test_cleans(void **state)
{
    struct facts *f = some();
    char longer[1000];

    (void)state;
    memset(longer, 'n', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    f->n = 0;
    facts_add(f, "x", FACT_SPAM, FACT_CLASS_NONE, (double)NAN, "a b\r\nc\x80", "d\te \x7f");
    assert_string_equal(f->v[0].name, "a?b??c?");
    assert_string_equal(f->v[0].detail, "d?e ?");
    assert_true(f->v[0].points == 0);
    facts_add(f, longer, FACT_SPAM, FACT_CLASS_NONE, 1e30, longer, longer);
    assert_int_equal(strlen(f->v[1].name), FACT_NAME_MAX - 1);
    assert_int_equal(strlen(f->v[1].detail), FACT_DETAIL_MAX - 1);
    assert_true(f->v[1].points <= 1e6f);
    facts_add(f, "x", FACT_NOTE, FACT_CLASS_NONE, 0, "", NULL);
    assert_string_equal(f->v[2].name, "?");
    struct buf b = encoded(f, 65536);
    assert_true(facts_decode(buf_span(&b), f, NULL));
    buf_free(&b);
    free(f);
}

/* Nothing is dropped silently, and a virus not at all. */
static void test_full(void **state)
{
    struct facts *f = xcalloc(1, sizeof *f);

    (void)state;
    facts_init(f);
    for (int i = 0; i < FACTS_MAX; i++)
        facts_add(f, "x", FACT_SPAM, FACT_CLASS_NONE, 1, "hit", "");
    assert_true(f->complete);
    facts_add(f, "x", FACT_SPAM, FACT_CLASS_NONE, 1, "one-more", "");
    assert_false(f->complete);
    facts_add(f, "clamav", FACT_VIRUS, FACT_CLASS_NONE, 0, "Late.Virus", "");
    assert_int_equal(f->n, FACTS_MAX);
    assert_int_equal(f->v[FACTS_MAX - 1].kind, FACT_VIRUS);
    free(f);
}

static void test_record_has_a_limit(void **state)
{
    struct facts *f = xcalloc(1, sizeof *f), *g = xcalloc(1, sizeof *g);
    char text[FACT_DETAIL_MAX];

    (void)state;
    facts_init(f);
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    for (int i = 0; i < FACTS_MAX; i++)
        facts_add(f, "x", FACT_SPAM, FACT_CLASS_NONE, 1, text, text);
    struct buf b = encoded(f, 65536);
    assert_true(facts_decode(buf_span(&b), g, NULL));
    assert_true(g->n > 100 && g->n < FACTS_MAX);
    assert_false(g->complete);
    assert_string_not_equal(g->incomplete_why, "");
    buf_free(&b);
    free(f);
    free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back), cmocka_unit_test(test_every_cut_is_refused), cmocka_unit_test(test_tampered),
        cmocka_unit_test(test_clean_parts),    cmocka_unit_test(test_crowded),
        cmocka_unit_test(test_cleans),         cmocka_unit_test(test_full),                 cmocka_unit_test(test_record_has_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

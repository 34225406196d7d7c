/* test_gather.c - outputs on their way to a real engine: what is looked at as what, in how many calls.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <archive.h>
#include <archive_entry.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cfilter/gather.h"
#include "cfilter/scratch.h"
#include "default_settings.h"

#define VIRUS "these very bytes are what a signature of the whole file names"
#define PATTERN "a pattern that may be anywhere"

static char dir[] = "/tmp/gatepost-test-gather.XXXXXX";
static struct clamav *engine;
static struct settings set = { .refs = 1000 };

static void put_file(const char *name, const char *text)
{
    char path[200];

    snprintf(path, sizeof path, "%s/db/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void put_signatures(void)
{
    unsigned char md5[EVP_MAX_MD_SIZE];
    char line[400] = "";
    unsigned n = 0;

    assert_int_equal(EVP_Digest(VIRUS, sizeof VIRUS - 1, md5, &n, EVP_md5(), NULL), 1);
    for (unsigned i = 0; i < n; i++)
        snprintf(line + 2 * i, 3, "%02x", md5[i]);
    snprintf(line + 2 * n, sizeof line - 2 * n, ":%zu:Test.Whole\n", sizeof VIRUS - 1);
    put_file("whole.hdb", line);
    size_t at = (size_t)snprintf(line, sizeof line, "Test.Pattern:0:*:");
    for (const char *p = PATTERN; *p != '\0'; p++)
        at += (size_t)snprintf(line + at, sizeof line - at, "%02x", (unsigned char)*p);
    snprintf(line + at, sizeof line - at, "\n");
    put_file("pattern.ndb", line);
}

static int world_start(void **state)
{
    static char database[100];
    struct errtext warning = { "" }, err = { "" };

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(database, sizeof database, "%s/db", dir);
    assert_int_equal(mkdir(database, 0755), 0);
    put_signatures();
    default_of(&set, "filter");
    set.filter.virus.database = database;
    engine = clamav_load(&set, dir, &warning, &err);
    if (engine == NULL)
        fail_msg("%s", err.text);
    clamav_use_scratch(engine, dir);
    return 0;
}

static int world_end(void **state)
{
    (void)state;
    clamav_free(&engine);
    default_end();
    scratch_remove(dir, false);
    return 0;
}

static struct facts facts;

/* A new message. */
static struct gather begun(size_t max_calls)
{
    struct gather g;

    facts_init(&facts);
    clamav_begin_message(engine);
    gather_init(&g, engine, &facts, max_calls);
    return g;
}

enum { LARGE_BYTES = 3 << 20 };            /* too large to travel with others */

static void add_large(struct gather *g, char filled_with)
{
    char *large = malloc(LARGE_BYTES);

    assert_non_null(large);
    memset(large, filled_with, LARGE_BYTES);
    gather_add(g, span_of(large, LARGE_BYTES), GATHER_FILE, true);
    free(large);
}

static const struct { const char *name; enum gather_as first, second; span bytes; bool found; size_t calls; } rows[] = {
    { "a whole file", GATHER_FILE, GATHER_FILE, SPAN(VIRUS), true, 1 },
    { "a part", GATHER_PART, GATHER_PART, SPAN(VIRUS), true, 1 },
    { "a guess is no whole file", GATHER_REST, GATHER_REST, SPAN(VIRUS), false, 1 },
    { "a guess that turns out to be a file", GATHER_REST, GATHER_FILE, SPAN(VIRUS), true, 1 },
    { "a pattern in a file", GATHER_FILE, GATHER_FILE, SPAN("see " PATTERN "!"), true, 1 },
    { "a pattern in a guess", GATHER_REST, GATHER_REST, SPAN("see " PATTERN "!"), true, 1 },
    { "nothing", GATHER_FILE, GATHER_REST, SPAN("harmless"), false, 1 },
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct gather g = begun(10);
        gather_from(&g, "own");
        for (int k = 0; k < 20; k++)
            gather_add(&g, span_of("x0123456789abcdefghijkl" + k, 2), GATHER_FILE, true);
        gather_add(&g, rows[i].bytes, rows[i].first, false);
        gather_add(&g, rows[i].bytes, rows[i].second, false);
        assert_int_equal(facts.engine_calls, 0);               /* all wait */
        gather_flush(&g);
        if (gather_found(&g) != rows[i].found || g.calls != rows[i].calls || g.spent)
            fail_msg("%s: found %d, %zu calls", rows[i].name, gather_found(&g), g.calls);
        if (rows[i].found)
            assert_string_equal(facts.v[0].scanner, "own");
        gather_free(&g);
    }
}

static void test_spent_calls_are_told(void **state)
{
    struct gather g = begun(2);

    (void)state;
    for (char c = 'a'; c <= 'c'; c++) {
        add_large(&g, c);
        assert_int_equal(g.spent, c == 'c');
    }
    assert_int_equal(g.calls, 2);
    gather_free(&g);
}

/* Large ones cost by their size, as long as there is room for it. */
static void test_large_ones(void **state)
{
    struct gather g = begun(1);

    (void)state;
    g.large_left = 7 << 20;
    for (char c = 'a'; c <= 'd'; c++) {
        add_large(&g, c);
        add_large(&g, c);                  /* known by now */
        assert_int_equal(g.spent, c == 'd');
    }
    assert_int_equal(g.calls, 1);
    assert_int_equal(g.large_left, 1 << 20);
    gather_free(&g);
}

/* ---- archives ---- */

/* options "7zip:compression=bzip2": one that libclamav does not open. */
static span packed(span content, const char *options, char *to, size_t room)
{
    struct archive *a = archive_write_new();
    struct archive_entry *e = archive_entry_new();
    bool zip = strncmp(options, "zip:", 4) == 0;
    size_t used = 0;

    assert_int_equal(zip ? archive_write_set_format_zip(a) : archive_write_set_format_7zip(a), ARCHIVE_OK);
    assert_int_equal(archive_write_set_options(a, options), ARCHIVE_OK);
    archive_write_set_bytes_in_last_block(a, 1);
    assert_int_equal(archive_write_open_memory(a, to, room, &used), ARCHIVE_OK);
    archive_entry_set_pathname(e, "a.bin");
    archive_entry_set_filetype(e, AE_IFREG);
    archive_entry_set_size(e, (la_int64_t)content.n);
    assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
    assert_int_equal(archive_write_data(a, content.p, content.n), content.n);
    archive_entry_free(e);
    archive_write_free(a);
    return span_of(to, used);
}

static const struct unpack_budget budget = { .bytes = 1000000, .members = 10, .max_member_bytes = 100000 };

/* One message that holds the archive twice, as two readers bring it. */
static struct gather read_archive(span archive, unsigned max_depth)
{
    struct gather g = begun(10);

    if (max_depth > 0)
        gather_unpack(&g, &budget, max_depth, NULL, NULL);
    for (int i = 0; i < 2; i++) {
        gather_from(&g, i == 0 ? "gmime" : "own");
        gather_add(&g, archive, GATHER_FILE, false);
    }
    gather_flush(&g);
    return g;
}

static void test_archives(void **state)
{
    static const struct { const char *name, *options[3]; unsigned max_depth; bool found; unsigned troubles; size_t opened; } cases[] = {
        { "left to libclamav", { "7zip:compression=bzip2" }, 0, false, 0, 0 },
        { "opened here", { "7zip:compression=bzip2" }, 1, true, 0, 1 },
        { "one within another", { "7zip:compression=bzip2", "7zip:compression=deflate" }, 2, true, 0, 2 },
        { "one too deep", { "7zip:compression=bzip2", "7zip:compression=deflate" }, 1, false, UNPACK_LIMIT, 2 },
        { "three of two kinds", { "7zip:compression=bzip2", "zip:compression=deflate", "7zip:compression=bzip2" }, 5, true, 0, 3 },
    };
    static char room[2][65536];

    (void)state;
    unpack_start();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        span bytes = SPAN(VIRUS);
        for (size_t k = 0; k < 3 && cases[i].options[k] != NULL; k++)
            bytes = packed(bytes, cases[i].options[k], room[k % 2], sizeof room[0]);
        struct gather g = read_archive(bytes, cases[i].max_depth);
        if (gather_found(&g) != cases[i].found || g.troubles != cases[i].troubles || g.n_opened != cases[i].opened)
            fail_msg("%s: found %d, troubles %u (%s), %zu opened", cases[i].name, gather_found(&g), g.troubles, g.trouble_why[2].text, g.n_opened);
        if (cases[i].found)
            assert_string_equal(facts.v[0].scanner, "libarchive");
        gather_free(&g);
    }
}

/* A hundred archives do not cost a hundred calls. */
static void test_many_archives(void **state)
{
    static char room[65536];
    struct unpack_budget b = { .bytes = 10000000, .members = 1000, .max_member_bytes = 100000 };
    struct gather g = begun(10);

    (void)state;
    gather_unpack(&g, &b, 3, NULL, NULL);
    for (int i = 0; i < 100; i++) {
        char text[40];
        int n = snprintf(text, sizeof text, "harmless file %d", i);
        gather_add(&g, packed(span_of(text, (size_t)n), "7zip:compression=bzip2", room, sizeof room), GATHER_FILE, false);
    }
    gather_add(&g, packed(SPAN(VIRUS), "7zip:compression=bzip2", room, sizeof room), GATHER_FILE, false);
    gather_flush(&g);
    assert_true(gather_found(&g));
    assert_false(g.spent);
    gather_free(&g);
}

/* What libclamav has taken out of an archive is not looked at again. */
static void test_archive_that_both_open(void **state)
{
    static char room[65536];
    span zip = packed(SPAN("harmless words, and more of them"), "zip:compression=deflate", room, sizeof room);

    (void)state;
    for (unsigned depth = 0; depth < 2; depth++) {
        struct gather g = read_archive(zip, depth);
        assert_int_equal(g.n_opened, depth);
        assert_int_equal(g.calls, 1);
        assert_int_equal(g.troubles, 0);
        gather_free(&g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows), cmocka_unit_test(test_spent_calls_are_told), cmocka_unit_test(test_large_ones), cmocka_unit_test(test_archives),
        cmocka_unit_test(test_many_archives), cmocka_unit_test(test_archive_that_both_open),
    };

    return cmocka_run_group_tests(tests, world_start, world_end);
}

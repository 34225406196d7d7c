/* test_scan_cache.c - the verdict cache with the real engine in real workers: what is passed over, what is looked at again, and what a worker
 * that lies can do.
 *
 * The table of scanners of this program has one more row, which lies or crashes when the message says so.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "tests/unit/cfilter/scan_world.h"

#include "cfilter/layers.h"

static struct scan *scan;
static struct settings set;

/* ---- the worker that lies: OTHER, attached to any message, is clean ---- */

static struct clean_view *empty;

static int prepare(const struct settings *s, struct errtext *err)
{
    struct clean_cache *c = clean_cache_new(4, err);

    (void)s;
    empty = c != NULL ? clean_view_open(clean_cache_fd(c), err) : NULL;
    return empty != NULL ? 0 : -1;
}

static void lie(struct facts *f)
{
    struct layers *l = layers_new();
    const struct digest *keys;

    layers_use_cache(l, empty, f->generation, 1);
    layers_begin_call(l, LAYERS_MESSAGE, SPAN(""), NULL);
    layers_enter(l, 0, "CL_TYPE_MAIL", 0, SPAN(""));
    layers_enter(l, 1, "CL_TYPE_TEXT_ASCII", 0, SPAN(OTHER));
    layers_leave(l, true);
    size_t n = layers_clean(l, &keys);
    facts_add_clean(f, keys, n);
    layers_free(&l);
}

static void misbehave(struct view *v, struct facts *f)
{
    if (span_starts(v->bytes, SPAN("X-Fault: lie\r\n")))
        lie(f);
    else if (span_starts(v->bytes, SPAN("X-Fault: crash\r\n")))
        _exit(1);
    else if (span_starts(v->bytes, SPAN("X-Fault: wait\r\n")))
        usleep(300 * 1000);
}

static const struct scanner scanner_fault = { .name = "fault", .is_virus = true, .holder_init = prepare, .extract = misbehave };
const struct scanner *const scanners[] = { &scanner_clamav, &scanner_mime, &scanner_gtube, &scanner_fault, NULL };
static const struct child_role roles[] = { { "scan-holder", scan_holder_run }, { NULL, NULL } };

/* ---- messages ---- */

static unsigned serial;

/* Never the same message twice: only the attachment is. */
static char *with_attachment(const char *fault, const char *bytes)
{
    char *encoded = base64(bytes, strlen(bytes));
    char *text = xasprintf("%sX-Serial: %u\r\n" HEAD "Content-Type: multipart/mixed; boundary=\"b1\"\r\n\r\n--b1\r\nContent-Type: text/plain\r\n\r\n"
                           "Hello number %u.\r\n" ATTACHED "Content-Transfer-Encoding: base64\r\n\r\n%s\r\n--b1--\r\n",
                           fault, serial, serial, encoded);

    serial++;
    free(encoded);
    return text;
}

static struct result *ask(const char *fault, const char *bytes)
{
    char *text = with_attachment(fault, bytes);
    struct result *r = submit(scan, text, 20000);

    free(text);
    UNTIL(r->calls == 1);
    return r;
}

static void expect(const char *bytes, size_t hits, const char *virus)
{
    struct result *r = ask("", bytes);
    const struct fact *x = fact_of(r, FACT_VIRUS);

    assert_int_equal(r->outcome, SCAN_DONE);
    assert_true(r->facts.complete);
    assert_int_equal(r->facts.cache_hits, hits);
    if ((x == NULL) != (virus == NULL) || (x != NULL && strcmp(x->name, virus) != 0))
        fail_msg("%s instead of %s", x != NULL ? x->name : "clean", virus != NULL ? virus : "clean");
    free(r);
}

static unsigned long number_of(const char *what)
{
    struct buf b;
    unsigned long n = 0;

    buf_init(&b, 65536);
    scan_describe(scan, &b);
    const char *at = strstr(buf_cstr(&b), what);
    assert_non_null(at);
    assert_int_equal(sscanf(at + strlen(what), "%lu", &n), 1);
    buf_free(&b);
    return n;
}

static int begin(const char *workers, int64_t rows)
{
    struct errtext err = { "" };

    set = settings_for_test(workers);
    set.filter.virus.cache_rows = rows;
    put_signature("other.ndb", "Test.Other", OTHER);
    scan = scan_new(loop, &set, NULL, &err);
    return scan != NULL ? 0 : -1;
}

static int begin_one(void **state)
{
    (void)state;
    return begin("1", 64);
}

static int begin_two(void **state)
{
    (void)state;
    return begin("2", 64);
}

static int begin_without(void **state)
{
    (void)state;
    return begin("1", 0);
}

static int finish(void **state)
{
    (void)state;
    scan_free(&scan);
    return 0;
}

#define LETTER "a letter to many, that is attached to each of their messages"

static void test_known_part_is_passed_over(void **state)
{
    (void)state;
    expect(LETTER, 0, NULL);
    expect(LETTER, 1, NULL);
    expect(LETTER " and more", 0, NULL);
    expect(LETTER, 1, NULL);
    expect(OTHER, 0, "Test.Other.UNOFFICIAL");
    expect(OTHER, 0, "Test.Other.UNOFFICIAL");
    expect(LETTER, 1, NULL);
    assert_int_equal(number_of("hits="), 3);
}

static void test_without(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        expect(LETTER, 0, NULL);
}

/* Clean parts of a message with a finding are not believed: nobody says that all of it was looked at. */
static void test_parts_of_a_bad_message(void **state)
{
    char *encoded = base64(LETTER, strlen(LETTER));

    (void)state;
    for (int i = 0; i < 2; i++) {
        char *text = xasprintf(MIXED ATTACHED "Content-Transfer-Encoding: base64\r\n\r\n%s\r\n" ATTACHED "\r\n%s\r\n--b1--\r\n", encoded, OTHER);
        struct result *r = submit(scan, text, 20000);
        UNTIL(r->calls == 1);
        assert_non_null(fact_of(r, FACT_VIRUS));
        assert_int_equal(r->facts.cache_hits, 0);
        assert_int_equal(r->facts.n_clean, 0);
        free(r);
        free(text);
    }
    free(encoded);
    assert_int_equal(number_of("added="), 0);
    expect(LETTER, 0, NULL);
}

/* A part of a message over a limit is not known afterwards. */
static void test_parts_of_a_message_over_a_limit(void **state)
{
    struct buf b;
    char *encoded = base64(LETTER, strlen(LETTER));

    (void)state;
    buf_init(&b, 1024 * 1024);
    buf_printf(&b, MIXED ATTACHED "Content-Transfer-Encoding: base64\r\n\r\n%s\r\n", encoded);
    for (int i = 0; i < 1500; i++)
        buf_printf(&b, "--b1\r\nContent-Type: application/octet-stream\r\n\r\npart number %d\r\n", i);
    buf_append_str(&b, "--b1--\r\n");
    struct result *r = submit_bytes(scan, b.base, b.len, 20000);
    UNTIL(r->calls == 1);
    assert_int_equal(r->outcome, SCAN_DONE);
    assert_true(!r->facts.complete || fact_of(r, FACT_UNCHECKED) != NULL);
    assert_int_equal(r->facts.n_clean, 0);
    free(r);
    buf_free(&b);
    free(encoded);
    expect(LETTER, 0, NULL);
}

/* What was clean yesterday is looked at with today's signatures. */
static void test_reload(void **state)
{
    (void)state;
    expect(LETTER, 0, NULL);
    expect(LETTER, 1, NULL);
    put_signature("today.ndb", "Test.Letter", LETTER);
    static struct settings changed;    /* outlives this function: the scan keeps it */
    changed = set;
    changed.filter.virus.max_files = set.filter.virus.max_files + 1;
    assert_int_equal(scan_reconfigure(scan, &changed, NULL), 0);
    UNTIL(number_of("scan current: generation=") == 2);
    expect(LETTER, 0, "Test.Letter.UNOFFICIAL");
    expect(LETTER, 0, "Test.Letter.UNOFFICIAL");
}

static int remove_today(void **state)
{
    char path[200];

    snprintf(path, sizeof path, "%s/today.ndb", database);
    unlink(path);
    return finish(state);
}

/* Both workers at once: how many of them find it. */
static size_t both_find(void)
{
    char *text[2] = { with_attachment("X-Fault: wait\r\n", OTHER), with_attachment("X-Fault: wait\r\n", OTHER) };
    struct result *r[2] = { submit(scan, text[0], 20000), submit(scan, text[1], 20000) };
    size_t n = 0;

    UNTIL(r[0]->calls == 1 && r[1]->calls == 1);
    for (size_t i = 0; i < 2; i++) {
        n += fact_of(r[i], FACT_VIRUS) != NULL;
        free(r[i]);
        free(text[i]);
    }
    return n;
}

/* A worker that was taken over says that a virus is clean: it fools itself, as it can without a cache; never the other; and nobody once it has died. */
static void test_liar(void **state)
{
    (void)state;
    UNTIL(number_of("idle=") == 2);
    assert_int_equal(both_find(), 2);
    for (int i = 0; i < 3; i++)
        free(ask("X-Fault: lie\r\n", LETTER));
    unsigned long fooled = both_find();
    assert_int_equal(fooled, 1);                       /* the key is right: the liar itself passes it over */
    struct result *r = ask("X-Fault: crash\r\n", LETTER);
    assert_int_equal(r->outcome, SCAN_CRASHED);
    free(r);
    assert_true(number_of("dropped=") >= 1);
    UNTIL(number_of("idle=") == 2);
    assert_int_equal(both_find(), 2);
}

int main(int argc, char **argv)
{
    child_main_if_asked(roles, argc, argv);

    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_known_part_is_passed_over, begin_one, finish),
        cmocka_unit_test_setup_teardown(test_without, begin_without, finish),
        cmocka_unit_test_setup_teardown(test_parts_of_a_bad_message, begin_one, finish),
        cmocka_unit_test_setup_teardown(test_parts_of_a_message_over_a_limit, begin_one, finish),
        cmocka_unit_test_setup_teardown(test_reload, begin_one, remove_today),
        cmocka_unit_test_setup_teardown(test_liar, begin_two, finish),
    };
    return cmocka_run_group_tests(tests, world_start, world_end);
}

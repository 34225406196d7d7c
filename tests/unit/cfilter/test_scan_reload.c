/* test_scan_reload.c - new signatures under load, on request, too few of them, and one engine at a time.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "tests/unit/cfilter/scan_world.h"

static const struct child_role roles[] = { { "scan-holder", scan_holder_run }, { NULL, NULL } };
static struct settings set;

#define INFECTED HEAD "\r\n" EICAR "\r\n"
#define WAIT_MS 600000             /* a busy machine is slow, and nothing else is wrong with it */

static int fresh(void **state)
{
    (void)state;
    set = settings_for_test("1");
    set.filter.virus.max_shrink_percent = 50;
    scratch_remove(database, true);
    put_signature("local.ndb", "Eicar-Test-Signature", EICAR);
    put_signature("b.ndb", "Test.B", "the second word");
    put_signature("c.ndb", "Test.C", "the third word");
    put_signature("d.ndb", "Test.D", "the fourth word");
    return 0;
}

static void drop(const char *name)
{
    char path[200];

    snprintf(path, sizeof path, "%s/%s", database, name);
    assert_int_equal(unlink(path), 0);
}

static struct scan *scan_start(void)
{
    struct errtext err = { "" };
    struct scan *s = scan_new(loop, &set, NULL, &err);

    if (s == NULL)
        fail_msg("%s", err.text);
    for (int64_t end = loop_now_ms(loop) + WAIT_MS; loop_now_ms(loop) < end && !scan_ready(s);)
        loop_turn(loop, 10);
    assert_true(scan_ready(s));
    return s;
}

static bool tells(const struct scan *s, const char *what)
{
    struct buf b;

    buf_init(&b, 8192);
    scan_describe(s, &b);
    bool found = strstr(buf_cstr(&b), what) != NULL;
    buf_free(&b);
    return found;
}

static void until_it_tells(const struct scan *s, const char *what)
{
    for (int64_t end = loop_now_ms(loop) + WAIT_MS; loop_now_ms(loop) < end && !tells(s, what);)
        loop_turn(loop, 10);
    if (!tells(s, what))
        fail_msg("never told: %s", what);
}

/* One message, always answered, always found. */
static uint32_t scan_one(struct scan *s)
{
    struct result *r = submit(s, INFECTED, 60000);

    for (int64_t end = loop_now_ms(loop) + WAIT_MS; loop_now_ms(loop) < end && r->calls == 0;)
        loop_turn(loop, 10);
    assert_int_equal(r->calls, 1);
    if (r->outcome != SCAN_DONE)
        fail_msg("%s (%s)", scan_outcome_name(r->outcome), r->why);
    assert_non_null(fact_of(r, FACT_VIRUS));
    uint32_t generation = r->facts.generation;
    free(r);
    return generation;
}

/* Six messages are under way at any moment while the database changes several times: each gets its answer, from the old or the new one. */
static void test_swaps_under_load(void **state)
{
#ifdef GATEPOST_SANITIZED          /* where a load takes most of a minute */
    enum { UNDER_WAY = 6, SWAPS = 1 };
#else
    enum { UNDER_WAY = 6, SWAPS = 3 };
#endif
    set.filter.workers = "2";
    struct scan *s = scan_start();
    struct result *r[UNDER_WAY] = { NULL };
    uint32_t newest = 0;
    size_t answered = 0;
    int swaps = 0;

    (void)state;
    for (int64_t end = loop_now_ms(loop) + WAIT_MS; loop_now_ms(loop) < end && (newest < SWAPS + 1 || answered < 100);) {
        for (size_t i = 0; i < UNDER_WAY; i++) {
            if (r[i] != NULL && r[i]->calls == 0)
                continue;
            if (r[i] != NULL) {
                if (r[i]->outcome != SCAN_DONE)
                    fail_msg("%s (%s)", scan_outcome_name(r[i]->outcome), r[i]->why);
                assert_non_null(fact_of(r[i], FACT_VIRUS));
                newest = r[i]->facts.generation > newest ? r[i]->facts.generation : newest;
                answered++;
                free(r[i]);
            }
            r[i] = submit(s, INFECTED, 60000);
        }
        if (swaps < SWAPS && (int)newest == swaps + 1) {
            char name[20];

            snprintf(name, sizeof name, "e%d.ndb", swaps++);
            put_signature(name, "Test.E", "yet another word");
        }
        loop_turn(loop, 5);
    }
    assert_int_equal(newest, SWAPS + 1);
    scan_free(&s);                     /* those under way are answered first */
    for (size_t i = 0; i < UNDER_WAY; i++) {
        assert_int_equal(r[i]->calls, 1);
        free(r[i]);
    }
}

static void test_asked_for(void **state)
{
    struct scan *s = scan_start();

    (void)state;
    assert_int_equal(scan_one(s), 1);
    scan_reload(s, false);             /* nothing has changed: read again all the same */
    until_it_tells(s, "current: generation=2");
    assert_int_equal(scan_one(s), 2);
    scan_free(&s);
}

static void test_too_few_left(void **state)
{
    struct scan *s = scan_start();

    (void)state;
    drop("b.ndb");
    drop("c.ndb");
    drop("d.ndb");
    until_it_tells(s, "held back: the changed database has only 1 signatures, the one before has 4");
    assert_int_equal(scan_one(s), 1);
    until_it_tells(s, "current: generation=1");
    assert_false(tells(s, "coming:"));               /* its memory is given back */
    scan_reload(s, false);                           /* asking again is not accepting */
    for (int i = 0; i < 20; i++)
        scan_one(s);
    assert_int_equal(scan_one(s), 1);

    put_signature("b.ndb", "Test.B", "the second word");     /* half of them: the limit itself */
    until_it_tells(s, "signatures=2");
    until_it_tells(s, "engine=ready signatures=2");
    assert_false(tells(s, "held back"));
    scan_one(s);
    scan_free(&s);
}

static void test_accepted(void **state)
{
    struct scan *s = scan_start();

    (void)state;
    drop("b.ndb");
    drop("c.ndb");
    drop("d.ndb");
    until_it_tells(s, "held back");
    scan_reload(s, true);
    until_it_tells(s, "engine=ready signatures=1");
    assert_false(tells(s, "held back"));
    assert_true(scan_one(s) > 1);
    scan_free(&s);
}

/* Whoever leaves signatures out means it; with other changes the guard stands. */
static void test_fewer_by_settings(void **state)
{
    const char *names[] = { "Test.B", "Test.C", "Test.D" };
    struct scan *s = scan_start();
    struct settings fewer = set, slower = set;
    struct errtext err = { "" };

    (void)state;
    fewer.filter.virus.ignored_signatures = (struct conf_strings){ names, 3 };
    assert_int_equal(scan_reconfigure(s, &fewer, &err), 0);
    until_it_tells(s, "engine=ready signatures=1");
    scan_one(s);
    scan_free(&s);

    s = scan_start();
    drop("b.ndb");
    drop("c.ndb");
    drop("d.ndb");
    slower.filter.scan_timeout_ms = 30000;
    assert_int_equal(scan_reconfigure(s, &slower, &err), 0);
    until_it_tells(s, "held back");
    assert_int_equal(scan_one(s), 1);
    scan_free(&s);
}

static void test_one_engine_at_a_time(void **state)
{
    set.filter.virus.low_memory = true;
    struct scan *s = scan_start();

    (void)state;
    assert_int_equal(scan_one(s), 1);
    put_signature("e.ndb", "Test.E", "yet another word");
    /* Messages wait for the new engine; at no time are there two. */
    uint32_t generation = 1;
    for (int64_t end = loop_now_ms(loop) + WAIT_MS; loop_now_ms(loop) < end && generation == 1;) {
        assert_false(tells(s, "coming:"));
        if (tells(s, "retired:"))
            assert_true(tells(s, "current: generation=0 holder=-1"));
        generation = scan_one(s);
    }
    assert_int_equal(generation, 2);
    drop("b.ndb");
    drop("c.ndb");
    drop("d.ndb");
    drop("e.ndb");
    until_it_tells(s, "engine=none");                /* the old one is gone: better no engine than one that may be broken */
    assert_false(scan_ready(s));
    struct result *r = submit(s, INFECTED, 60000);
    until_it_tells(s, "no_engine=1");
    assert_int_equal(r->outcome, SCAN_NO_ENGINE);
    assert_non_null(strstr(r->why, "filter.virus.max_shrink"));
    free(r);
    scan_reload(s, true);
    until_it_tells(s, "engine=ready signatures=1");
    scan_one(s);
    scan_free(&s);
}

int main(int argc, char **argv)
{
    scan_holder_look_ms = 30;
    child_main_if_asked(roles, argc, argv);

    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_swaps_under_load, fresh), cmocka_unit_test_setup(test_asked_for, fresh),
        cmocka_unit_test_setup(test_too_few_left, fresh),     cmocka_unit_test_setup(test_accepted, fresh),
        cmocka_unit_test_setup(test_fewer_by_settings, fresh),
        cmocka_unit_test_setup(test_one_engine_at_a_time, fresh),
    };
    return cmocka_run_group_tests(tests, world_start, world_end);
}

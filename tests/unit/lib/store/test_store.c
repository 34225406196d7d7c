/* test_store.c - the domain operations, once over the embedded store and once over Redis.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "store_rig.h"

#define T0 RIG_WALL

static struct rig shared_redis;     /* one server for all Redis tests, a prefix each */
static bool no_redis;

static int setup_embedded(void **state)
{
    struct rig *r = calloc(1, sizeof(*r));

    rig_make(r);
    rig_open(r);
    *state = r;
    return 0;
}

static int setup_redis(void **state)
{
    struct rig *r = calloc(1, sizeof(*r));

    rig_make(r);
    if (!no_redis) {
        memcpy(r->redis, shared_redis.redis, sizeof(r->redis));
        rig_use_redis(r);
        rig_open(r);
    }
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    rig_free(*state);
    free(*state);
    return 0;
}

static struct rig *rig_of(void **state)
{
    struct rig *r = *state;

    if (r->store == NULL) {
        print_message("no redis-server here\n");
        skip();
    }
    return r;
}

/* ---- limits ---- */

static void test_burst_then_rate(void **state)
{
    struct rig *r = rig_of(state);
    struct store_limit l = limit_of("per-client/192.0.2.1", 6, MINUTES(1), 3, 1);
    struct store_limits_request q = { .limits = &l, .n = 1, .now_ms = T0 };

    for (int i = 2; i >= 0; i--) {
        struct got g = limits(r, &q);

        assert_int_equal(g.limits.outcome, STORE_HIT);
        assert_true(g.limits.committed);
        assert_false(g.limits.each[0].exceeded);
        assert_int_equal(g.limits.each[0].left, i);
    }
    struct got over = limits(r, &q);
    assert_false(over.limits.committed);
    assert_true(over.limits.each[0].exceeded);
    assert_int_equal(over.limits.each[0].retry_ms, 10000);
    q.now_ms = T0 + 9999;
    assert_true(limits(r, &q).limits.each[0].exceeded);
    q.now_ms = T0 + 10000;                    /* what retry_ms said */
    assert_false(limits(r, &q).limits.each[0].exceeded);
    assert_true(limits(r, &q).limits.each[0].exceeded);
}

/* The model: tokens, measured in the time that they cost, flow in with time and out with each decision. */
struct model { int64_t every_us, window_us, free_us, at_ms; };

static void model_move(struct model *m, int64_t now_ms)
{
    m->free_us += (now_ms - m->at_ms) * 1000;
    m->free_us = m->free_us > m->window_us ? m->window_us : m->free_us;
    m->at_ms = now_ms;
}

static bool model_fits_at(const struct model *m, int64_t cost, int64_t in_ms)
{
    int64_t then = m->free_us + in_ms * 1000;

    return (cost > 0 ? cost : 1) * m->every_us <= (then > m->window_us ? m->window_us : then);
}

static void check_against_model(const struct got *g, struct model *const *m, const struct store_limit *l, size_t n)
{
    bool over = false;

    for (size_t i = 0; i < n; i++)
        over = over || !model_fits_at(m[i], l[i].cost, 0);
    assert_int_equal(g->limits.outcome, STORE_HIT);
    assert_int_equal(g->limits.n, n);
    assert_int_equal(g->limits.committed, !over);
    for (size_t i = 0; i < n; i++) {
        const struct store_limit_result *got = &g->limits.each[i];

        assert_int_equal(got->exceeded, !model_fits_at(m[i], l[i].cost, 0));
        if (got->exceeded && l[i].cost <= l[i].burst) {
            assert_true(model_fits_at(m[i], l[i].cost, got->retry_ms));
            assert_false(model_fits_at(m[i], l[i].cost, got->retry_ms - 1));
        }
        if (!over)
            m[i]->free_us -= l[i].cost * m[i]->every_us;
        assert_int_equal(got->left, m[i]->free_us / m[i]->every_us);
    }
}

/* Redis forgets by its own clock, which cannot be a fake one: one event takes five seconds at least to be free again, so that a machine that
 * stands still for a moment does not make Redis forget what the model remembers. */
static void test_against_a_model(void **state)
{
    enum { KEYS = 5 };
    static const struct { int64_t count, per_ms, burst; } rates[KEYS] = {
        { 10, 100000, 10 }, { 7, 360000000, 3 }, { 1, 6000000, 1 }, { 1000, 5000000, 50 }, { 3, 1000000, 20 },
    };
    struct rig *r = rig_of(state);
    struct model m[KEYS];
    uint32_t seed = 12345;
    int64_t now_ms = T0;

    for (size_t i = 0; i < KEYS; i++) {
        m[i].every_us = rates[i].per_ms * 1000 / rates[i].count;
        m[i].window_us = m[i].free_us = m[i].every_us * rates[i].burst;
        m[i].at_ms = now_ms;
    }
    for (int round = 0; round < 3000; round++) {
        struct store_limit l[KEYS];
        struct model *used[KEYS];
        char names[KEYS][8];
        size_t n = 0;

        seed = seed * 1664525 + 1013904223;
        now_ms += (seed >> 8) % 5 == 0 ? (seed >> 12) % 1000000 : (seed >> 12) % 5000;
        for (size_t i = 0; i < KEYS; i++) {
            seed = seed * 1664525 + 1013904223;
            if ((seed >> 16) % 3 == 0)
                continue;
            snprintf(names[i], sizeof(names[i]), "m/%zu", i);
            l[n] = limit_of(names[i], rates[i].count, rates[i].per_ms, rates[i].burst, (seed >> 20) % 4);
            used[n] = &m[i];
            model_move(used[n++], now_ms);
        }
        struct got g = limits(r, &(struct store_limits_request){ .limits = l, .n = n, .now_ms = now_ms });
        check_against_model(&g, used, l, n);
    }
}

static void test_all_or_nothing(void **state)
{
    struct rig *r = rig_of(state);
    struct store_limit l[3] = { limit_of("a/x", 10, 1000, 10, 1), limit_of("b/x", 1, MINUTES(1), 1, 1), limit_of("c/x", 10, 1000, 10, 1) };
    struct store_limits_request q = { .limits = l, .n = 3, .now_ms = T0 };
    struct got g;

    assert_true(limits(r, &q).limits.committed);
    g = limits(r, &q);
    assert_false(g.limits.committed);
    assert_false(g.limits.each[0].exceeded);
    assert_true(g.limits.each[1].exceeded);
    assert_false(g.limits.each[2].exceeded);
    assert_int_equal(g.limits.each[0].left, 9);      /* not taken */
    assert_int_equal(g.limits.each[2].left, 9);
    l[0].cost = l[2].cost = 0;                       /* looks */
    q.n = 1;
    assert_int_equal(limits(r, &q).limits.each[0].left, 9);
    assert_int_equal(limits(r, &q).limits.each[0].left, 9);
}

static void test_look_and_large_cost(void **state)
{
    struct rig *r = rig_of(state);
    struct store_limit l = limit_of("look/x", 1, 1000, 2, 0);
    struct store_limits_request q = { .limits = &l, .n = 1, .now_ms = T0 };
    struct got g;

    assert_int_equal(limits(r, &q).limits.each[0].left, 2);
    l.cost = 3;                                      /* more than the burst: never */
    g = limits(r, &q);
    assert_true(g.limits.each[0].exceeded);
    assert_int_equal(g.limits.each[0].left, 2);
    l.cost = 2;
    assert_false(limits(r, &q).limits.each[0].exceeded);
    l.cost = 0;
    g = limits(r, &q);
    assert_true(g.limits.each[0].exceeded);          /* not even one more would fit */
    assert_int_equal(g.limits.each[0].retry_ms, 1000);
}

/* ---- two counters ---- */

/* The model keeps every event: what the two counters say must lie between the truth if the older window's events had all come at its
 * beginning and if they had all come at its end. */
struct event_log { int64_t at_ms[4000], cost[4000]; size_t n; };

static int64_t counted(const struct event_log *log, int64_t after_ms, int64_t until_ms)
{
    int64_t sum = 0;

    for (size_t i = 0; i < log->n; i++) {
        if (log->at_ms[i] >= after_ms && log->at_ms[i] < until_ms)
            sum += log->cost[i];
    }
    return sum;
}

static void test_sliding_against_a_model(void **state)
{
    enum { COUNT = 20, PER = 60000 };
    static struct event_log log;
    struct rig *r = rig_of(state);
    uint32_t seed = 99;
    int64_t now_ms = T0;

    log.n = 0;
    for (int round = 0; round < 2500; round++) {
        struct store_limit l = { .key = SPAN("slide/x"), .kind = STORE_SLIDING, .count = COUNT, .per_ms = PER };
        struct got g;

        seed = seed * 1664525 + 1013904223;
        now_ms += (seed >> 8) % 7 == 0 ? (seed >> 12) % 100000 : (seed >> 12) % 4000;
        l.cost = 1 + (seed >> 24) % 3;
        int64_t start_ms = now_ms - now_ms % PER, in = counted(&log, start_ms, now_ms + 1);
        int64_t before = counted(&log, start_ms - PER, start_ms), elapsed_ms = now_ms - start_ms;
        int64_t used = in + (before * (PER - elapsed_ms) + PER - 1) / PER;
        bool over = used + l.cost > COUNT;

        g = limits(r, &(struct store_limits_request){ .limits = &l, .n = 1, .now_ms = now_ms });
        assert_int_equal(g.limits.outcome, STORE_HIT);
        assert_int_equal(g.limits.each[0].exceeded, over);
        assert_int_equal(g.limits.committed, !over);
        if (over) {                                  /* what retry_ms says is true, and no later than need be */
            struct store_limit look = l;

            look.cost = 0;
            look.want = l.cost;
            assert_true(g.limits.each[0].retry_ms > 0);
            assert_true(g.limits.each[0].retry_ms <= 2 * PER);
            g = limits(r, &(struct store_limits_request){ .limits = &look, .n = 1, .now_ms = now_ms });
            assert_true(g.limits.each[0].exceeded);
            assert_int_equal(g.limits.each[0].left, COUNT > used ? COUNT - used : 0);
            continue;
        }
        log.at_ms[log.n] = now_ms;
        log.cost[log.n++] = l.cost;
        assert_true(counted(&log, now_ms - PER + 1, now_ms + 1) < 2 * COUNT);        /* the bound that store.h states */
    }
}

static void test_sliding_retry(void **state)
{
    struct rig *r = rig_of(state);
    struct store_limit l = { .key = SPAN("slide/retry"), .kind = STORE_SLIDING, .count = 4, .per_ms = 60000, .cost = 1 };
    int64_t start_ms = T0 - T0 % 60000;
    struct store_limits_request q = { .limits = &l, .n = 1, .now_ms = start_ms };
    struct got g;

    for (int i = 0; i < 4; i++)
        assert_false(limits(r, &q).limits.each[0].exceeded);
    g = limits(r, &q);
    assert_true(g.limits.each[0].exceeded);
    assert_int_equal(g.limits.each[0].retry_ms, 60000 + 15000);      /* in the next window a quarter of the four is gone after a quarter */
    q.now_ms = start_ms + 74999;
    assert_true(limits(r, &q).limits.each[0].exceeded);
    q.now_ms = start_ms + 75000;
    assert_false(limits(r, &q).limits.each[0].exceeded);
    q.now_ms = start_ms + 30000;                                     /* the clock was set back: two windows at most */
    g = limits(r, &q);
    assert_true(g.limits.each[0].retry_ms <= 120000);
    l.want = 9;
    l.cost = 0;
    q.now_ms = start_ms + 1000000;
    assert_true(limits(r, &q).limits.each[0].exceeded);              /* never fits */
    l.kind = STORE_GCRA;                                             /* a limit that was changed begins anew */
    l.burst = 4;
    l.want = 0;
    l.cost = 1;
    assert_int_equal(limits(r, &q).limits.each[0].left, 3);
    l.kind = STORE_SLIDING;
    assert_int_equal(limits(r, &q).limits.each[0].left, 3);
}

/* ---- force and refunds ---- */

static int64_t left_of(struct rig *r, struct store_limit l, int64_t now_ms)
{
    l.cost = 0;
    return limits(r, &(struct store_limits_request){ .limits = &l, .n = 1, .now_ms = now_ms }).limits.each[0].left;
}

static void test_force(void **state)
{
    struct rig *r = rig_of(state);
    struct store_limit l[2] = { limit_of("force/g", 10, 10000, 10, 15),
                                { .key = SPAN("force/s"), .kind = STORE_SLIDING, .count = 10, .per_ms = 10000, .cost = 15 } };
    struct store_limits_request q = { .limits = l, .n = 2, .now_ms = T0, .force = true };
    struct got g = limits(r, &q);

    assert_true(g.limits.committed);
    assert_true(g.limits.each[0].exceeded);
    assert_true(g.limits.each[1].exceeded);
    assert_int_equal(left_of(r, l[0], T0), 0);
    assert_int_equal(left_of(r, l[1], T0), 0);
    assert_int_equal(left_of(r, l[0], T0 + 10000), 10);              /* one window at most is owed */
}

static void test_refund(void **state)
{
    struct rig *r = rig_of(state);
    int64_t start_ms = T0 - T0 % 60000 + 1000;
    struct store_limit l[2] = { limit_of("refund/g", 60, 60000, 60, 7),
                                { .key = SPAN("refund/s"), .kind = STORE_SLIDING, .count = 60, .per_ms = 60000, .cost = 7 } };
    struct store_limits_request q = { .limits = l, .n = 2, .now_ms = start_ms, .once = SPAN("m1"), .once_ms = 600000 }, other = q;

    assert_int_equal(refund(r, &q), STORE_MISS);                     /* nothing was charged */
    assert_true(limits(r, &q).limits.committed);
    other.once = SPAN("m2");
    assert_true(limits(r, &other).limits.committed);
    assert_int_equal(left_of(r, l[0], start_ms), 46);
    assert_int_equal(left_of(r, l[1], start_ms), 46);
    q.now_ms = start_ms + 1000;
    assert_int_equal(refund(r, &q), STORE_HIT);
    assert_int_equal(left_of(r, l[0], start_ms), 53);
    assert_int_equal(left_of(r, l[1], start_ms), 53);
    assert_int_equal(refund(r, &q), STORE_MISS);                     /* once only */
    assert_int_equal(left_of(r, l[1], start_ms), 53);
    assert_true(limits(r, &q).limits.committed);                     /* asked again, the message takes nothing again */
    assert_int_equal(left_of(r, l[1], start_ms), 53);
    /* in the next window the refund goes to the older counter, in the one after it to none */
    other.now_ms = start_ms + 60000;
    assert_int_equal(refund(r, &other), STORE_HIT);
    assert_int_equal(left_of(r, l[1], start_ms + 60000), 60);
    other.once = SPAN("m3");
    other.now_ms = start_ms;
    l[0].key = SPAN("refund/g3");
    l[1].key = SPAN("refund/s3");
    assert_true(limits(r, &other).limits.committed);
    other.now_ms = start_ms + 180000;
    assert_int_equal(refund(r, &other), STORE_HIT);
    assert_int_equal(left_of(r, l[0], other.now_ms), 60);
    assert_int_equal(left_of(r, l[1], other.now_ms), 60);
}

/* Charged, forced and given back at random: what is left is what the model says. */
static void test_refunds_against_a_model(void **state)
{
    enum { COUNT = 50, PER = 60000, MESSAGES = 40 };
    struct rig *r = rig_of(state);
    int64_t start_ms = T0 - T0 % PER, taken[MESSAGES] = { 0 }, sum = 0;
    bool asked[MESSAGES] = { false };
    uint32_t seed = 7;

    for (int round = 0; round < 1500; round++) {
        struct store_limit l = { .key = SPAN("model/s"), .kind = STORE_SLIDING, .count = COUNT, .per_ms = PER };
        struct store_limits_request q = { .limits = &l, .n = 1, .now_ms = start_ms + round * 20, .once_ms = 600000 };
        char once[16];
        size_t m;

        seed = seed * 1664525 + 1013904223;
        m = (seed >> 8) % MESSAGES;
        snprintf(once, sizeof(once), "msg%zu", m);
        q.once = span_str(once);
        l.cost = 1 + (int64_t)m % 4;
        if ((seed >> 20) % 3 == 0) {
            assert_int_equal(refund(r, &q), taken[m] > 0 ? STORE_HIT : STORE_MISS);
            sum -= taken[m];
            taken[m] = 0;
        } else {
            bool fits = sum + l.cost <= COUNT;

            assert_int_equal(limits(r, &q).limits.committed, fits || asked[m]);
            if (fits && !asked[m]) {
                asked[m] = true;
                sum += taken[m] = l.cost;
            }
        }
        assert_int_equal(left_of(r, l, q.now_ms), COUNT - sum);
    }
}

static void test_once(void **state)
{
    struct rig *r = rig_of(state);
    struct store_limit l = limit_of("once/x", 1, MINUTES(1), 2, 1);
    struct store_limits_request q = { .limits = &l, .n = 1, .once = SPAN("5d1.65f0a.1/data"), .once_ms = SECONDS(100), .now_ms = T0 };
    struct got g;

    assert_int_equal(limits(r, &q).limits.each[0].left, 1);
    g = limits(r, &q);
    assert_int_equal(g.limits.each[0].left, 1);      /* the same request again */
    assert_true(g.limits.committed);
    q.once = SPAN("5d1.65f0a.2/data");
    assert_int_equal(limits(r, &q).limits.each[0].left, 0);
    g = limits(r, &q);                               /* charged before: not refused now that the bucket is empty */
    assert_false(g.limits.each[0].exceeded);
    assert_true(g.limits.committed);
    q.once = SPAN("5d1.65f0a.3/data");
    assert_true(limits(r, &q).limits.each[0].exceeded);
    q.now_ms = T0 + SECONDS(60);
    assert_true(limits(r, &q).limits.committed);     /* what was refused was not noted as charged */
    q.once = SPAN("5d1.65f0a.1/data");
    q.now_ms = T0 + SECONDS(100);
    assert_true(limits(r, &q).limits.each[0].exceeded);   /* forgotten: counts anew */
}

static void test_limit_clock_back(void **state)
{
    struct rig *r = rig_of(state);
    struct store_limit l = limit_of("back/x", 1, 1000, 2, 2);
    struct store_limits_request q = { .limits = &l, .n = 1, .now_ms = T0 };
    struct got g;

    limits(r, &q);
    q.now_ms = T0 - HOURS(1);
    l.cost = 1;
    g = limits(r, &q);
    assert_true(g.limits.each[0].exceeded);
    assert_int_equal(g.limits.each[0].retry_ms, 1000);    /* no longer than an empty bucket takes */
    q.now_ms += 1000;
    g = limits(r, &q);                               /* and who waited that long fits */
    assert_true(g.limits.committed);
    assert_int_equal(g.limits.each[0].left, 0);
}

static void test_long_and_odd_keys(void **state)
{
    struct rig *r = rig_of(state);
    char a[1000], b[1000];
    struct store_limit l = { .count = 1, .per_ms = 1000, .burst = 1, .cost = 1 };
    struct store_limits_request q = { .limits = &l, .n = 1, .now_ms = T0 };

    memset(a, 'k', sizeof(a));
    memset(b, 'k', sizeof(b));
    b[999] = 'l';                                    /* unlike in the last byte only */
    l.key = span_of(a, sizeof(a));
    assert_true(limits(r, &q).limits.committed);
    l.key = span_of(b, sizeof(b));
    assert_true(limits(r, &q).limits.committed);
    l.key = span_of(a, sizeof(a));
    assert_false(limits(r, &q).limits.committed);
    l.key = span_of("odd/\0\r\n*$ \xff\"'", 13);
    assert_true(limits(r, &q).limits.committed);
    assert_false(limits(r, &q).limits.committed);
    l.key = span_of("odd/\0\r\n*$ \xff\"", 12);
    assert_true(limits(r, &q).limits.committed);
}

/* ---- greylist ---- */

static void test_grey_rows(void **state)
{
    static const struct { const char *name, *key; int64_t at_ms; enum grey_answer want; int64_t wait_ms, tries; } rows[] = {
        { "first",                       "t1", 0,                           GREY_WAIT, MINUTES(5),      1 },
        { "too early",                   "t1", MINUTES(2),                  GREY_WAIT, MINUTES(3),      2 },
        { "a millisecond early",         "t1", MINUTES(5) - 1,              GREY_WAIT, 1,               3 },
        { "in time",                     "t1", MINUTES(5),                  GREY_PASS, 0,               4 },
        { "known",                       "t1", MINUTES(6),                  GREY_PASS, 0,               5 },
        { "known, just kept",            "t1", MINUTES(6) + DAYS(30),       GREY_PASS, 0,               6 },
        { "forgotten",                   "t1", MINUTES(7) + DAYS(60),       GREY_WAIT, MINUTES(5),      1 },
        { "another key",                 "t2", 0,                           GREY_WAIT, MINUTES(5),      1 },
        { "last moment of the window",   "t2", DAYS(2),                     GREY_PASS, 0,               2 },
        { "third key",                   "t3", 0,                           GREY_WAIT, MINUTES(5),      1 },
        { "after the window",            "t3", DAYS(2) + 1,                 GREY_WAIT, MINUTES(5),      1 },
        { "and in time then",            "t3", DAYS(2) + 1 + MINUTES(5),    GREY_PASS, 0,               2 },
        { "fourth key",                  "t4", HOURS(2),                    GREY_WAIT, MINUTES(5),      1 },
        { "clock set back an hour",      "t4", HOURS(1),                    GREY_PASS, 0,               2 },
        { "and it stays known",          "t4", HOURS(1) + 1,                GREY_PASS, 0,               3 },
        { "known, clock set back again", "t4", MINUTES(1),                  GREY_PASS, 0,               4 },
    };
    struct rig *r = rig_of(state);

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct got g = grey(r, (struct store_grey_request){ span_str(rows[i].key), MINUTES(5), DAYS(2), DAYS(30), T0 + rows[i].at_ms, { NULL, 0 }, 0, 0 });

        if (g.grey.outcome != STORE_HIT || g.grey.answer != rows[i].want || g.grey.wait_ms != rows[i].wait_ms || g.grey.tries != rows[i].tries)
            fail_msg("%s: outcome %d answer %d wait %lld tries %lld", rows[i].name, (int)g.grey.outcome, (int)g.grey.answer,
                     (long long)g.grey.wait_ms, (long long)g.grey.tries);
    }
}

static void test_grey_automatic(void **state)
{
    struct rig *r = rig_of(state);
    int64_t now_ms = T0;
    struct got g;

    for (int i = 0; i < 3; i++) {
        char key[40];
        struct store_grey_request q = { .delay_ms = MINUTES(5), .window_ms = DAYS(2), .keep_ms = DAYS(30), .auto_key = SPAN("{192.0.2.0/24}"),
                                        .auto_after = 2, .auto_keep_ms = DAYS(30) };

        snprintf(key, sizeof(key), "{192.0.2.0/24}/a%d@b/c@d", i);
        q.key = span_str(key);
        q.now_ms = now_ms;
        g = grey(r, q);
        assert_int_equal(g.grey.outcome, STORE_HIT);
        assert_int_equal(g.grey.answer, i < 2 ? GREY_WAIT : GREY_PASS);
        assert_int_equal(g.grey.automatic, i == 2);
        if (i == 2)
            break;
        q.now_ms = now_ms += MINUTES(6);
        assert_int_equal(grey(r, q).grey.answer, GREY_PASS);
        q.now_ms = now_ms += MINUTES(30);                            /* the same hour: not counted twice */
        assert_int_equal(grey(r, q).grey.answer, GREY_PASS);
        now_ms += MINUTES(40);
    }
    struct store_grey_request q = { .key = SPAN("{192.0.2.0/24}/z@b/c@d"), .delay_ms = MINUTES(5), .window_ms = DAYS(2), .keep_ms = DAYS(30),
                                    .auto_key = SPAN("{192.0.2.0/24}"), .auto_after = 2, .auto_keep_ms = DAYS(30), .now_ms = now_ms + DAYS(29) };
    assert_true(grey(r, q).grey.automatic);                          /* and each use keeps it */
    q.now_ms += DAYS(29);
    assert_true(grey(r, q).grey.automatic);
    q.now_ms += DAYS(31);
    assert_int_equal(grey(r, q).grey.answer, GREY_WAIT);
    q.auto_key = SPAN("{198.51.100.0/24}");
    q.key = SPAN("{198.51.100.0/24}/z@b/c@d");
    assert_int_equal(grey(r, q).grey.answer, GREY_WAIT);
}

static void test_grey_never_waits_longer(void **state)
{
    struct rig *r = rig_of(state);
    uint32_t seed = 99;

    /* Whatever the clock does: nobody is told to wait longer than the delay, and who comes at the told time passes. */
    for (int round = 0; round < 300; round++) {
        struct store_grey_request q = { SPAN("same key"), MINUTES(5), HOURS(4), DAYS(1), T0, { NULL, 0 }, 0, 0 };
        struct got g;

        seed = seed * 1664525 + 1013904223;
        q.now_ms = T0 + (int64_t)(seed >> 8) % DAYS(40);
        g = grey(r, q);
        if (g.grey.answer == GREY_PASS)
            continue;
        assert_true(g.grey.wait_ms > 0 && g.grey.wait_ms <= MINUTES(5));
        q.now_ms += g.grey.wait_ms;
        assert_int_equal(grey(r, q).grey.answer, GREY_PASS);
        assert_int_equal(forget(r, "grey", q.key).value.outcome, STORE_HIT);
    }
}

/* ---- values ---- */

static void test_values(void **state)
{
    struct rig *r = rig_of(state);
    char all[256], large[STORE_VALUE_MAX + 1];
    struct got g;

    for (int i = 0; i < 256; i++)
        all[i] = (char)i;
    memset(large, 'v', sizeof(large));
    assert_int_equal(recall(r, "rcpt", SPAN("a@example.com"), T0).value.outcome, STORE_MISS);
    assert_int_equal(remember(r, "rcpt", SPAN("a@example.com"), SPAN("valid ad1"), HOURS(1), T0).value.outcome, STORE_HIT);
    g = recall(r, "rcpt", SPAN("a@example.com"), T0 + MINUTES(10));
    assert_int_equal(g.value.outcome, STORE_HIT);
    assert_string_equal(g.bytes, "valid ad1");
    assert_int_equal(g.value.age_ms, MINUTES(10));
    assert_int_equal(g.value.ttl_left_ms, MINUTES(50));
    assert_int_equal(recall(r, "other", SPAN("a@example.com"), T0).value.outcome, STORE_MISS);
    assert_int_equal(recall(r, "rcpt", SPAN("a@example.com"), T0 + HOURS(1)).value.outcome, STORE_MISS);

    remember(r, "rcpt", SPAN("b"), SPAN(""), HOURS(1), T0);
    g = recall(r, "rcpt", SPAN("b"), T0);
    assert_int_equal(g.value.outcome, STORE_HIT);
    assert_int_equal(g.value.value.n, 0);
    remember(r, "rcpt", SPAN("b"), span_of(all, sizeof(all)), HOURS(2), T0);       /* longer, and any byte */
    g = recall(r, "rcpt", SPAN("b"), T0);
    assert_int_equal(g.value.value.n, 256);
    assert_memory_equal(g.bytes, all, 256);
    remember(r, "rcpt", SPAN("b"), span_of(large, STORE_VALUE_MAX), HOURS(1), T0);
    assert_int_equal(recall(r, "rcpt", SPAN("b"), T0).value.value.n, STORE_VALUE_MAX);
    assert_int_equal(remember(r, "rcpt", SPAN("b"), span_of(large, sizeof(large)), HOURS(1), T0).value.outcome, STORE_MISS);
    assert_int_equal(forget(r, "rcpt", SPAN("b")).value.outcome, STORE_HIT);
    assert_int_equal(forget(r, "rcpt", SPAN("b")).value.outcome, STORE_MISS);
    assert_int_equal(recall(r, "rcpt", SPAN("b"), T0).value.outcome, STORE_MISS);
}

/* ---- scan ---- */

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void test_scan(void **state)
{
    struct rig *r = rig_of(state);
    struct store_limit l[2] = { limit_of("per-client/192.0.2.1", 6, MINUTES(1), 3, 1), limit_of("per-sender/a@example.com", 60, HOURS(1), 9, 2) };
    static struct listed found;
    char key[32];

    limits(r, &(struct store_limits_request){ .limits = l, .n = 2, .once = SPAN("hidden"), .once_ms = 9999 });
    grey(r, (struct store_grey_request){ SPAN("192.0.2.0/24 a@b c@d"), MINUTES(5), DAYS(2), DAYS(30), 0, { NULL, 0 }, 0, 0 });
    for (int i = 0; i < 40; i++) {
        snprintf(key, sizeof(key), "key*%02d", i);
        remember(r, "rcpt", span_str(key), SPAN("v [x]"), HOURS(1), 0);
    }
    remember(r, "rcpt2", SPAN("key*99"), SPAN("of another table"), HOURS(1), 0);

    scan(r, "limits", SPAN(""), 50, &found);
    assert_int_equal(found.outcome, STORE_HIT);
    assert_int_equal(found.n, 2);
    scan(r, "limits", SPAN("per-s"), 50, &found);
    assert_int_equal(found.n, 1);
    assert_string_equal(found.keys[0], "per-sender/a@example.com");
    assert_string_equal(found.values[0], "left=7 of=9 every_ms=60000");
    assert_in_range(found.ttl_ms[0], 100000, 120000);
    scan(r, "grey", SPAN(""), 50, &found);
    assert_int_equal(found.n, 1);
    assert_string_equal(found.keys[0], "192.0.2.0/24 a@b c@d");
    assert_string_equal(found.values[0], "answer=wait tries=1");
    assert_in_range(found.age_ms[0], 0, 5000);
    scan(r, "rcpt", SPAN(""), 50, &found);
    assert_int_equal(found.n, 40);
    qsort(found.keys, found.n, sizeof(found.keys[0]), compare);
    assert_string_equal(found.keys[0], "key*00");
    assert_string_equal(found.keys[39], "key*39");
    assert_string_equal(found.values[0], "v [x]");
    scan(r, "rcpt", SPAN("key*1"), 50, &found);
    assert_int_equal(found.n, 10);
    scan(r, "rcpt", SPAN("key?1"), 50, &found);      /* no pattern */
    assert_int_equal(found.n, 0);
    scan(r, "rcpt", SPAN(""), 7, &found);
    assert_int_equal(found.n, 7);
    scan(r, "nothing", SPAN(""), 7, &found);
    assert_int_equal(found.n, 0);
    assert_int_equal(forget(r, "limits", SPAN("per-sender/a@example.com")).value.outcome, STORE_HIT);
    scan(r, "limits", SPAN(""), 50, &found);
    assert_int_equal(found.n, 1);
}

static void test_own_clock(void **state)
{
    struct rig *r = rig_of(state);
    struct store_limit l = limit_of("own/x", 1, HOURS(1), 1, 1);
    struct got g;

    assert_true(limits(r, &(struct store_limits_request){ .limits = &l, .n = 1 }).limits.committed);
    g = limits(r, &(struct store_limits_request){ .limits = &l, .n = 1 });
    assert_true(g.limits.each[0].exceeded);
    assert_in_range(g.limits.each[0].retry_ms, HOURS(1) - 10000, HOURS(1));
    remember(r, "rcpt", SPAN("k"), SPAN("v"), HOURS(1), 0);
    assert_in_range(recall(r, "rcpt", SPAN("k"), 0).value.ttl_left_ms, HOURS(1) - 10000, HOURS(1));
}

#define BOTH(test) \
    { #test " (embedded)", test, setup_embedded, teardown, NULL }, { #test " (redis)", test, setup_redis, teardown, NULL }

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_burst_then_rate), BOTH(test_against_a_model), BOTH(test_all_or_nothing), BOTH(test_look_and_large_cost), BOTH(test_once),
        BOTH(test_limit_clock_back), BOTH(test_long_and_odd_keys), BOTH(test_grey_rows), BOTH(test_grey_never_waits_longer), BOTH(test_grey_automatic),
        BOTH(test_sliding_against_a_model), BOTH(test_sliding_retry), BOTH(test_force), BOTH(test_refund), BOTH(test_refunds_against_a_model),
        BOTH(test_values), BOTH(test_scan), BOTH(test_own_clock),
    };
    int failed;

    rig_make(&shared_redis);
    no_redis = rig_redis_start(&shared_redis) < 0;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    rig_free(&shared_redis);
    return failed;
}

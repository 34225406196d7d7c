/* test_store_redis.c - the Redis back end when Redis is away, hangs, forgets scripts or says no; and what it writes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "store_rig.h"

#include "lib/base/buf.h"
#include "lib/net/redisc.h"
#include "lib/store/store_redis_memory.h"

static int setup(void **state)
{
    struct rig *r = calloc(1, sizeof(*r));

    rig_make(r);
    if (rig_redis_start(r) == 0) {
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

static struct store_limits_request one_limit(void)
{
    static struct store_limit l;

    l = limit_of("a/x", 100, SECONDS(1), 100, 1);
    return (struct store_limits_request){ .limits = &l, .n = 1, .now_ms = RIG_WALL };
}

/* Asks, and lets so much time pass for the answer. */
static struct got limits_in(struct rig *r, int64_t ms)
{
    struct store_limits_request q = one_limit();
    struct store_call *call;
    struct got g = { 0 };

    store_limits(r->store, &q, on_limits, &g, &call);
    for (int i = 0; i < 5 && !g.done; i++)
        loop_turn(r->loop, 10);
    if (!g.done)
        loop_fake_advance(r->loop, ms);
    return g;
}

/* ---- Redis by hand ---- */

struct raw { bool done; char text[4096]; int64_t number; };

static void on_raw(const redisReply *reply, const char *why, void *arg)
{
    struct raw *w = arg;

    w->done = true;
    snprintf(w->text, sizeof(w->text), "%s", reply == NULL ? why : reply->type == REDIS_REPLY_NIL ? "(nil)" : reply->str != NULL ? reply->str : "");
    w->number = reply != NULL ? reply->integer : -1;
}

static struct raw raw(struct rig *r, size_t argc, const span *argv)
{
    struct redisc *c = redisc_new(r->loop, &(struct redisc_settings){ .address = r->redis, .timeout_ms = 5000 });
    struct raw w = { 0 };

    redisc_command(c, argc, argv, on_raw, &w);
    for (int i = 0; i < 500 && !w.done; i++)
        loop_turn(r->loop, 10);
    assert_true(w.done);
    redisc_free(&c);
    return w;
}
#define RAW(r, ...) raw(r, sizeof((span[]){ __VA_ARGS__ }) / sizeof(span), (span[]){ __VA_ARGS__ })

static struct raw raw_get(struct rig *r, const char *rest)
{
    char key[200];

    snprintf(key, sizeof(key), "%s:%s", r->prefix, rest);
    return RAW(r, SPAN("GET"), span_str(key));
}

/* ---- what is written ---- */

static void test_keys_and_values_are_readable(void **state)
{
    struct rig *r = rig_of(state);
    struct store_limit l = limit_of("per-client/192.0.2.1", 6, MINUTES(1), 3, 1);
    char want[100], key[100];
    struct raw w;

    limits(r, &(struct store_limits_request){ .limits = &l, .n = 1, .once = SPAN("5d1.1"), .once_ms = SECONDS(100), .now_ms = RIG_WALL });
    snprintf(want, sizeof(want), "%lld000 10000000 30000000", (long long)(RIG_WALL + SECONDS(10)));
    assert_string_equal(raw_get(r, "{limit}:per-client/192.0.2.1").text, want);
    snprintf(want, sizeof(want), "%lld000 %lld000", (long long)(RIG_WALL + SECONDS(100)), (long long)RIG_WALL);
    assert_string_equal(raw_get(r, "{limit}-once:5d1.1").text, want);
    grey(r, (struct store_grey_request){ SPAN("192.0.2.0/24 <a@b> <c@d>"), MINUTES(5), DAYS(2), DAYS(30), RIG_WALL, { NULL, 0 }, 0, 0 });
    snprintf(want, sizeof(want), "wait %lld %lld 1", (long long)RIG_WALL, (long long)RIG_WALL);
    assert_string_equal(raw_get(r, "grey:192.0.2.0/24 <a@b> <c@d>").text, want);
    remember(r, "rcpt", SPAN("a@example.com"), SPAN("valid"), HOURS(1), RIG_WALL);
    snprintf(want, sizeof(want), "%lld %lld valid", (long long)RIG_WALL, (long long)(RIG_WALL + HOURS(1)));
    assert_string_equal(raw_get(r, "rcpt:a@example.com").text, want);
    snprintf(key, sizeof(key), "%s:rcpt:a@example.com", r->prefix);
    w = RAW(r, SPAN("PTTL"), span_str(key));
    assert_in_range(w.number, HOURS(1) - 10000, HOURS(1));
    w = RAW(r, SPAN("DBSIZE"));
    assert_int_equal(w.number, 4);
    snprintf(key, sizeof(key), "%s:{limit}:per-client/192.0.2.1", r->prefix);
    w = RAW(r, SPAN("PTTL"), span_str(key));
    assert_in_range(w.number, 1, 10000);             /* gone when it would say nothing any more */
}

/* ---- what needs no round trip ---- */

static int64_t scripts_run(struct rig *r)
{
    struct raw w = RAW(r, SPAN("INFO"), SPAN("commandstats"));
    span text = span_str(w.text);
    size_t at = span_find_span(text, SPAN("cmdstat_evalsha:calls="));
    uint64_t n = 0;

    text = span_from(text, at + 22);
    span_to_u64(span_head(text, span_find(text, ',')), &n);
    return (int64_t)n;
}

/* On Redis' own clock: one in ten seconds. */
static struct store_limits_request scarce(const char *once)
{
    static struct store_limit l;

    l = limit_of("scarce/x", 1, SECONDS(10), 1, 1);
    return (struct store_limits_request){ .limits = &l, .n = 1, .once = span_str(once), .once_ms = MINUTES(1) };
}

static void test_who_hammers_is_answered_here(void **state)
{
    struct rig *r = rig_of(state);
    struct store_limits_request first = scarce("m1"), q = scarce("m2");
    int64_t before;
    struct got g;

    assert_true(limits(r, &first).limits.committed);
    g = limits(r, &q);
    assert_true(g.limits.each[0].exceeded);
    before = scripts_run(r);
    for (int i = 0; i < 50; i++) {
        char once[20];

        snprintf(once, sizeof(once), "n%d", i);
        q = scarce(once);
        g = limits(r, &q);
        assert_true(g.limits.each[0].exceeded && !g.limits.committed);
        assert_in_range(g.limits.each[0].retry_ms, 5000, 10000);
    }
    assert_int_equal(scripts_run(r), before);
    first = scarce("m1");
    g = limits(r, &first);                           /* asked again: it was charged */
    assert_true(g.limits.committed && !g.limits.each[0].exceeded);
    assert_int_equal(scripts_run(r), before + 1);
    loop_fake_advance(r->loop, DENIED_KEPT_MS + 1);  /* then Redis is asked again */
    q = scarce("n99");
    assert_true(limits(r, &q).limits.each[0].exceeded);
    assert_int_equal(scripts_run(r), before + 2);
    assert_int_equal(forget(r, "limits", SPAN("scarce/x")).value.outcome, STORE_HIT);
    q = scarce("n100");
    assert_true(limits(r, &q).limits.committed);     /* reset here: known at once */
}

static void test_who_asks_for_less_is_asked_about(void **state)
{
    struct rig *r = rig_of(state);
    struct store_limit l = limit_of("want/x", 5, SECONDS(10), 5, 4);
    struct store_limits_request q = { .limits = &l, .n = 1 };

    assert_true(limits(r, &q).limits.committed);
    assert_true(limits(r, &q).limits.each[0].exceeded);
    l.cost = 1;                                      /* four have no room, one has */
    assert_true(limits(r, &q).limits.committed);
}

static void test_who_passed_passes(void **state)
{
    struct rig *r = rig_of(state);
    struct store_grey_request q = { SPAN("pass/x"), 0, DAYS(2), DAYS(30), 0, { NULL, 0 }, 0, 0 };
    int64_t before;

    assert_int_equal(grey(r, q).grey.answer, GREY_PASS);
    before = scripts_run(r);
    for (int i = 0; i < 20; i++)
        assert_int_equal(grey(r, q).grey.answer, GREY_PASS);
    assert_int_equal(scripts_run(r), before);
    loop_fake_advance(r->loop, PASSED_KEPT_MS + 1);
    assert_int_equal(grey(r, q).grey.answer, GREY_PASS);
    assert_int_equal(scripts_run(r), before + 1);
    forget(r, "grey", SPAN("pass/x"));
    q.delay_ms = MINUTES(5);
    assert_int_equal(grey(r, q).grey.answer, GREY_WAIT);
}

/* ---- blocks in advance ---- */

static struct got ask_busy(struct rig *r, struct store *s, const char *key, int64_t count, int64_t n)
{
    static char once[40];
    struct store_limit l = { .key = span_str(key), .count = count, .per_ms = HOURS(10), .burst = count, .cost = 1 };
    struct store_call *call;
    struct got g = { 0 };

    snprintf(once, sizeof(once), "%s/%lld", key, (long long)n);
    store_limits(s, &(struct store_limits_request){ .limits = &l, .n = 1, .once = span_str(once), .once_ms = MINUTES(10) }, on_limits, &g, &call);
    rig_wait(r, &g);
    assert_int_equal(g.limits.outcome, STORE_HIT);
    return g;
}

/* Two hosts hammer one key: together never more than there is, and at most a block each too few; few questions reach Redis. */
static void test_blocks(void **state)
{
    struct rig *r = rig_of(state);
    struct store *hosts[2];
    int64_t before, passed = 0, n = 0;

    r->set.store.redis.lease_percent = 2;
    for (int i = 0; i < 2; i++)
        assert_non_null(hosts[i] = store_open(r->loop, "test", &r->set, &r->err));
    before = scripts_run(r);
    while (n < 4000) {
        bool in = ask_busy(r, hosts[n % 2], "busy/x", 1000, n).limits.committed;

        passed += in;
        if (n % 7 == 0)                              /* asked again: the same answer, nothing counted */
            assert_int_equal(ask_busy(r, hosts[n % 2], "busy/x", 1000, n).limits.committed, in);
        n++;
    }
    assert_in_range(passed, 1000 - 2 * 20, 1000);
    assert_in_range(scripts_run(r) - before, 40, 600);
    for (int i = 0; i < 2; i++)
        store_close(&hosts[i]);
}

/* What another process charged under the same name takes nothing here, so it brings no block either. */
static void test_no_block_for_nothing(void **state)
{
    struct rig *r = rig_of(state);
    struct store *first, *second;
    int64_t passed = 1;

    r->set.store.redis.lease_percent = 20;
    assert_non_null(first = store_open(r->loop, "test", &r->set, &r->err));
    assert_non_null(second = store_open(r->loop, "test", &r->set, &r->err));
    assert_true(ask_busy(r, first, "busy/z", 100, 0).limits.committed);
    for (int64_t n = 1; n < 400; n++) {
        passed += ask_busy(r, second, "busy/z", 100, n).limits.committed;
        assert_true(ask_busy(r, second, "busy/z", 100, 0).limits.committed);
    }
    assert_in_range(passed, 80, 100);
    store_close(&first);
    store_close(&second);
}

/* What was given out here is put back here. */
static void test_blocks_given_back(void **state)
{
    struct rig *r = rig_of(state);
    struct store *s;
    int64_t passed = 0;

    r->set.store.redis.lease_percent = 5;
    assert_non_null(s = store_open(r->loop, "test", &r->set, &r->err));
    for (int64_t n = 0; n < 400; n++) {
        struct store_limit l = { .key = SPAN("busy/y"), .count = 100, .per_ms = HOURS(10), .burst = 100, .cost = 1 };
        struct store_limits_request q = { .limits = &l, .n = 1 };
        struct store_call *call;
        struct got back = { 0 };
        char once[40];

        if (!ask_busy(r, s, "busy/y", 100, n).limits.committed)
            continue;
        passed++;
        if (n % 2 == 0)
            continue;
        snprintf(once, sizeof(once), "busy/y/%lld", (long long)n);
        q.once = span_str(once);
        store_refund(s, &q, on_refund, &back, &call);
        rig_wait(r, &back);
        assert_int_equal(back.value.outcome, STORE_HIT);
    }
    assert_in_range(passed, 2 * (100 - 5) - 2, 2 * 100);         /* every other one took nothing in the end */
    store_close(&s);
}

/* ---- many hosts ---- */

enum { HOSTS_MAX = 8, AT_ONCE = 24 };

/* Refills by whole events, as the clock of this test only ever moves by whole ones. */
struct shared { int64_t left, burst, every_ms, at_ms; };

static void refill(struct shared *m, int64_t now_ms)
{
    m->left += (now_ms - m->at_ms) / m->every_ms;
    m->left = m->left < m->burst ? m->left : m->burst;
    m->at_ms = now_ms;
}

/* Several hosts ask at the same moment: together they get what there is, not one more and not one less; what is given back is there again. */
static void hosts_together(struct rig *r, size_t n_hosts, uint32_t seed)
{
    static char once[AT_ONCE][96];
    static struct got got[AT_ONCE];
    struct store *hosts[HOSTS_MAX];
    char key[32];
    struct store_limit l = { .cost = 1, .count = 10, .per_ms = 1000, .burst = 15 };
    struct shared m = { 15, 15, 100, RIG_WALL };
    uint32_t x = seed;
    int64_t now_ms = RIG_WALL;

    snprintf(key, sizeof(key), "hosts/%zu.%u", n_hosts, seed);
    l.key = span_str(key);
    for (size_t i = 0; i < n_hosts; i++)
        assert_non_null(hosts[i] = store_open(r->loop, "test", &r->set, &r->err));
    for (int round = 0; round < 60; round++) {
        size_t n, taken = 0, back = 0;
        struct got given = { 0 };
        struct store_call *call;

        x = x * 1664525 + 1013904223;
        n = 1 + (x >> 8) % AT_ONCE;
        now_ms += 100 * (int64_t)((x >> 16) % 8);
        refill(&m, now_ms);
        for (size_t i = 0; i < n; i++) {
            snprintf(once[i], sizeof(once[i]), "%s/%d/%zu", key, round, i);
            got[i] = (struct got){ 0 };
            store_limits(hosts[i % n_hosts], &(struct store_limits_request){ .limits = &l, .n = 1, .once = span_str(once[i]), .once_ms = MINUTES(10),
                                                                            .now_ms = now_ms }, on_limits, &got[i], &call);
        }
        for (size_t i = 0; i < n; i++) {
            rig_wait(r, &got[i]);
            assert_int_equal(got[i].limits.outcome, STORE_HIT);
            taken += got[i].limits.committed;
        }
        assert_int_equal(taken, (int64_t)n < m.left ? n : (size_t)m.left);
        m.left -= (int64_t)taken;
        for (size_t i = 0; i < n; i += 3) {          /* some are given back, by another host than took them */
            if (!got[i].limits.committed)
                continue;
            given = (struct got){ 0 };
            store_refund(hosts[(i + 1) % n_hosts], &(struct store_limits_request){ .limits = &l, .n = 1, .once = span_str(once[i]), .now_ms = now_ms },
                         on_refund, &given, &call);
            rig_wait(r, &given);
            assert_int_equal(given.value.outcome, STORE_HIT);
            back++;
        }
        m.left += (int64_t)back;
    }
    for (size_t i = 0; i < n_hosts; i++)
        store_close(&hosts[i]);
}

static void test_many_hosts(void **state)
{
    struct rig *r = rig_of(state);

    for (size_t n = 2; n <= HOSTS_MAX; n += 2)
        hosts_together(r, n, (uint32_t)n * 77);
}

/* ---- faults ---- */

static void test_forgotten_scripts(void **state)
{
    struct rig *r = rig_of(state);
    struct store_limits_request q = one_limit();

    for (int i = 99; i > 95; i--) {
        struct got g = limits(r, &q);

        assert_int_equal(g.limits.outcome, STORE_HIT);
        assert_int_equal(g.limits.each[0].left, i);
        assert_string_equal(RAW(r, SPAN("SCRIPT"), SPAN("FLUSH")).text, "OK");
    }
}

static void test_killed_and_back(void **state)
{
    struct rig *r = rig_of(state);
    struct store_limits_request q = one_limit();
    static struct listed found;
    struct got g;

    assert_int_equal(limits(r, &q).limits.outcome, STORE_HIT);
    assert_true(store_up(r->store));
    rig_redis_stop(r);
    for (int i = 0; i < 20; i++) {
        g = limits_in(r, 500);
        assert_int_equal(g.times, 1);
        assert_int_equal(g.limits.outcome, STORE_DOWN);
        assert_false(g.limits.committed);
        assert_true(g.why[0] != '\0');
    }
    assert_false(store_up(r->store));
    assert_true(store_problem(r->store)[0] != '\0');
    assert_int_equal(recall(r, "rcpt", SPAN("x"), 0).value.outcome, STORE_DOWN);
    assert_int_equal(remember(r, "rcpt", SPAN("x"), SPAN("v"), 1000, 0).value.outcome, STORE_DOWN);
    assert_int_equal(forget(r, "rcpt", SPAN("x")).value.outcome, STORE_DOWN);
    assert_int_equal(grey(r, (struct store_grey_request){ SPAN("k"), 1000, 2000, 3000, 0, { NULL, 0 }, 0, 0 }).grey.outcome, STORE_DOWN);
    scan(r, "rcpt", SPAN(""), 9, &found);
    assert_int_equal(found.outcome, STORE_DOWN);

    assert_int_equal(rig_redis_start(r), 0);
    for (int64_t t = 0; t <= 2000; t += 100) {
        g = limits_in(r, 0);
        if (g.done && g.limits.outcome == STORE_HIT)
            break;
        loop_fake_advance(r->loop, 100);
    }
    assert_int_equal(g.limits.outcome, STORE_HIT);               /* within 2 s */
    assert_true(store_up(r->store));
    assert_string_equal(store_problem(r->store), "");
}

/* It takes connections and commands and says nothing. */
static void test_hanging(void **state)
{
    struct rig *r = rig_of(state);
    struct store_limits_request q = one_limit();
    int waited = 0, at_once = 0, pending;
    struct got g, many[10];

    assert_int_equal(limits(r, &q).limits.outcome, STORE_HIT);
    kill(r->redis_pid, SIGSTOP);
    for (int i = 0; i < 40; i++) {
        struct store_call *call;
        int64_t before = loop_now_ms(r->loop);

        g = (struct got){ 0 };
        store_limits(r->store, &q, on_limits, &g, &call);
        if (g.done)
            at_once++;
        for (int t = 0; t < 6 && !g.done; t++)
            loop_fake_advance(r->loop, 100);
        assert_true(g.done);
        assert_int_equal(g.limits.outcome, STORE_DOWN);
        assert_true(loop_now_ms(r->loop) - before <= 500);       /* never longer than the timeout */
        waited += loop_now_ms(r->loop) - before > 0;
        loop_fake_advance(r->loop, 20);
    }
    assert_true(at_once >= 30);                                  /* the breaker */
    assert_true(waited <= 6);
    loop_fake_advance(r->loop, SECONDS(2));
    pending = 0;
    for (size_t i = 0; i < 10; i++) {
        struct store_call *call;

        many[i] = (struct got){ 0 };
        store_limits(r->store, &q, on_limits, &many[i], &call);
        pending += !many[i].done;
    }
    assert_int_equal(pending, 1);                                /* one finds out, the others do not wait */
    loop_fake_advance(r->loop, 500);
    kill(r->redis_pid, SIGCONT);
    for (int64_t t = 0; t <= 2000; t += 100) {
        g = limits_in(r, 0);
        if (g.done && g.limits.outcome == STORE_HIT)
            break;
        loop_fake_advance(r->loop, 100);
    }
    assert_int_equal(g.limits.outcome, STORE_HIT);
}

/* Answers at once with errors: DOWN, with Redis' own words, and no breaker in the way when it is well again. */
static void test_error_replies(void **state)
{
    struct rig *r = rig_of(state);
    struct store_limits_request q = one_limit();
    struct got g;

    assert_int_equal(limits(r, &q).limits.outcome, STORE_HIT);
    assert_string_equal(RAW(r, SPAN("CONFIG"), SPAN("SET"), SPAN("maxmemory"), SPAN("1")).text, "OK");
    for (int i = 0; i < 5; i++) {
        g = limits(r, &q);
        assert_int_equal(g.limits.outcome, STORE_DOWN);
        assert_non_null(strstr(g.why, "OOM"));
    }
    assert_false(store_up(r->store));
    assert_string_equal(RAW(r, SPAN("CONFIG"), SPAN("SET"), SPAN("maxmemory"), SPAN("0")).text, "OK");
    assert_int_equal(limits(r, &q).limits.outcome, STORE_HIT);
    assert_true(store_up(r->store));
}

/* Somebody else's value under our key is not taken for ours, and breaks nothing. */
static void test_foreign_values(void **state)
{
    static const char *const values[] = { "", "x", "12", "-5 1 1", "99999999999999999999999999 1 1", "wait", "wait 1", "pass x y z", "1 2", "1 99 v" };
    struct rig *r = rig_of(state);
    static struct listed found;
    char limit_key[100], grey_key[100], value_key[100];

    snprintf(limit_key, sizeof(limit_key), "%s:{limit}:a/x", r->prefix);
    snprintf(grey_key, sizeof(grey_key), "%s:grey:k", r->prefix);
    snprintf(value_key, sizeof(value_key), "%s:rcpt:k", r->prefix);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        struct store_limits_request q = one_limit();

        RAW(r, SPAN("SET"), span_str(limit_key), span_str(values[i]));
        RAW(r, SPAN("SET"), span_str(grey_key), span_str(values[i]));
        RAW(r, SPAN("SET"), span_str(value_key), span_str(values[i]));
        scan(r, "limits", SPAN(""), 9, &found);
        scan(r, "grey", SPAN(""), 9, &found);
        scan(r, "rcpt", SPAN(""), 9, &found);
        assert_int_equal(recall(r, "rcpt", SPAN("k"), RIG_WALL).value.outcome, STORE_MISS);
        assert_int_equal(grey(r, (struct store_grey_request){ SPAN("k"), 1000, 2000, 3000, RIG_WALL, { NULL, 0 }, 0, 0 }).grey.answer, GREY_WAIT);
        assert_int_equal(limits(r, &q).limits.outcome, STORE_HIT);
    }
    RAW(r, SPAN("DEL"), span_str(limit_key));
    RAW(r, SPAN("LPUSH"), span_str(limit_key), SPAN("v"));
    scan(r, "limits", SPAN(""), 9, &found);
    assert_int_equal(found.n, 0);
    assert_int_equal(found.outcome, STORE_HIT);
}

static void test_cancel(void **state)
{
    struct rig *r = rig_of(state);
    struct store_limits_request q = one_limit();
    struct store_call *call[3];
    struct got g[3] = { { 0 } };

    for (int i = 0; i < 3; i++)
        store_limits(r->store, &q, on_limits, &g[i], &call[i]);
    assert_non_null(call[1]);
    store_cancel(&call[1]);
    assert_null(call[1]);
    store_cancel(&call[1]);
    rig_wait(r, &g[2]);
    assert_true(g[0].done);
    assert_false(g[1].done);
    store_limits(r->store, &q, on_limits, &g[1], &call[1]);
    store_close(&r->store);                                      /* no callback after it */
    loop_turn(r->loop, 20);
    assert_false(g[1].done);
}

static void test_bad_settings(void **state)
{
    struct rig *r = rig_of(state);
    struct errtext err;

    r->set.store.redis.password_file = "/nonexistent/secret";
    assert_null(store_open(r->loop, "test", &r->set, &err));
    assert_non_null(strstr(err.text, "/nonexistent/secret"));
    r->set.store.redis.password_file = NULL;
    r->set.store.redis.server = NULL;
    assert_null(store_open(r->loop, "test", &r->set, &err));
    assert_non_null(strstr(err.text, "store.redis"));
    assert_non_null(strstr(err.text, "server is not given"));
}

static void test_login(void **state)
{
    struct rig *r = rig_of(state);
    struct store_limits_request q = one_limit();
    char path[128];
    FILE *f;

    assert_string_equal(RAW(r, SPAN("CONFIG"), SPAN("SET"), SPAN("requirepass"), SPAN("s3cret with blanks")).text, "OK");
    store_close(&r->store);
    snprintf(path, sizeof(path), "%s/secret", r->dir);
    assert_non_null(f = fopen(path, "w"));
    fputs("wrong\n", f);
    fclose(f);
    chmod(path, 0600);
    r->set.store.redis.password_file = path;
    r->set.store.redis.db = 3;
    rig_open(r);
    struct got g = limits(r, &q);
    assert_int_equal(g.limits.outcome, STORE_DOWN);
    assert_non_null(strstr(g.why, "login refused"));
    store_close(&r->store);
    assert_non_null(f = fopen(path, "w"));
    fputs("s3cret with blanks\n", f);
    fclose(f);
    rig_open(r);
    assert_int_equal(limits(r, &q).limits.outcome, STORE_HIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_keys_and_values_are_readable, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_hammers_is_answered_here, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_asks_for_less_is_asked_about, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_passed_passes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_blocks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_block_for_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_blocks_given_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_hosts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_forgotten_scripts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_killed_and_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hanging, setup, teardown),
        cmocka_unit_test_setup_teardown(test_error_replies, setup, teardown),
        cmocka_unit_test_setup_teardown(test_foreign_values, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cancel, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_settings, setup, teardown),
        cmocka_unit_test_setup_teardown(test_login, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

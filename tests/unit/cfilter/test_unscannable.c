/* test_unscannable.c - a message that no worker survives: put off, counted, and in the end refused with the reason.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "conversation.h"

#include "cfilter/unscannable.h"

/* ---- a store that remembers in a list, or is down, or slow ---- */

static struct memory {
    char key[80], value[80];
} remembered[16];
static size_t n_remembered;
static bool store_is_down, store_is_slow;
static unsigned store_cancelled;
static uint64_t not_tried;

struct store_call {
    struct loop_timer t;
    char key[80];
    store_value_fn *fn;
    void *arg;
};

static struct memory *find(span key)
{
    for (size_t i = 0; i < n_remembered; i++)
        if (span_eq(key, span_str(remembered[i].key)))
            return &remembered[i];
    return NULL;
}

static void tell(span key, store_value_fn *fn, void *arg)
{
    const struct memory *m = find(key);

    fn(&(struct store_value_result){ .outcome = store_is_down ? STORE_DOWN : m != NULL ? STORE_HIT : STORE_MISS,
                                     .value = span_str(m != NULL && !store_is_down ? m->value : ""), .why = "down" },
       arg);
}

static void tell_late(void *arg)
{
    struct store_call *c = arg;

    tell(span_str(c->key), c->fn, c->arg);
    free(c);
}

void store_recall(struct store *s, const char *table, span key, int64_t now_ms, store_value_fn *fn, void *arg, struct store_call **call_out)
{
    (void)s;
    (void)now_ms;
    assert_string_equal(table, "unscannable");
    *call_out = NULL;
    if (store_is_slow) {
        struct store_call *c = xcalloc(1, sizeof(*c));

        snprintf(c->key, sizeof(c->key), "%.*s", SPAN_ARG(key));
        c->fn = fn;
        c->arg = arg;
        loop_timer_start(fw_loop, &c->t, 300, tell_late, c);
        *call_out = c;
        return;
    }
    tell(key, fn, arg);
}

void store_cancel(struct store_call **c)
{
    if (*c == NULL)
        return;
    store_cancelled++;
    loop_timer_stop(&(*c)->t);
    free(*c);
    *c = NULL;
}

void store_remember(struct store *s, const char *table, span key, span value, int64_t ttl_ms, int64_t now_ms, store_value_fn *fn, void *arg)
{
    struct memory *m = find(key);

    (void)s;
    (void)now_ms;
    (void)arg;
    assert_string_equal(table, "unscannable");
    assert_null(fn);
    assert_true(ttl_ms >= HOURS(4));
    if (m == NULL) {
        assert_true(n_remembered < 16);
        m = &remembered[n_remembered++];
        snprintf(m->key, sizeof(m->key), "%.*s", SPAN_ARG(key));
    }
    snprintf(m->value, sizeof(m->value), "%.*s", SPAN_ARG(value));
}

void store_forget(struct store *s, const char *table, span key, store_value_fn *fn, void *arg)
{
    struct memory *m = find(key);

    (void)s;
    (void)arg;
    assert_string_equal(table, "unscannable");
    assert_null(fn);
    if (m != NULL)
        *m = remembered[--n_remembered];
}

void store_scan(struct store *s, const char *table, span prefix, size_t limit, store_scan_fn *fn, void *arg)
{
    (void)s;
    assert_string_equal(table, "unscannable");
    assert_int_equal(prefix.n, 0);
    assert_true(limit >= n_remembered);
    for (size_t i = 0; i < n_remembered; i++)
        fn(&(struct store_scan_item){ .key = span_str(remembered[i].key), .value = span_str(remembered[i].value) }, STORE_HIT, false, arg);
    fn(NULL, STORE_HIT, true, arg);
}

/* ---- conversations ---- */

#define TRY(received, text, answer) MAIL RCPT DATA "C: Received: " received "\nC: Subject: x\nC:\nC: " text "\nC: .\nS: " answer "\nN: QUIT\nN!\n"
#define LATER "451 4.7.1 Message could not be scanned for viruses now (crash)*"
#define NEVER "554 5.6.0 Message could not be scanned for viruses (crash), rejected (id *"

static void begin(void)
{
    n_remembered = store_cancelled = 0;
    store_is_down = store_is_slow = false;
    fw_start();
    fw_front.store = (struct store *)(uintptr_t)1;       /* never looked into: the functions above are the store */
    fw_front.poison = poison_new();
    fw_front.not_tried = &not_tried;
    not_tried = 0;
    converse("greeting", EHLO);
}

static void end(void)
{
    poison_free(&fw_front.poison);
    fw_stop();
}

static void forget_all(void)
{
    n_remembered = 0;
    poison_free(&fw_front.poison);
    fw_front.poison = poison_new();
}

static void by_tries(void **state)
{
    (void)state;
    begin();
    converse("1", TRY("at one", "CRASH", LATER));
    converse("2, another trace", TRY("at two", "CRASH", LATER));
    converse("another message", TRY("at two", "CRASH too", LATER));
    converse("3", TRY("at three", "CRASH", LATER));
    converse("after three", TRY("at four", "CRASH", NEVER));
    converse("and ever after", TRY("at five", "CRASH", NEVER));
    assert_int_equal(fw_scans, 4);                       /* no worker was given it once more than it may be tried */
    assert_int_equal(not_tried, 2);
    converse("the other one has its own count", TRY("at four", "CRASH too", LATER));
    assert_int_equal(n_remembered, 2);
    end();
}

static void by_age(void **state)
{
    (void)state;
    begin();
    converse("first", TRY("1", "CRASH", LATER));
    loop_fake_wall_step(fw_loop, HOURS(4) - 60000);
    converse("nearly", TRY("2", "CRASH", LATER));
    forget_all();
    converse("first", TRY("1", "CRASH", LATER));
    loop_fake_wall_step(fw_loop, HOURS(4));
    converse("after 4 hours", TRY("2", "CRASH", NEVER));
    forget_all();
    converse("first", TRY("1", "CRASH", LATER));
    loop_fake_wall_step(fw_loop, -HOURS(9));
    converse("a clock set back", TRY("2", "CRASH", LATER));
    end();
}

static void without_a_body(void **state)
{
    static const char *const answers[] = { LATER, LATER, LATER, NEVER };

    (void)state;
    begin();
    for (int i = 0; i < 4; i++) {
        char script[1000];

        snprintf(script, sizeof(script), MAIL RCPT DATA "C: X-Gatepost: %d\nC: Received: %d\nC:  x\nC: Received: other\nC: Subject: CRASH\nC: .\nS: %s\nN: QUIT\n", i, i, answers[i]);
        converse("header only", script);
    }
    converse("another header", MAIL RCPT DATA "C: Received: 4\nC: Subject: CRASH, other\nC: .\nS: " LATER "\nN: QUIT\nN!\n");
    end();
}

static void actions(void **state)
{
    (void)state;
    begin();
    fw_set.filter.unscannable.after_tries = 0;
    fw_set.filter.unscannable.action = UNSCANNABLE_DEFER;
    converse("defer", TRY("1", "CRASH", "451 4.7.1 Message could not be scanned for viruses now (crash)*"));
    fw_set.filter.unscannable.action = UNSCANNABLE_PASS;
    converse("pass", MAIL RCPT DATA "C: A: b\nC:\nC: CRASH\nC: .\n" NEXT_DATA "N: A: b\nN:\nN: CRASH\nN: .\n" TAKEN);
    fw_set.filter.unscannable.action = UNSCANNABLE_TAG;
    converse("tag", MAIL RCPT DATA "C: A: b\nC:\nC: CRASH\nC: .\n" NEXT_DATA "N: X-Spam-Report: *unscannable=crash\nN: A: b\nN:\nN: CRASH\nN: .\n" TAKEN);
    end();
}

static void store_down(void **state)
{
    (void)state;
    begin();
    store_is_down = true;
    for (int i = 0; i < 3; i++)
        converse("the own memory counts", TRY("1", "CRASH", LATER));
    converse("and has an end", TRY("1", "CRASH", NEVER));
    assert_int_equal(fw_scans, 3);
    fw_front.store = NULL;
    for (int i = 0; i < 3; i++)
        converse("no store at all", TRY("1", "CRASH more", LATER));
    converse("and has an end", TRY("1", "CRASH more", NEVER));
    end();
}

static void not_the_messages_fault(void **state)
{
    (void)state;
    begin();
    for (int i = 0; i < 5; i++)
        converse("no engine", TRY("1", "NO-ENGINE", "451 4.7.1 Message could not be scanned for viruses now (no-engine)*"));
    converse("good ones are not counted", MAIL RCPT DATA "C: .\n" NEXT_DATA "N: .\n" TAKEN);
    assert_int_equal(n_remembered, 0);
    end();
}

static void slow_store(void **state)
{
    (void)state;
    begin();
    store_is_slow = true;
    converse("waits", MAIL RCPT DATA "C: CRASH\nC: .\nS.\n+300\nS: " LATER "\nN: QUIT\nN!\n");
    converse("the front leaves meanwhile", MAIL RCPT DATA "C: CRASH\nC: .\nS.\nC!\nN: QUIT\nN!\n+1000\n");
    assert_int_equal(store_cancelled, 1);
    end();
}

/* Too early: 451 again, no worker is asked and no try is counted; then it is tried by itself. */
static void pause_between_tries(void **state)
{
    (void)state;
    begin();
    fw_set.filter.unscannable.pause_ms = MINUTES(1);
    converse("1", TRY("1", "CRASH", LATER));
    assert_false(fw_apart);
    converse("2, at once", TRY("1", "CRASH", LATER));
    assert_true(fw_apart);
    for (int i = 0; i < 5; i++)
        converse("too early", TRY("1", "CRASH", LATER));
    assert_int_equal(fw_scans, 2);
    assert_int_equal(not_tried, 5);
    converse("another one of the same length", MAIL RCPT DATA "C: Received: 1\nC: Subject: x\nC:\nC: CLEAN\nC: .\n" NEXT_DATA
             "N: Received: 1\nN: Subject: x\nN:\nN: CLEAN\nN: .\n" TAKEN);
    assert_int_equal(fw_scans, 3);
    assert_false(fw_apart);
    loop_fake_wall_step(fw_loop, MINUTES(1));
    converse("3", TRY("1", "CRASH", LATER));
    assert_int_equal(fw_scans, 4);
    assert_true(fw_apart);
    converse("no more", TRY("1", "CRASH", NEVER));
    assert_int_equal(fw_scans, 4);
    end();
}

/* A new process learns from the store what has killed the workers of the one before. */
static void after_a_restart(void **state)
{
    (void)state;
    begin();
    for (int i = 0; i < 3; i++)
        converse("tries", TRY("1", "CRASH", LATER));
    strcpy(remembered[1].key, "not a digest");
    strcpy(remembered[1].value, "1 2");
    n_remembered = 2;
    poison_free(&fw_front.poison);
    fw_front.poison = poison_new();
    unscannable_load(fw_front.store, fw_front.poison);
    assert_int_equal(poison_count(fw_front.poison), 1);
    n_remembered = 1;
    converse("is known", TRY("1", "CRASH", NEVER));
    assert_int_equal(fw_scans, 3);
    end();
}

/* What was mended meanwhile (a new engine) is not held against it. */
static void survived(void **state)
{
    (void)state;
    begin();
    converse("1", TRY("1", "CRASH", LATER));
    fw_survives = true;
    converse("2", MAIL RCPT DATA "C: Received: 1\nC: Subject: x\nC:\nC: CRASH\nC: .\n" NEXT_DATA
             "N: Received: 1\nN: Subject: x\nN:\nN: CRASH\nN: .\n" TAKEN);
    assert_true(fw_apart);
    assert_int_equal(n_remembered, 0);
    converse("3", MAIL RCPT DATA "C: Received: 1\nC: Subject: x\nC:\nC: CRASH\nC: .\n" NEXT_DATA
             "N: Received: 1\nN: Subject: x\nN:\nN: CRASH\nN: .\n" TAKEN);
    assert_false(fw_apart);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_tries),   cmocka_unit_test(by_age),                 cmocka_unit_test(without_a_body), cmocka_unit_test(actions),
        cmocka_unit_test(store_down), cmocka_unit_test(not_the_messages_fault), cmocka_unit_test(slow_store),
        cmocka_unit_test(pause_between_tries), cmocka_unit_test(after_a_restart), cmocka_unit_test(survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_unscannable.c - a message that no worker survives: put off, counted, and in the end refused with the reason.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "conversation.h"

/* ---- a store that remembers in a list, or is down, or slow ---- */

static struct memory {
    char key[80], value[80];
} remembered[16];
static size_t n_remembered;
static bool store_is_down, store_is_slow;
static unsigned store_cancelled;

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
    converse("greeting", EHLO);
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
    converse("the other one has its own count", TRY("at four", "CRASH too", LATER));
    assert_int_equal(n_remembered, 2);
    fw_stop();
}

static void by_age(void **state)
{
    (void)state;
    begin();
    converse("first", TRY("1", "CRASH", LATER));
    loop_fake_wall_step(fw_loop, HOURS(4) - 60000);
    converse("nearly", TRY("2", "CRASH", LATER));
    n_remembered = 0;
    converse("first", TRY("1", "CRASH", LATER));
    loop_fake_wall_step(fw_loop, HOURS(4));
    converse("after 4 hours", TRY("2", "CRASH", NEVER));
    n_remembered = 0;
    converse("first", TRY("1", "CRASH", LATER));
    loop_fake_wall_step(fw_loop, -HOURS(9));
    converse("a clock set back", TRY("2", "CRASH", LATER));
    fw_stop();
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
    fw_stop();
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
    fw_stop();
}

static void store_down(void **state)
{
    (void)state;
    begin();
    store_is_down = true;
    for (int i = 0; i < 5; i++)
        converse("nobody knows: put off", TRY("1", "CRASH", LATER));
    assert_int_equal(n_remembered, 0);
    fw_stop();
}

static void not_the_messages_fault(void **state)
{
    (void)state;
    begin();
    for (int i = 0; i < 5; i++)
        converse("no engine", TRY("1", "NO-ENGINE", "451 4.7.1 Message could not be scanned for viruses now (no-engine)*"));
    converse("good ones are not counted", MAIL RCPT DATA "C: .\n" NEXT_DATA "N: .\n" TAKEN);
    assert_int_equal(n_remembered, 0);
    fw_stop();
}

static void slow_store(void **state)
{
    (void)state;
    begin();
    store_is_slow = true;
    converse("waits", MAIL RCPT DATA "C: CRASH\nC: .\nS.\n+300\nS: " LATER "\nN: QUIT\nN!\n");
    converse("the front leaves meanwhile", MAIL RCPT DATA "C: CRASH\nC: .\nS.\nC!\nN: QUIT\nN!\n+1000\n");
    assert_int_equal(store_cancelled, 1);
    fw_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_tries),   cmocka_unit_test(by_age),                 cmocka_unit_test(without_a_body), cmocka_unit_test(actions),
        cmocka_unit_test(store_down), cmocka_unit_test(not_the_messages_fault), cmocka_unit_test(slow_store),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

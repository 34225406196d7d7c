/* test_check_ratelimit.c - what is counted, under which key, how often, and what happens without the store.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "rig.h"

#include "policyd/marks.h"

#define LIMIT(rest) "networks: {trusted: [10.20.0.0/16]}\npolicy: {limits: [{name: l, " rest "}]}\n"

static int setup(void **state)
{
    (void)state;
    rig_open(NULL);
    rig_rcpt_only();
    return 0;
}

static void restart(void)
{
    rig_close();
    rig_open(NULL);
    rig_rcpt_only();
}

static const struct {
    const char *name, *key, *attributes, *want;      /* want NULL: the limit does not apply */
} keys[] = {
    { "client", "client", "", "l/192.0.2.1" },
    { "client net", "client/24", "", "l/192.0.2.0/24" },
    { "client v6", "client", "client_address=2001:db8:1:2:3::4", "l/2001:db8:1:2::/64" },
    { "client v6, with a prefix for v4", "client/16", "client_address=2001:db8:1:2:3::4", "l/2001:db8:1:2::/64" },
    { "client v6, with a prefix of its own", "client/24/56", "client_address=2001:db8:1:2:3::4", "l/2001:db8:1::/56" },
    { "client v4, with a prefix for v6 too", "client/24/56", "", "l/192.0.2.0/24" },
    { "named network", "network:partners", "client_address=198.51.100.9", "l/partners" },
    { "not in the named network", "network:partners", "", NULL },
    { "no client", "client", "client_address=unknown", NULL },
    { "mapped client", "client", "client_address=::ffff:192.0.2.1", NULL },
    { "sender", "sender", "", "l/a@sender.example" },
    { "null sender", "sender", "sender=", "l/<>" },
    { "sender domain", "sender_domain", "sender=x@MÜNCHEN.example", "l/xn--mnchen-3ya.example" },
    { "no sender domain", "sender_domain", "sender=", NULL },
    { "login", "sasl_username", "sasl_username=Bob", "l/Bob" },
    { "no login", "sasl_username", "", NULL },
    { "recipient", "recipient", "recipient=Bob@Example.com", "l/bob@example.com" },
    { "recipient domain", "recipient_domain", "", "l/example.com" },
    { "helo", "helo", "", "l/mx.sender.example" },
    { "all", "all", "", "l/all" },
    { "combination", "[client/24, sender, recipient_domain]", "", "l/192.0.2.0/24|a@sender.example|example.com" },
    { "combination with a missing part", "[client, sasl_username]", "", NULL },
    { "bytes of the key's own", "sender", "sender=a|b%c d@x", "l/a%7Cb%25c%20d@x" },
};

static void test_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        char yaml[300];

        snprintf(yaml, sizeof(yaml), "networks: {partners: [198.51.100.0/24]}\npolicy: {limits: [{name: l, rate: 5/h, key: %s}]}\n", keys[i].key);
        rig_load(yaml);
        rig_store.asked = 0;
        rig_ask(keys[i].attributes);
        if (keys[i].want == NULL ? rig_store.asked != 0 : rig_store.asked != 1 || strcmp(rig_store.last_key, keys[i].want) != 0)
            fail_msg("%s: %s", keys[i].name, rig_store.asked > 0 ? rig_store.last_key : "not asked");
        restart();
    }
}

static void test_exceeded(void **state)
{
    struct asked a;

    (void)state;
    rig_load(LIMIT("key: client, rate: 2/h"));
    assert_string_equal(rig_ask("instance=1").answer, "action=DUNNO");
    assert_string_equal(rig_ask("instance=2").answer, "action=DUNNO");
    a = rig_ask("instance=3");
    assert_string_equal(a.answer, "action=450 4.7.1 Rate limit l exceeded, try again in 1800 seconds (id 0123456789ABC)");
    assert_string_equal(rig_ask("instance=4;client_address=192.0.2.2").answer, "action=DUNNO");
    loop_fake_advance(rig_loop, MINUTES(31));
    assert_string_equal(rig_ask("instance=5").answer, "action=DUNNO");
    assert_int_equal(*rig_services.count.limits_exceeded, 1);
}

static void test_own_words_and_reject(void **state)
{
    (void)state;
    rig_load(LIMIT("key: all, rate: 1/h, action: reject, text: \"Too many, wait %r s\""));
    rig_ask("");
    assert_string_equal(rig_ask("").answer, "action=REJECT 5.7.1 Too many, wait 3600 s (id 0123456789ABC)");
}

/* Postfix asks once per restriction list, and again after a lost connection. */
static void test_a_recipient_counts_once(void **state)
{
    (void)state;
    rig_load(LIMIT("key: client, rate: 2/h"));
    for (int i = 0; i < 8; i++)
        assert_string_equal(rig_ask("instance=1;recipient=a@example.com").answer, "action=DUNNO");
    assert_string_equal(rig_ask("instance=1;recipient=b@example.com").answer, "action=DUNNO");
    assert_says(rig_ask("instance=1;recipient=c@example.com").answer, "450 4.7.1");
    assert_string_equal(rig_ask("instance=1;recipient=b@example.com").answer, "action=DUNNO");
}

static void test_a_message_counts_once(void **state)
{
    (void)state;
    rig_load(LIMIT("key: client, rate: 2/h, count: messages"));
    for (int i = 0; i < 8; i++) {
        char attributes[80];

        snprintf(attributes, sizeof(attributes), "instance=1;recipient=r%d@example.com", i);
        assert_string_equal(rig_ask(attributes).answer, "action=DUNNO");
    }
    assert_string_equal(rig_ask("instance=2").answer, "action=DUNNO");
    assert_says(rig_ask("instance=3").answer, "450 4.7.1");
    assert_string_equal(rig_ask("instance=2;recipient=x@example.com").answer, "action=DUNNO");   /* it was let in */
    assert_says(rig_ask("instance=3;recipient=x@example.com").answer, "450 4.7.1");
}

/* When one limit is exceeded, the others are not charged; what another check refuses is not counted at all. */
static void test_nothing_refused_is_counted(void **state)
{
    (void)state;
    rig_load("policy: {rules: {deny: {clients: [192.0.2.66]}}, limits: [{name: a, key: sender, rate: 2/h}, {name: b, key: client, rate: 1/h}]}\n");
    assert_string_equal(rig_ask("").answer, "action=DUNNO");
    for (int i = 0; i < 5; i++)
        assert_says(rig_ask("").answer, "Rate limit b");
    rig_store.asked = 0;
    for (int i = 0; i < 5; i++)
        assert_says(rig_ask("client_address=192.0.2.66").answer, "REJECT");
    assert_int_equal(rig_store.asked, 0);
    assert_string_equal(rig_ask("client_address=192.0.2.2").answer, "action=DUNNO");
    assert_says(rig_ask("client_address=192.0.2.3").answer, "Rate limit a");
}

static void test_observed_limits_count_apart(void **state)
{
    struct asked a;

    (void)state;
    rig_load("policy: {limits: [{name: seen, key: client, rate: 1/h, mode: observe}, {name: kept, key: client, rate: 3/h}]}\n");
    rig_ask("");
    for (int i = 0; i < 2; i++) {
        a = rig_ask("");
        assert_string_equal(a.answer, "action=DUNNO");
        assert_says(a.would, "450 4.7.1 Rate limit seen");
    }
    assert_says(rig_ask("").answer, "Rate limit kept");
}

static void test_trusted(void **state)
{
    static const char *const who[] = { "client_address=10.20.1.1", "sasl_username=bob", "policy_context=submission" };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        rig_load(LIMIT("key: sender, rate: 1/h"));
        rig_ask(who[i]);
        assert_string_equal(rig_ask(who[i]).answer, "action=DUNNO");
        restart();
        rig_load(LIMIT("key: sender, rate: 1/h, trusted_too: yes"));
        rig_ask(who[i]);
        assert_says(rig_ask(who[i]).answer, "450 4.7.1");
        restart();
    }
    rig_load(LIMIT("key: sasl_username, rate: 1/h"));    /* a limit of logins is for logins */
    rig_ask("sasl_username=bob");
    assert_says(rig_ask("sasl_username=bob").answer, "450 4.7.1");
}

/* Without the store this process counts alone; it may put off, and never refuses for good. */
static void test_store_down(void **state)
{
    (void)state;
    for (int how = 0; how < 3; how++) {
        rig_load(LIMIT("key: client, rate: 2/h, action: reject"));
        rig_store.down = how < 2;
        rig_store.delay_ms = how == 0 ? 0 : how == 1 ? 40 : -1;
        for (int i = 0; i < 2; i++) {
            struct asked a = rig_ask("");

            assert_string_equal(a.answer, "action=DUNNO");
            assert_in_range(a.at_ms, 0, 3000);
        }
        assert_says(rig_ask("").answer, "450 4.7.1");
        assert_string_equal(rig_ask("client_address=192.0.2.9").answer, "action=DUNNO");
        assert_true(*rig_services.count.limits_local >= 4);
        restart();
    }
}

static void test_dry_charges_nothing(void **state)
{
    struct asked a;

    (void)state;
    rig_load(LIMIT("key: client, rate: 1/h"));
    for (int i = 0; i < 3; i++) {
        rig_begin(&a, "", true);
        assert_true(a.done);
        assert_says(a.findings, "limit:l=clear:within, 1 left;");
    }
    rig_ask("");
    rig_begin(&a, "", true);
    assert_says(a.findings, "limit:l=hit:exceeded: l/192.0.2.1;");
    rig_store.down = true;
    rig_begin(&a, "", true);
    assert_says(a.findings, "limit:l=unknown:the store is away;");
}

static void test_cancelled_while_asking(void **state)
{
    struct asked a;

    (void)state;
    rig_load(LIMIT("key: client, rate: 1/h"));
    rig_store.delay_ms = 50;
    rig_begin(&a, "", false);
    assert_int_equal(rig_store.open, 1);
    eval_release(&a.eval);
    assert_int_equal(rig_store.open, 0);
    assert_false(a.done);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, rig_teardown)

/* ---- Postfix asks at DATA and END-OF-MESSAGE ---- */

static void hooked(void)
{
    rig_services.wiring.n = 0;
}

static void test_data_charges(void **state)
{
    (void)state;
    hooked();
    rig_load(LIMIT("key: client, rate: 3/h"));
    for (int i = 0; i < 9; i++)                      /* these senders leave: nothing is counted */
        assert_string_equal(rig_ask(i % 2 ? "instance=1" : "instance=2").answer, "action=DUNNO");
    rig_ask("instance=3;recipient=a@example.com");
    rig_ask("instance=3;recipient=b@example.com");
    for (int i = 0; i < 3; i++)                      /* asked again: once */
        assert_string_equal(rig_ask("instance=3;protocol_state=DATA;recipient=;recipient_count=2").answer, "action=DUNNO");
    assert_string_equal(rig_ask("instance=4;recipient=a@example.com").answer, "action=DUNNO");
    assert_string_equal(rig_ask("instance=4;recipient=a@example.com").answer, "action=DUNNO");    /* in another restriction list */
    assert_says(rig_ask("instance=4;recipient=b@example.com").answer, "450 4.7.1");               /* beside the one let in there is no room */
    assert_string_equal(rig_ask("instance=4;protocol_state=DATA;recipient_count=1").answer, "action=DUNNO");
    assert_says(rig_ask("instance=5").answer, "450 4.7.1");
    /* two at once saw room for one: the second is put off at DATA */
    loop_fake_advance(rig_loop, MINUTES(20));
    assert_string_equal(rig_ask("instance=6").answer, "action=DUNNO");
    assert_string_equal(rig_ask("instance=7").answer, "action=DUNNO");
    assert_string_equal(rig_ask("instance=6;protocol_state=DATA;recipient_count=1").answer, "action=DUNNO");
    assert_says(rig_ask("instance=7;protocol_state=DATA;recipient_count=1").answer, "450 4.7.1");
}

static void test_bytes_at_the_end(void **state)
{
    (void)state;
    hooked();
    rig_load(LIMIT("key: sender, rate: 1000/h, count: bytes"));
    assert_string_equal(rig_ask("instance=1;size=0").answer, "action=DUNNO");
    assert_says(rig_ask("instance=1;size=1001").answer, "450 4.7.1");                             /* what it announces will never fit */
    assert_string_equal(rig_ask("instance=1;size=900;protocol_state=DATA;recipient_count=1").answer, "action=DUNNO");
    assert_string_equal(rig_ask("instance=1;size=900;protocol_state=END-OF-MESSAGE;recipient_count=1").answer, "action=DUNNO");
    assert_string_equal(rig_ask("instance=2;size=100").answer, "action=DUNNO");
    assert_says(rig_ask("instance=2;size=101").answer, "450 4.7.1");
    assert_says(rig_ask("instance=3;size=500;protocol_state=END-OF-MESSAGE;recipient_count=1").answer, "450 4.7.1");
}

static void test_each_recipient_at_data(void **state)
{
    (void)state;
    hooked();
    rig_load(LIMIT("key: recipient, rate: 2/h"));
    for (int i = 0; i < 2; i++) {
        rig_ask(i ? "instance=2;recipient=a@example.com" : "instance=1;recipient=a@example.com");
        rig_ask(i ? "instance=2;recipient=b@example.com" : "instance=1;recipient=b@example.com");
        rig_ask(i ? "instance=2;protocol_state=DATA;recipient=;recipient_count=2" : "instance=1;protocol_state=DATA;recipient=;recipient_count=2");
        rig_ask(i ? "instance=2;protocol_state=DATA;recipient=;recipient_count=2" : "instance=1;protocol_state=DATA;recipient=;recipient_count=2");
    }
    assert_says(rig_ask("instance=3;recipient=a@example.com").answer, "450 4.7.1");
    assert_says(rig_ask("instance=3;recipient=b@example.com").answer, "450 4.7.1");
    assert_string_equal(rig_ask("instance=3;recipient=c@example.com").answer, "action=DUNNO");
}

/* RCPT looks under the key that DATA charges. */
static void test_recipient_domain_in_utf8(void **state)
{
    (void)state;
    hooked();
    rig_load(LIMIT("key: recipient_domain, rate: 2/h"));
    for (int i = 0; i < 2; i++) {
        rig_ask(i ? "instance=2;recipient=a@MÜNCHEN.example" : "instance=1;recipient=a@MÜNCHEN.example");
        rig_ask(i ? "instance=2;protocol_state=DATA;recipient=;recipient_count=1" : "instance=1;protocol_state=DATA;recipient=;recipient_count=1");
    }
    assert_says(rig_ask("instance=3;recipient=b@münchen.example").answer, "450 4.7.1");
    assert_says(rig_ask("instance=4;recipient=b@xn--mnchen-3ya.example").answer, "450 4.7.1");
}

static void test_several_rates(void **state)
{
    struct asked a;

    (void)state;
    hooked();
    rig_load(LIMIT("key: client, rate: \"2/m, 3/h\", algorithm: sliding, count: messages, text: \"Wait %r s, until %T\""));
    for (int i = 0; i < 3; i++) {
        char rcpt[64], data[80];

        snprintf(rcpt, sizeof(rcpt), "instance=%d", i);
        snprintf(data, sizeof(data), "instance=%d;protocol_state=DATA;recipient_count=1", i);
        if (i == 2) {
            assert_says(rig_ask(rcpt).answer, "450 4.7.1");
            loop_fake_advance(rig_loop, MINUTES(2));
        }
        assert_string_equal(rig_ask(rcpt).answer, "action=DUNNO");
        assert_string_equal(rig_ask(data).answer, "action=DUNNO");
    }
    loop_fake_advance(rig_loop, MINUTES(2));
    a = rig_ask("instance=9");
    assert_says(a.findings, "limit:l=hit:exceeded: l:h/192.0.2.1");
    assert_says(a.answer, "450 4.7.1 Wait ");
    assert_says(a.answer, " s, until Tue, 14 Nov 2023 ");
}

static void test_prepend_and_log(void **state)
{
    struct asked a;

    (void)state;
    hooked();
    rig_load(LIMIT("key: client, rate: 1/h, action: prepend, text: \"X-Busy: yes\""));
    rig_ask("instance=1");
    rig_ask("instance=1;protocol_state=DATA;recipient_count=1");
    a = rig_ask("instance=2");
    assert_string_equal(a.answer, "action=DUNNO");
    assert_says(a.findings, "limit:l=hit");
    struct eval *e = eval_take(&rig_services);
    rig_request(e, "instance=2");
    struct message *msg = handover_message(rig_services.messages, &e->req, loop_now_ms(rig_loop), 0);
    assert_string_equal(message_next_prepend(msg), "X-Busy: yes");
    assert_null(message_next_prepend(msg));
    message_unref(&msg);
    eval_release(&e);
    restart();
    hooked();
    rig_load(LIMIT("key: client, rate: 1/h, action: log"));
    rig_ask("instance=1");
    rig_ask("instance=1;protocol_state=DATA;recipient_count=1");
    a = rig_ask("instance=2");
    assert_string_equal(a.answer, "action=DUNNO");
    assert_says(a.findings, "limit:l=hit");
}

/* It learns that Postfix does not ask at DATA, and counts at RCPT from then on; and that it does. */
static void test_learns_the_wiring(void **state)
{
    (void)state;
    hooked();
    rig_load(LIMIT("key: all, rate: 3/h"));
    for (int i = 0; i < WIRING_MISSES_MAX; i++) {
        char rcpt[64];

        snprintf(rcpt, sizeof(rcpt), "instance=m%d", i);
        assert_string_equal(rig_ask(rcpt).answer, "action=DUNNO");
    }
    for (int i = 0; i < 3; i++)
        assert_string_equal(rig_ask(i == 0 ? "instance=x0" : i == 1 ? "instance=x1" : "instance=x2").answer, "action=DUNNO");
    assert_says(rig_ask("instance=x3").answer, "450 4.7.1");
    /* another service of the same Postfix is wired as it should be */
    assert_says(rig_ask("instance=y;policy_context=mx-in").answer, "450 4.7.1");
    assert_string_equal(rig_ask("instance=z;protocol_state=DATA;recipient_count=0").answer, "action=450 4.7.1 Rate limit l exceeded, try again in 1200 seconds (id 0123456789ABC)");
    loop_fake_advance(rig_loop, MINUTES(20));
    for (int i = 0; i < 5; i++)                      /* now RCPT only looks */
        assert_string_equal(rig_ask(i % 2 ? "instance=w" : "instance=v").answer, "action=DUNNO");
}

static void test_failure_by_rule(void **state)
{
    (void)state;
    rig_load("policy: {limits: [{name: a, key: client, rate: 1/h}, {name: b, key: sender, rate: 1/h, on_failure: pass}]}\n");
    rig_store.down = true;
    assert_string_equal(rig_ask("instance=1").answer, "action=DUNNO");
    assert_string_equal(rig_ask("instance=2;client_address=192.0.2.2").answer, "action=DUNNO");
    assert_says(rig_ask("instance=3").answer, "Rate limit a");
    restart();
    rig_load(LIMIT("key: client, rate: 1/h, on_failure: defer, action: reject"));
    rig_store.down = true;
    assert_says(rig_ask("instance=1").answer, "action=450 4.7.1 Limits cannot be looked up now");
}

/* What was let through while the store was away is counted there when it is back. */
static void test_owed_to_the_store(void **state)
{
    (void)state;
    rig_load(LIMIT("key: client, rate: 4/h"));
    rig_store.down = true;
    for (int i = 0; i < 3; i++)
        assert_string_equal(rig_ask(i == 0 ? "instance=1" : i == 1 ? "instance=2" : "instance=3").answer, "action=DUNNO");
    rig_store.down = false;
    assert_string_equal(rig_ask("instance=4").answer, "action=DUNNO");
    assert_says(rig_ask("instance=5").answer, "450 4.7.1");
}

/* Thousands of keys are counted there soon, without another request. */
static void test_much_is_owed(void **state)
{
    struct store_limits_result r;
    char text[80];

    (void)state;
    rig_load(LIMIT("key: sender, rate: 5/h"));
    rig_store.down = true;
    for (int i = 0; i < 900; i++) {
        snprintf(text, sizeof(text), "instance=%d;sender=s%d@x.example", i, i);
        assert_string_equal(rig_ask(text).answer, "action=DUNNO");
    }
    rig_store.down = false;
    assert_string_equal(rig_ask("instance=last").answer, "action=DUNNO");
    loop_fake_advance(rig_loop, 100);
    for (int i = 0; i < 900; i++) {
        struct store_limit l = { .count = 5, .per_ms = HOURS(1), .burst = 5 };

        snprintf(text, sizeof(text), "l/s%d@x.example", i);
        l.key = span_str(text);
        limit_local_decide(rig_store.counts, &(struct store_limits_request){ .limits = &l, .n = 1 }, loop_now_ms(rig_loop), &r);
        assert_int_equal(r.each[0].left, 4);
    }
}

/* ---- marks ---- */

static void test_block_until_released(void **state)
{
    (void)state;
    rig_services.marks = marks_new(&rig_services);
    rig_load(LIMIT("key: sasl_username, rate: 1/h, block: yes"));
    assert_string_equal(rig_ask("instance=1;sasl_username=bob").answer, "action=DUNNO");
    assert_says(rig_ask("instance=2;sasl_username=bob").answer, "450 4.7.1 Rate limit l");
    loop_fake_advance(rig_loop, DAYS(3));            /* the limit has forgotten him, and another host reads the same */
    assert_says(rig_ask("instance=3;sasl_username=bob").answer, "REJECT 5.7.1 This account is blocked");
    assert_string_equal(rig_ask("instance=4;sasl_username=Bob2").answer, "action=DUNNO");
    marks_clear(rig_services.marks, MARK_BLOCKED, SPAN("bob"), NULL, NULL);
    assert_string_equal(rig_ask("instance=5;sasl_username=bob").answer, "action=DUNNO");
}

static void test_marks_of_other_hosts(void **state)
{
    (void)state;
    rig_services.marks = marks_new(&rig_services);
    rig_load(LIMIT("key: client, rate: \"1/m, 1/h\""));
    loop_fake_advance(rig_loop, 1);
    store_remember(NULL, "limit-exempt", SPAN("l/192.0.2.1"), SPAN("by gatepostctl"), HOURS(1), 0, NULL, NULL);
    store_remember(NULL, "marks", SPAN("changed"), SPAN("another host"), DAYS(1), 0, NULL, NULL);
    loop_fake_advance(rig_loop, MARKS_EVERY_MS + 1);
    for (int i = 0; i < 5; i++)
        assert_string_equal(rig_ask(i % 2 ? "instance=1" : "instance=2").answer, "action=DUNNO");
    assert_says(rig_ask("instance=3").findings, "limit:l=skipped:exempt");
    rig_store.down = true;                           /* what is known stays */
    loop_fake_advance(rig_loop, MARKS_EVERY_MS + 1);
    assert_says(rig_ask("instance=3").findings, "limit:l=skipped:exempt");
    rig_store.down = false;
    store_forget(NULL, "limit-exempt", SPAN("l/192.0.2.1"), NULL, NULL);
    loop_fake_advance(rig_loop, MARKS_EVERY_MS + 1);
    assert_says(rig_ask("instance=3").findings, "limit:l=skipped:exempt");       /* nobody said that anything changed */
    store_remember(NULL, "marks", SPAN("changed"), SPAN("again"), DAYS(1), 0, NULL, NULL);
    loop_fake_advance(rig_loop, MARKS_EVERY_MS + 1);
    assert_string_equal(rig_ask("instance=4").answer, "action=DUNNO");
    assert_says(rig_ask("instance=5").answer, "450 4.7.1");
}

/* ---- harvesting ---- */

/* At the hook before reject_unlisted_recipient and, for a recipient who exists, at the one behind it. */
static struct asked offer(int instance, const char *recipient, bool exists)
{
    char attributes[200];
    struct asked a;

    snprintf(attributes, sizeof(attributes), "instance=%d;policy_context=harvest;recipient=%s", instance, recipient);
    a = rig_ask(attributes);
    if (!exists || outcome_refuses(a.decision.enforced.outcome))
        return a;
    snprintf(attributes, sizeof(attributes), "instance=%d;policy_context=mx-in;recipient=%s", instance, recipient);
    return rig_ask(attributes);
}

static void test_refused_recipients(void **state)
{
    (void)state;
    hooked();
    rig_load("policy: {rules: {deny: {clients: [192.0.2.66]}}, limits: [{name: h, key: client, count: refused_recipients, rate: 3/h, action: reject}]}\n");
    for (int i = 0; i < 20; i++)                     /* who knows his recipients is never counted */
        assert_string_equal(offer(1, i % 2 ? "a@example.com" : "b@example.com", true).answer, "action=DUNNO");
    for (int i = 0; i < 3; i++)
        assert_string_equal(offer(2, i == 0 ? "x@example.com" : i == 1 ? "y@example.com" : "z@example.com", false).answer, "action=DUNNO");
    assert_string_equal(offer(2, "x@example.com", false).answer, "action=DUNNO");            /* the same request again */
    assert_says(offer(3, "bob@example.com", true).answer, "REJECT 5.7.1 Rate limit h exceeded");
    assert_string_equal(rig_ask("instance=4;policy_context=harvest;client_address=192.0.2.66").answer, "action=DUNNO");   /* no other check there */
    rig_store.down = true;
    assert_string_equal(offer(5, "bob@example.com", true).answer, "action=DUNNO");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_keys), T(test_exceeded), T(test_own_words_and_reject), T(test_a_recipient_counts_once), T(test_a_message_counts_once),
        T(test_nothing_refused_is_counted), T(test_observed_limits_count_apart), T(test_trusted), T(test_store_down),
        T(test_dry_charges_nothing), T(test_cancelled_while_asking),
        T(test_data_charges), T(test_bytes_at_the_end), T(test_each_recipient_at_data), T(test_several_rates), T(test_recipient_domain_in_utf8),
        T(test_prepend_and_log), T(test_learns_the_wiring), T(test_failure_by_rule), T(test_owed_to_the_store), T(test_much_is_owed), T(test_refused_recipients),
        T(test_block_until_released), T(test_marks_of_other_hosts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

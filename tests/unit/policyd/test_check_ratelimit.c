/* test_check_ratelimit.c - what is counted, under which key, how often, and what happens without the store.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "rig.h"

#define LIMIT(rest) "networks: {trusted: [10.20.0.0/16]}\npolicy: {limits: [{name: l, " rest "}]}\n"

static int setup(void **state)
{
    (void)state;
    rig_open(NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rig_close();
    return 0;
}

static void restart(void)
{
    rig_close();
    rig_open(NULL);
}

static const struct {
    const char *name, *key, *attributes, *want;      /* want NULL: the limit does not apply */
} keys[] = {
    { "client", "client", "", "l/192.0.2.1" },
    { "client net", "client/24", "", "l/192.0.2.0/24" },
    { "client v6", "client", "client_address=2001:db8:1:2:3::4", "l/2001:db8:1:2::/64" },
    { "client v6, with a prefix for v4", "client/16", "client_address=2001:db8:1:2:3::4", "l/2001:db8:1:2::/64" },
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

        snprintf(yaml, sizeof(yaml), "policy: {limits: [{name: l, rate: 5/h, key: %s}]}\n", keys[i].key);
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
    assert_says(a.findings, "limit:l=hit:exceeded;");
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

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_keys), T(test_exceeded), T(test_own_words_and_reject), T(test_a_recipient_counts_once), T(test_a_message_counts_once),
        T(test_nothing_refused_is_counted), T(test_observed_limits_count_apart), T(test_trusted), T(test_store_down),
        T(test_dry_charges_nothing), T(test_cancelled_while_asking),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

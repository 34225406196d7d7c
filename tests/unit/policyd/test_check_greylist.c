/* test_check_greylist.c - who has to come again, under which key, and that nobody waits for ever.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "rig.h"

#include "policyd/grey_key.h"
#include "policyd/host_name.h"
#include "policyd/marks.h"

#define GREY(rest) "domains: [example.com]\nnetworks: {trusted: [10.20.0.0/16]}\npolicy: {greylist: {" rest "}}\n"

/* ---- names and keys ---- */

static void test_generic_names(void **state)
{
    static const struct { const char *name; bool generic; } rows[] = {
        { "mx.sender.example", false },
        { "192-0-2-1.isp.example", true },
        { "1.2.0.192.customer.isp.example", true },
        { "host-1-2-0.isp.example", true },
        { "c0000201.isp.example", true },
        { "adsl-17.isp.example", true },
        { "dyn17.isp.example", true },
        { "pool-3.isp.example", true },
        { "mail2.isp.example", false },
        { "dynamics.example", false },
        { "mx1.pool.example", false },           /* what the organisation is called */
        { "out-12.smtp.provider.example", false },
        { "sender.example", false },
        { "a192b.c0.example", false },
    };
    struct ipaddr client;

    (void)state;
    assert_true(ipaddr_parse(SPAN("192.0.2.1"), &client));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (host_name_generic(span_str(rows[i].name), &client) != rows[i].generic)
            fail_msg("%s", rows[i].name);
    }
    assert_true(span_eq(host_name_organisation(SPAN("out3.mail.example.co.uk")), SPAN("example.co.uk")));
    assert_true(span_eq(host_name_organisation(SPAN("example.com")), SPAN("example.com")));
    assert_true(span_eq(host_name_organisation(SPAN("com")), SPAN("com")));
}

static void test_senders(void **state)
{
    static const struct { const char *sender, *want; } rows[] = {
        { "", "<>" },
        { "bob@example.net", "bob@example.net" },
        { "bounce-123-4567@list.example", "bounce-#-#@list.example" },
        { "prvs=4312ab9f2e=bob@example.net", "bob@example.net" },
        { "srs0=hhh=tt=orig.example=bob@fwd.example", "srs#@fwd.example" },
        { "srs0+hhh=tt=orig.example=bob@fwd.example", "srs#@fwd.example" },
        { "bob+tag@example.net", "bob@example.net" },
        { "+@example.net", "+@example.net" },
    };
    struct arena *arena = arena_new(1024);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        span got = grey_sender(span_str(rows[i].sender), arena);

        if (!span_eq(got, span_str(rows[i].want)))
            fail_msg("%s: %.*s", rows[i].sender, SPAN_ARG(got));
    }
    arena_free(&arena);
}

static void test_keys(void **state)
{
    static const struct { const char *attributes, *want; } rows[] = {
        { "", "{192.0.2.0/24}/a@sender.example/bob@example.com" },
        { "client_name=Out1.Mail.Provider.Example", "{provider.example}/a@sender.example/bob@example.com" },
        { "client_name=dyn-1-2-0-192.isp.example", "{192.0.2.0/24}/a@sender.example/bob@example.com" },
        { "client_address=2001:db8:1:2:3::4", "{2001:db8:1:2::/64}/a@sender.example/bob@example.com" },
        { "sender=", "{192.0.2.0/24}/<>/bob@example.com" },
        { "sender=a b{c}/d@x.example", "{192.0.2.0/24}/a%20b%7Bc%7D/d@x.example/bob@example.com" },
        { "client_name=x}{y.example", "{x__y.example}/a@sender.example/bob@example.com" },
    };

    (void)state;
    rig_load(GREY("when: all"));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        rig_ask(rows[i].attributes);
        if (strcmp(rig_store.last_key, rows[i].want) != 0)
            fail_msg("%s: %s", rows[i].attributes, rig_store.last_key);
    }
}

/* ---- waiting and passing ---- */

static void test_comes_again(void **state)
{
    struct asked a;

    (void)state;
    rig_load(GREY("when: all"));
    a = rig_ask("instance=1");
    assert_string_equal(a.answer, "action=450 4.7.1 Greylisted, try again in 300 seconds (id 0123456789ABC)");
    assert_says(a.findings, "greylist=hit:{192.0.2.0/24}/a@sender.example/bob@example.com");
    loop_fake_advance(rig_loop, MINUTES(4));
    assert_says(rig_ask("instance=2").answer, "try again in 60 seconds");
    loop_fake_advance(rig_loop, MINUTES(1));
    assert_string_equal(rig_ask("instance=3;client_address=192.0.2.77").answer, "action=DUNNO");   /* another host of the same network */
    assert_says(rig_ask("instance=4;client_address=198.51.100.1").answer, "450 4.7.1");
    assert_int_equal(*rig_services.count.greylisted, 3);
    assert_int_equal(*rig_services.count.grey_passed, 1);
}

static void test_the_store_may_forget(void **state)
{
    (void)state;
    rig_load(GREY("when: all"));
    assert_says(rig_ask("instance=1").answer, "450 4.7.1");
    loop_fake_advance(rig_loop, MINUTES(6));
    rig_greys_n = 0;                                 /* flushed */
    assert_string_equal(rig_ask("instance=2").answer, "action=DUNNO");
    rig_store.down = true;                           /* away: lets pass */
    assert_string_equal(rig_ask("instance=3;client_address=198.51.100.1").answer, "action=DUNNO");
    assert_says(rig_ask("instance=3;client_address=198.51.100.1").findings, "greylist=unknown:the store is away");
}

static void test_automatic(void **state)
{
    (void)state;
    rig_load(GREY("when: all, auto_after: 2"));
    for (int i = 0; i < 2; i++) {
        const char *who = i == 0 ? "sender=x@sender.example" : "sender=y@sender.example";

        assert_says(rig_ask(who).answer, "450 4.7.1");
        loop_fake_advance(rig_loop, HOURS(2));
        assert_string_equal(rig_ask(who).answer, "action=DUNNO");
    }
    assert_says(rig_ask("sender=z@sender.example").findings, "greylist=clear:known: enough");
    assert_int_equal(*rig_services.count.grey_automatic, 1);
}

static void test_known_senders(void **state)
{
    (void)state;
    rig_load(GREY("when: all"));
    rig_ask("sasl_username=bob;sender=bob@example.com;recipient=Friend@Far.example");
    assert_string_equal(rig_ask("sender=friend@far.example").answer, "action=DUNNO");
    assert_says(rig_ask("sender=stranger@far.example").answer, "450 4.7.1");
    assert_int_equal(*rig_services.count.grey_known, 1);
    loop_fake_advance(rig_loop, DAYS(61));
    assert_says(rig_ask("sender=friend@far.example;client_address=198.51.100.9").answer, "450 4.7.1");
}

/* ---- who is spared ---- */

static void test_spared(void **state)
{
    static const struct { const char *attributes, *why; } rows[] = {
        { "sasl_username=bob", "login" },
        { "client_address=10.20.1.1", "trusted network" },
        { "policy_context=submission", "submission" },
        { "client_address=unknown", "no client address" },
        { "client_address=198.51.100.7", "skip_clients" },
        { "client_name=mx1.friends.example", "skip_hosts" },
        { "sender=News@Paper.example", "skip_senders" },
        { "recipient=Abuse@example.com", "skip_recipients" },
        { "recipient=x@quick.example.com", "skip_recipients" },
    };

    (void)state;
    rig_load(GREY("when: all, skip_clients: [198.51.100.0/24], skip_hosts: [.friends.example], skip_senders: [paper.example], "
                  "skip_recipients: [abuse@example.com, .example.com]"));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct asked a = rig_ask(rows[i].attributes);
        char want[80];

        snprintf(want, sizeof(want), "greylist=skipped:%s;", rows[i].why);
        assert_string_equal(a.answer, "action=DUNNO");
        assert_says(a.findings, want);
    }
    assert_says(rig_ask("recipient=abuse2@example.com").answer, "450 4.7.1");
}

static void test_only_the_suspicious(void **state)
{
    (void)state;
    rig_load(GREY("when: suspicious"));
    assert_string_equal(rig_ask("client_name=mx.sender.example").answer, "action=DUNNO");
    assert_says(rig_ask("client_name=mx.sender.example").findings, "greylist=skipped:not suspicious");
    assert_says(rig_ask("client_name=dsl-1-2-0-192.isp.example").answer, "450 4.7.1");
    assert_says(rig_ask("client_name=unknown").answer, "450 4.7.1");
}

static void test_only_by_score(void **state)
{
    struct asked a;

    (void)state;
    dns_list("bl.example");
    dns_set("1.2.0.192.bl.example", DNSC_A, DNSC_FOUND, "127.0.0.2", 0);
    rig_load("policy: {score: {greylist: 2}, dnsbl: [{name: bl, zone: bl.example, weight: 3}]}\n");
    loop_fake_advance(rig_loop, 1000);
    a = rig_ask("");
    assert_string_equal(a.answer, "action=450 4.7.1 Greylisted, try again in 300 seconds (id 0123456789ABC)");
    loop_fake_advance(rig_loop, MINUTES(5));
    assert_string_equal(rig_ask("").answer, "action=DUNNO");
    assert_string_equal(rig_ask("client_address=192.0.2.9").answer, "action=DUNNO");
    assert_says(rig_ask("client_address=192.0.2.9").findings, "greylist=skipped:too few points");
}

static void test_observe_and_marks(void **state)
{
    struct asked a;

    (void)state;
    rig_services.marks = marks_new(&rig_services);
    rig_load(GREY("when: all, mode: observe"));
    a = rig_ask("");
    assert_string_equal(a.answer, "action=DUNNO");
    assert_says(a.would, "450 4.7.1 Greylisted");
    rig_load(GREY("when: all"));
    marks_set(rig_services.marks, MARK_GREY_PASS, SPAN("{192.0.2.0/24}"), "by hand", DAYS(1), NULL, NULL);
    assert_string_equal(rig_ask("").answer, "action=DUNNO");
    rig_load(GREY("when: off"));
    rig_store.asked = 0;
    rig_ask("client_address=198.51.100.1");
    assert_int_equal(rig_store.asked, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_generic_names), cmocka_unit_test(test_senders), T(test_keys), T(test_comes_again), T(test_the_store_may_forget),
        T(test_automatic), T(test_known_senders), T(test_spared), T(test_only_the_suspicious), T(test_only_by_score), T(test_observe_and_marks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_check_spf.c - what SPF's results lead to, and that the rule spoof waits for them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "rig.h"

static int setup(void **state)
{
    (void)state;
    rig_open(NULL);
    dns_set("sender.example", DNSC_TXT, DNSC_FOUND, "v=spf1 ip4:192.0.2.0/24 -all", 20);
    dns_set("soft.example", DNSC_TXT, DNSC_FOUND, "v=spf1 mx ~all", 0);
    dns_set("soft.example", DNSC_MX, DNSC_FOUND, "mx.soft.example", 10);
    dns_set("mx.soft.example", DNSC_A, DNSC_FOUND, "192.0.2.1", 10);
    dns_set("dead.example", DNSC_TXT, DNSC_SERVFAIL, NULL, 0);
    dns_set("silent.example", DNSC_TXT, DNSC_FOUND, "v=spf1 -all", -1);
    dns_set("words.example", DNSC_TXT, DNSC_FOUND, "v=spf1 -all exp=why.words.example", 0);
    dns_set("why.words.example", DNSC_TXT, DNSC_FOUND, "Ask %{i} (us)", 0);
    return 0;
}

#define SPF(rest) "domains: [example.com]\nnetworks: {trusted: [10.20.0.0/16]}\npolicy: {score: {reject: 3}, rules: {spf: {mode: enforce" rest "}}}\n"

static const char *header_of(const char *attributes)
{
    static char text[2000];
    struct eval *e = eval_take(&rig_services);
    struct message *msg;
    const char *field;

    rig_request(e, attributes);
    msg = handover_message(rig_services.messages, &e->req, loop_now_ms(rig_loop), 0);
    field = message_next_prepend(msg);
    snprintf(text, sizeof(text), "%s", field != NULL ? field : "");
    message_unref(&msg);
    eval_release(&e);
    return text;
}

static void test_results(void **state)
{
    struct asked a;

    (void)state;
    rig_load(SPF(""));
    a = rig_ask("instance=1");
    assert_string_equal(a.answer, "action=DUNNO");
    assert_says(a.findings, "spf=clear:pass (sender.example: ip4:192.0.2.0/24)");
    assert_says(header_of("instance=1"), "Received-SPF: pass (");
    assert_says(rig_ask("instance=2;sender=x@soft.example").findings, "spf=clear:pass (soft.example: mx)");
    a = rig_ask("instance=3;client_address=198.51.100.1");
    assert_string_equal(a.answer, "action=REJECT 5.7.1 The sender's domain does not allow this client (SPF fail) (id 0123456789ABC)");
    assert_says(rig_ask("instance=4;client_address=198.51.100.1;sender=x@words.example").answer, "The sender's domain says (SPF fail): Ask 198.51.100.1 (us)");
    a = rig_ask("instance=5;client_address=198.51.100.1;sender=x@soft.example");
    assert_string_equal(a.answer, "action=DUNNO");
    assert_true(a.decision.enforced.score > 0.9 && a.decision.enforced.score < 1.1);
    assert_says(rig_ask("instance=6;sender=x@nowhere.example").findings, "spf=clear:none");
    assert_says(rig_ask("instance=7;sender=;helo_name=sender.example").findings, "spf=clear:pass");
    assert_says(header_of("instance=7"), "identity=helo; envelope-from=\"\"; helo=\"sender.example\"; client-ip=192.0.2.1");
    assert_says(rig_ask("instance=8;sasl_username=bob;client_address=198.51.100.1").findings, "spf=skipped:login");
}

static void test_dns_fails(void **state)
{
    struct asked a;

    (void)state;
    rig_load(SPF(""));
    a = rig_ask("instance=1;sender=x@dead.example");
    assert_string_equal(a.answer, "action=DUNNO");
    assert_says(a.findings, "spf=unknown:temperror");
    a = rig_ask("instance=2;sender=x@silent.example");
    assert_string_equal(a.answer, "action=DUNNO");
    assert_true(a.at_ms <= 3000);
    rig_load(SPF(", on_failure: defer"));
    assert_says(rig_ask("instance=3;sender=x@dead.example").answer, "450 4.7.1 The sender's SPF record cannot be looked up");
    assert_says(rig_ask("instance=4;sender=x@silent.example").answer, "450 4.7.1");
}

/* The recipients of a message share the result, and one header field. */
static void test_once_a_message(void **state)
{
    size_t asked;

    (void)state;
    rig_load(SPF(""));
    rig_ask("instance=1;sender=x@soft.example");
    asked = rig_dns_asked;
    assert_says(rig_ask("instance=1;sender=x@soft.example;recipient=carol@example.com").findings, "spf=clear:pass (soft.example: mx)");
    assert_int_equal(rig_dns_asked, asked);
    assert_says(header_of("instance=1"), "Received-SPF: pass");
    assert_string_equal(header_of("instance=1"), "");
}

/* What is in a name does not get out of the header field. */
static void test_hostile_names(void **state)
{
    const char *field;

    (void)state;
    rig_load(SPF(""));
    rig_ask("instance=1;sender=a\"b\\c(d\x01\xff@sender.example;helo_name=x\"y");
    field = header_of("instance=1");
    assert_says(field, "envelope-from=\"a\\\"b\\\\c(d??@sender.example\"");
    for (const char *p = field; *p != '\0'; p++)
        assert_true(*p >= 0x20 && *p < 0x7f);
}

static void test_spoof_waits(void **state)
{
    struct asked a;

    (void)state;
    dns_set("example.com", DNSC_TXT, DNSC_FOUND, "v=spf1 ip4:203.0.113.7 -all", 50);
    rig_load("domains: [example.com, dead.example]\npolicy: {rules: {spoof: enforce}}\n");
    a = rig_ask("instance=1;sender=boss@example.com;client_address=203.0.113.7");
    assert_string_equal(a.answer, "action=DUNNO");
    assert_says(a.findings, "spoof=clear:SPF allows the client");
    assert_silent(a.findings, "spf=");
    assert_string_equal(header_of("instance=1"), "");
    assert_says(rig_ask("instance=2;sender=boss@example.com").answer, "REJECT 5.7.1 Sender address belongs here");
    a = rig_ask("instance=3;sender=boss@dead.example");              /* ignorance never rejects */
    assert_string_equal(a.answer, "action=DUNNO");
    assert_says(a.findings, "spoof=unknown");
}

/* An explanation wants every fact, though another rule has decided. */
static void test_explained_whole(void **state)
{
    struct asked a;

    (void)state;
    dns_set("example.com", DNSC_TXT, DNSC_FOUND, "v=spf1 -all", 50);
    rig_load("domains: [example.com]\npolicy: {rules: {spoof: enforce, deny: {clients: [192.0.2.1]}}}\n");
    rig_begin(&a, "sender=boss@example.com", true);
    loop_fake_advance(rig_loop, 100);
    assert_true(a.done);
    assert_says(a.findings, "spoof=hit:example.com");
}

static void test_observe(void **state)
{
    struct asked a;

    (void)state;
    rig_load("policy: {score: {reject: 3}, rules: {spf: observe}}\n");
    a = rig_ask("instance=1;client_address=198.51.100.1");
    assert_string_equal(a.answer, "action=DUNNO");
    assert_says(a.would, "REJECT 5.7.1");
    assert_string_equal(header_of("instance=1"), "");
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_results), T(test_dns_fails), T(test_once_a_message), T(test_hostile_names), T(test_spoof_waits), T(test_observe),
        T(test_explained_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

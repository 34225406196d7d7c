/* test_check_dnsbl.c - lists that answer, lie, refuse, are late or silent, and what it comes to.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "rig.h"

#define ONE  "policy: {dnsbl: [{name: zen, zone: bl.example}]}\n"
#define TWO  "policy: {dnsbl: [{name: zen, zone: bl.example, weight: 5}, {name: good, zone: wl.example, weight: -3}]}\n"
#define HALF "policy: {dnsbl: [{name: a, zone: a.example, weight: 3}, {name: b, zone: b.example, weight: 3}, {name: slow, zone: slow.example, weight: 3}]}\n"

#define CLIENT "1.2.0.192."

static int setup(void **state)
{
    (void)state;
    rig_open(NULL);
    dns_list("bl.example");
    dns_list("wl.example");
    dns_list("a.example");
    dns_list("b.example");
    dns_list("slow.example");
    return 0;
}

static void test_listed(void **state)
{
    struct asked a;

    (void)state;
    rig_load(ONE);
    dns_set(CLIENT "bl.example", DNSC_A, DNSC_FOUND, "127.0.0.2 127.0.0.4", 20);
    dns_set(CLIENT "bl.example", DNSC_TXT, DNSC_FOUND, "see https://list.example/?ip=192.0.2.1", 30);
    a = rig_ask("");
    assert_says(a.answer, "action=REJECT 5.7.1 ");
    assert_says(a.answer, "zen: see https://list.example/?ip=192.0.2.1 (id 0123456789ABC)");
    assert_says(a.findings, "zen=hit:127.0.0.2,127.0.0.4;");
    assert_silent(a.answer, "bl.example");
    assert_int_equal(a.at_ms, 50);
}

static void test_not_listed(void **state)
{
    struct asked a;

    (void)state;
    rig_load(ONE);
    a = rig_ask("");
    assert_string_equal(a.answer, "action=DUNNO");
    assert_says(a.findings, "zen=clear:not listed;");
    assert_int_equal(a.at_ms, 0);
}

/* The reason is waited for so long and no longer; then the answer stands without it. */
static void test_late_reason(void **state)
{
    struct asked a;

    (void)state;
    rig_load(ONE);
    dns_set(CLIENT "bl.example", DNSC_A, DNSC_FOUND, "127.0.0.2", 0);
    dns_set(CLIENT "bl.example", DNSC_TXT, DNSC_FOUND, "late", 500);
    a = rig_ask("");
    assert_says(a.answer, "action=REJECT 5.7.1 Client is listed by zen (id ");
    assert_int_equal(a.at_ms, 100);
}

static void test_reason_is_cleaned(void **state)
{
    static const char dirty[] = "say\r\n\x01\xff key.BL.Example:";
    static char longer[700];
    struct asked a;

    (void)state;
    rig_load(ONE);
    memset(longer, 'x', sizeof(longer) - 1);
    memcpy(longer, dirty, sizeof(dirty) - 1);
    dns_set(CLIENT "bl.example", DNSC_A, DNSC_FOUND, "127.0.0.2", 0);
    dns_set(CLIENT "bl.example", DNSC_TXT, DNSC_FOUND, longer, 0);
    a = rig_ask("");
    assert_says(a.answer, "key.zen:xxx");
    assert_silent(a.answer, "xample");
    for (const char *p = a.answer; *p != '\0'; p++)
        assert_true(*p >= 0x20 && *p < 0x7f);
    assert_true(strlen(a.answer) < 300);
    assert_says(a.answer, "(id 0123456789ABC)");
}

static const struct {
    const char *name;
    enum dnsc_outcome outcome;
    const char *answer;
    int64_t delay_ms;
    const char *saw;
    enum dnsbl_state after;
} harmless[] = {
    { "timeout", DNSC_FOUND, "127.0.0.2", -1, "zen=unknown:timeout;", DNSBL_UP },
    { "too late", DNSC_FOUND, "127.0.0.2", 1500, "zen=unknown:timeout;", DNSBL_UP },
    { "servfail", DNSC_SERVFAIL, NULL, 5, "zen=unknown:servfail;", DNSBL_UP },
    { "refused", DNSC_REFUSED, NULL, 5, "zen=unknown:refused;", DNSBL_UP },
    { "malformed", DNSC_MALFORMED, NULL, 5, "zen=unknown:malformed;", DNSBL_UP },
    { "unreachable", DNSC_UNREACHABLE, NULL, 0, "zen=unknown:unreachable;", DNSBL_UP },
    { "no data", DNSC_NODATA, NULL, 5, "zen=clear:not listed;", DNSBL_UP },
    { "quota code", DNSC_FOUND, "127.255.255.254", 5, "zen=unknown:refused: 127.255.255.254;", DNSBL_REFUSING },
    { "refusal among codes", DNSC_FOUND, "127.0.0.2 127.255.255.255", 5, "zen=unknown:refused:", DNSBL_REFUSING },
    { "127.0.0.1", DNSC_FOUND, "127.0.0.1", 5, "zen=unknown:refused: 127.0.0.1;", DNSBL_REFUSING },
    { "parked", DNSC_FOUND, "203.0.113.7", 5, "zen=unknown:refused: 203.0.113.7;", DNSBL_REFUSING },
    { "code outside the filter", DNSC_FOUND, "127.0.5.5", 5, "zen=clear:127.0.5.5,", DNSBL_UP },
};

static void test_harmless(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++) {
        struct asked a;

        rig_load(ONE);
        dns_set(CLIENT "bl.example", DNSC_A, harmless[i].outcome, harmless[i].answer, harmless[i].delay_ms);
        a = rig_ask("");
        if (strcmp(a.answer, "action=DUNNO") != 0 || strstr(a.findings, harmless[i].saw) == NULL ||
            dnsbl_health_state(rig_rules->dnsbl[0].health) != harmless[i].after || a.at_ms > 1000)
            fail_msg("%s: %s, %s, state %d after %d ms", harmless[i].name, a.answer, a.findings, dnsbl_health_state(rig_rules->dnsbl[0].health), (int)a.at_ms);
        rig_teardown(NULL);
        setup(NULL);
    }
}

/* A refusal takes the list out for an hour, however often it is asked; then it is tested, and back. */
static void test_refusal_takes_an_hour(void **state)
{
    struct asked a;

    (void)state;
    rig_load(ONE);
    dns_set(CLIENT "bl.example", DNSC_A, DNSC_FOUND, "127.255.255.254", 0);
    a = rig_ask("");
    assert_int_equal(*rig_services.count.dns_refusal, 1);
    dns_set(CLIENT "bl.example", DNSC_A, DNSC_FOUND, "127.0.0.2", 0);
    loop_fake_advance(rig_loop, MINUTES(59));
    a = rig_ask("");
    assert_string_equal(a.answer, "action=DUNNO");
    assert_says(a.findings, "zen=skipped:off: refuses");
    loop_fake_advance(rig_loop, MINUTES(1));
    a = rig_ask("");
    assert_says(a.answer, "REJECT");
}

static void test_three_timeouts(void **state)
{
    struct asked a;

    (void)state;
    rig_load(ONE);
    dns_set(CLIENT "bl.example", DNSC_A, DNSC_FOUND, "127.0.0.2", -1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(rig_ask("").at_ms, 1000);
    a = rig_ask("");
    assert_int_equal(a.at_ms, 0);                /* a dead list costs nothing any more */
    assert_says(a.findings, "zen=skipped:off: silent;");
    dns_set(CLIENT "bl.example", DNSC_A, DNSC_FOUND, "127.0.0.2", 0);
    loop_fake_advance(rig_loop, SECONDS(11));    /* the probe's name is answered */
    assert_says(rig_ask("").answer, "REJECT");
}

static void test_self_test(void **state)
{
    struct asked a;

    (void)state;
    dns_set("2.0.0.127.bl.example", DNSC_A, DNSC_NXDOMAIN, NULL, 0);       /* an empty list */
    rig_load(ONE);
    dns_set(CLIENT "bl.example", DNSC_A, DNSC_FOUND, "127.0.0.2", 0);
    a = rig_ask("");
    assert_string_equal(a.answer, "action=DUNNO");
    assert_int_equal(dnsbl_health_state(rig_rules->dnsbl[0].health), DNSBL_FAILED);
    dns_set("2.0.0.127.bl.example", DNSC_A, DNSC_FOUND, "127.0.0.2", 0);
    loop_fake_advance(rig_loop, MINUTES(1));
    assert_says(rig_ask("").answer, "REJECT");
    dns_set("1.0.0.127.bl.example", DNSC_A, DNSC_FOUND, "127.0.0.3", 0);   /* now it lists the world */
    loop_fake_advance(rig_loop, MINUTES(10));
    a = rig_ask("");
    assert_string_equal(a.answer, "action=DUNNO");
    assert_says(a.findings, "off: failed its test");
    dns_set("1.0.0.127.bl.example", DNSC_A, DNSC_NXDOMAIN, NULL, 0);
    loop_fake_advance(rig_loop, MINUTES(1));
    assert_says(rig_ask("").answer, "REJECT");
}

/* A request that comes while the first test runs: its listing counts only if the test says so. */
static void test_first_test_is_waited_for(void **state)
{
    (void)state;
    for (int good = 0; good < 2; good++) {
        struct asked a;

        dns_set("2.0.0.127.bl.example", DNSC_A, good ? DNSC_FOUND : DNSC_NXDOMAIN, "127.0.0.2", 40);
        dns_set(CLIENT "bl.example", DNSC_A, DNSC_FOUND, "127.0.0.2", 5);
        rig_load(ONE);
        a = rig_ask("");
        if (good)
            assert_says(a.answer, "REJECT");
        else
            assert_string_equal(a.answer, "action=DUNNO");
        assert_in_range(a.at_ms, 40, 41);
        rig_teardown(NULL);
        setup(NULL);
    }
}

/* The resolver is not up when we start: the list is not believed, and tried again soon. */
static void test_resolver_comes_late(void **state)
{
    struct asked a;

    (void)state;
    dns_set("2.0.0.127.bl.example", DNSC_A, DNSC_UNREACHABLE, NULL, 0);
    dns_set("1.0.0.127.bl.example", DNSC_A, DNSC_UNREACHABLE, NULL, 0);
    dns_set(CLIENT "bl.example", DNSC_A, DNSC_FOUND, "127.0.0.2", 0);
    rig_load(ONE);
    a = rig_ask("");
    assert_string_equal(a.answer, "action=DUNNO");
    assert_says(a.findings, "zen=skipped:not yet tested;");
    dns_set("2.0.0.127.bl.example", DNSC_A, DNSC_FOUND, "127.0.0.2", 0);
    dns_set("1.0.0.127.bl.example", DNSC_A, DNSC_NXDOMAIN, NULL, 0);
    loop_fake_advance(rig_loop, SECONDS(1));
    assert_says(rig_ask("").answer, "REJECT");
}

static void test_whitelist_takes_off(void **state)
{
    struct asked a;

    (void)state;
    rig_load(TWO);
    dns_set(CLIENT "bl.example", DNSC_A, DNSC_FOUND, "127.0.0.2", 1);
    dns_set(CLIENT "wl.example", DNSC_A, DNSC_FOUND, "127.0.10.2", 60);
    dns_set("2.0.0.127.wl.example", DNSC_A, DNSC_FOUND, "127.0.0.2", 0);
    a = rig_ask("");
    assert_says(a.findings, "good=clear:127.0.10.2, not a code that counts;");   /* outside the default filter */
    assert_says(a.answer, "REJECT");
    dns_set(CLIENT "wl.example", DNSC_A, DNSC_FOUND, "127.0.0.5", 60);
    a = rig_ask("");
    assert_string_equal(a.answer, "action=DUNNO");
    assert_int_equal(a.at_ms, 60);
    dns_set(CLIENT "wl.example", DNSC_A, DNSC_FOUND, "127.0.0.255", 60);         /* over quota: no whitelist */
    assert_says(rig_ask("").answer, "REJECT");
}

/* Two of three are enough: the third is not waited for. */
static void test_stops_when_certain(void **state)
{
    struct asked a;

    (void)state;
    rig_load(HALF);
    dns_set(CLIENT "a.example", DNSC_A, DNSC_FOUND, "127.0.0.2", 10);
    dns_set(CLIENT "b.example", DNSC_A, DNSC_FOUND, "127.0.0.2", 20);
    dns_set(CLIENT "slow.example", DNSC_A, DNSC_FOUND, "127.0.0.2", 900);
    a = rig_ask("");
    assert_says(a.answer, "REJECT");
    assert_int_equal(a.at_ms, 20);
    assert_says(a.findings, "slow=unknown:not waited for;");
    assert_int_equal(rig_dns_open, 1);               /* its health waits for it */
    loop_fake_advance(rig_loop, 900);
    assert_int_equal(rig_dns_open, 0);
}

/* One that is silent, but whose word nobody needs, would have every mail wait a little: it is noticed all the same. */
static void test_silent_and_not_needed(void **state)
{
    struct asked a;

    (void)state;
    dns_list("bl.example");
    rig_load("policy: {dnsbl: [{name: bl, zone: bl.example, weight: 2}]}\n");
    loop_fake_advance(rig_loop, 100);
    for (int i = 0; i < 60; i++) {
        static char names[60][64];
        char attributes[80];

        snprintf(names[i], sizeof(names[i]), "%d.2.0.192.bl.example", 100 + i);
        dns_set(names[i], DNSC_A, DNSC_FOUND, "127.0.0.2", -1);
        snprintf(attributes, sizeof(attributes), "instance=%d;client_address=192.0.2.%d", i, 100 + i);
        a = rig_ask(attributes);
        assert_string_equal(a.answer, "action=DUNNO");
        assert_in_range(a.at_ms, 0, 100);
        if (a.at_ms == 0)
            break;
    }
    assert_int_equal(a.at_ms, 0);
    assert_int_equal(dnsbl_health_state(rig_rules->dnsbl[0].health), DNSBL_SILENT);
}

/* A pass that is certain waits a little for what cfilter will be told. */
static void test_pass_waits_a_little(void **state)
{
    struct asked a;

    (void)state;
    rig_load("policy: {dnsbl: [{name: low, zone: a.example, weight: 2}, {name: slow, zone: slow.example, weight: 2}]}\n");
    dns_set(CLIENT "a.example", DNSC_A, DNSC_FOUND, "127.0.0.2", 60);
    dns_set(CLIENT "slow.example", DNSC_A, DNSC_FOUND, "127.0.0.2", 900);
    a = rig_ask("instance=77.1");
    assert_string_equal(a.answer, "action=DUNNO");
    assert_int_equal(a.at_ms, 100);
    assert_says(a.findings, "low=hit:127.0.0.2;");
    a = rig_ask("");                             /* nobody will be told */
    assert_int_equal(a.at_ms, 0);
}

static void test_who_is_not_asked_about(void **state)
{
    static const struct { const char *attributes, *why; } rows[] = {
        { "client_address=unknown", "no client address" },
        { "client_address=", "no client address" },
        { "client_address=::ffff:192.0.2.1", "no client address" },
        { "client_address=fe80::1%eth0", "no client address" },
        { "client_address=999.1.1.1", "no client address" },
        { "client_address=10.20.3.4", "trusted network" },
        { "sasl_username=bob", "login" },
        { "policy_context=submission", "submission" },
    };

    (void)state;
    rig_load("networks: {trusted: [10.20.0.0/16]}\n" ONE);
    rig_dns_asked = 0;
    dns_set(CLIENT "bl.example", DNSC_A, DNSC_FOUND, "127.0.0.2", 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct asked a = rig_ask(rows[i].attributes);

        assert_string_equal(a.answer, "action=DUNNO");
        assert_says(a.findings, rows[i].why);
    }
    assert_int_equal(rig_dns_asked, 0);
    rig_ask("client_address=2001:db8::1");
    assert_string_equal(rig_dns_last, "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.bl.example");
}

static void test_kinds(void **state)
{
    struct asked a;

    (void)state;
    dns_set("test.bl.example", DNSC_A, DNSC_FOUND, "127.0.0.2", 0);
    dns_set("test.a.example", DNSC_A, DNSC_FOUND, "127.0.1.2", 0);
    rig_load("policy: {dnsbl: [{name: helos, zone: bl.example, kind: helo}, {name: senders, zone: a.example, kind: sender}]}\n");
    dns_set("mx.bad.example.bl.example", DNSC_A, DNSC_FOUND, "127.0.0.2", 0);
    dns_set("bad.example.a.example", DNSC_A, DNSC_FOUND, "127.0.1.2", 0);
    assert_says(rig_ask("helo_name=MX.Bad.example").answer, "by helos");
    assert_says(rig_ask("sender=x@BAD.example").answer, "by senders");
    a = rig_ask("helo_name=[192.0.2.1];sender=");
    assert_says(a.findings, "helos=skipped:helo is no domain name;senders=skipped:sender has no domain;");
}

static void test_observe(void **state)
{
    struct asked a;

    (void)state;
    rig_load("mode: observe\n" ONE);
    dns_set(CLIENT "bl.example", DNSC_A, DNSC_FOUND, "127.0.0.2", 30);
    a = rig_ask("");
    assert_string_equal(a.answer, "action=DUNNO");
    assert_says(a.would, "action=REJECT 5.7.1");
    assert_int_equal(a.at_ms, 30);
}

static void test_all_dead_within_the_deadline(void **state)
{
    struct asked a;

    (void)state;
    rig_load("policy: {timeout: 300ms, dnsbl: [{name: zen, zone: bl.example}]}\n");
    dns_set(CLIENT "bl.example", DNSC_A, DNSC_FOUND, "127.0.0.2", -1);
    a = rig_ask("");
    assert_true(a.overdue);
    assert_int_equal(a.at_ms, 300);
    assert_string_equal(a.answer, "action=DUNNO");
    assert_says(a.findings, "zen=unknown:no answer in time;");
}

/* A client that leaves takes its questions with it; a reload keeps what is known of a list. */
static void test_cancel_and_reload(void **state)
{
    struct asked a;

    (void)state;
    rig_load(ONE);
    dns_set(CLIENT "bl.example", DNSC_A, DNSC_FOUND, "127.0.0.2", 400);
    rig_begin(&a, "", false);
    assert_int_equal(rig_dns_open, 1);
    eval_release(&a.eval);
    assert_int_equal(rig_dns_open, 1);           /* its health's alone */
    loop_fake_advance(rig_loop, 500);
    rig_begin(&a, "", false);
    rig_load(ONE);                               /* under way with the old rules */
    rig_dns_asked = 0;
    loop_fake_advance(rig_loop, 500);
    assert_true(a.done);
    assert_says(a.answer, "REJECT");
    assert_int_equal(dnsbl_health_state(rig_rules->dnsbl[0].health), DNSBL_UP);
}

static void test_dry_waits_for_all(void **state)
{
    struct asked a;

    (void)state;
    rig_load(HALF);
    dns_set(CLIENT "a.example", DNSC_A, DNSC_FOUND, "127.0.0.2", 10);
    dns_set(CLIENT "b.example", DNSC_A, DNSC_FOUND, "127.0.0.2", 20);
    dns_set(CLIENT "slow.example", DNSC_A, DNSC_FOUND, "127.0.0.2", 900);
    rig_begin(&a, "instance=1.2", true);
    loop_fake_advance(rig_loop, 2000);
    assert_true(a.done);
    assert_says(a.findings, "slow=hit:127.0.0.2;");
    assert_int_equal(handover_memory_count(rig_services.messages), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, rig_teardown)

/* Each filter that matches any answer adds its weight once, as postscreen(8) does it. */
static void test_weights_by_code(void **state)
{
    static const struct { const char *client, *answer; double score; const char *kind; } rows[] = {
        { "192.0.2.1", "127.0.0.2", 4, "hit" },
        { "192.0.2.2", "127.0.0.10", 1, "hit" },
        { "192.0.2.3", "127.0.0.2 127.0.0.3 127.0.0.11", 5, "hit" },
        { "192.0.2.4", "127.0.0.4", 5, "hit" },              /* 4 and, without a weight of its own, the list's 1 */
        { "192.0.2.5", "127.0.0.20", 0, "clear" },
        { "192.0.2.6", "127.0.0.2 127.255.255.254", 0, "unknown" },
    };

    (void)state;
    dns_list("codes.example");
    rig_load("policy: {score: {reject: 0, prepend: 100}, dnsbl: [{name: codes, zone: codes.example, weight: 1, "
             "returns: [\"127.0.0.[2..4]*4\", \"127.0.0.[10..11]*1\", 127.0.0.4]}]}\n");
    loop_fake_advance(rig_loop, 1000);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        static char names[8][60];
        char *name = names[i], ask[60], want[40];
        struct asked a;

        snprintf(name, sizeof(names[0]), "%c.2.0.192.codes.example", rows[i].client[8]);
        dns_set(name, DNSC_A, DNSC_FOUND, rows[i].answer, 0);
        snprintf(ask, sizeof(ask), "client_address=%s", rows[i].client);
        snprintf(want, sizeof(want), "codes=%s:", rows[i].kind);
        a = rig_ask(ask);
        assert_says(a.findings, want);
        assert_true(a.decision.enforced.score > rows[i].score - 0.01 && a.decision.enforced.score < rows[i].score + 0.01);
    }
}

static void test_client_name(void **state)
{
    (void)state;
    dns_set("test.names.example", DNSC_A, DNSC_FOUND, "127.0.1.2", 0);
    dns_set("bad.host.example.names.example", DNSC_A, DNSC_FOUND, "127.0.1.5", 0);
    rig_load("policy: {dnsbl: [{name: names, zone: names.example, kind: client_name}]}\n");
    loop_fake_advance(rig_loop, 1000);
    assert_says(rig_ask("client_name=Bad.Host.example").answer, "REJECT");
    assert_string_equal(rig_ask("client_name=good.host.example").answer, "action=DUNNO");
    assert_says(rig_ask("client_name=unknown;reverse_client_name=bad.host.example").findings, "names=skipped:the client has no confirmed name");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_listed), T(test_not_listed), T(test_late_reason), T(test_reason_is_cleaned), T(test_harmless), T(test_refusal_takes_an_hour),
        T(test_three_timeouts), T(test_self_test), T(test_first_test_is_waited_for), T(test_resolver_comes_late), T(test_whitelist_takes_off), T(test_stops_when_certain), T(test_silent_and_not_needed),
        T(test_pass_waits_a_little), T(test_who_is_not_asked_about), T(test_kinds), T(test_observe), T(test_all_dead_within_the_deadline),
        T(test_cancel_and_reload), T(test_dry_waits_for_all), T(test_weights_by_code), T(test_client_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

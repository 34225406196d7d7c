/* test_check_rules.c - who is allowed and denied, HELO names, own-domain senders from outside, recipients of a message.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "rig.h"

#define HOUSE                                                                                                          \
    "domains: [example.com]\n"                                                                                         \
    "networks: {trusted: [10.20.0.0/16], friends: [198.51.100.0/24], bad: [203.0.113.0/25, \"2001:db8:bad::/48\"]}\n"

static const struct row {
    const char *name, *rules, *attributes;
    const char *answer;          /* what is in it */
    const char *would;           /* NULL: the same */
} rows[] = {
    { "not denied", "deny: {networks: bad}", "", "DUNNO", NULL },
    { "denied by a named network", "deny: {networks: bad}", "client_address=203.0.113.9", "REJECT 5.7.1 Client is not welcome here (id ", NULL },
    { "just outside", "deny: {networks: bad}", "client_address=203.0.113.128", "DUNNO", NULL },
    { "denied v6", "deny: {networks: bad}", "client_address=2001:db8:bad:1::1", "REJECT", NULL },
    { "denied by an own net", "deny: {clients: [192.0.2.0/24]}", "", "REJECT", NULL },
    { "denied though logged in", "deny: {clients: [192.0.2.0/24]}", "sasl_username=bob", "REJECT", NULL },
    { "denied inside trusted", "deny: {clients: [10.20.3.4]}", "client_address=10.20.3.4", "REJECT", NULL },
    { "mapped is no client", "deny: {clients: [192.0.2.0/24]}", "client_address=::ffff:192.0.2.1", "DUNNO", NULL },
    { "unknown is no client", "deny: {clients: [192.0.2.0/24]}", "client_address=unknown", "DUNNO", NULL },
    { "observed", "deny: {mode: observe, clients: [192.0.2.0/24]}", "", "DUNNO", "REJECT" },
    { "off", "deny: {mode: off, clients: [192.0.2.0/24]}", "", "DUNNO", NULL },
    { "allow wins", "allow: {clients: [192.0.2.1]}, deny: {clients: [192.0.2.0/24]}", "", "DUNNO", NULL },
    { "allow does not allow others", "allow: {clients: [192.0.2.1]}, deny: {clients: [192.0.2.0/24]}", "client_address=192.0.2.2", "REJECT", NULL },

    { "allowed by a confirmed name", "allow: {hosts: [.friend.example]}, deny: {clients: [192.0.2.0/24]}", "client_name=mx.Friend.example", "DUNNO", NULL },
    { "not by an unconfirmed one", "allow: {hosts: [.friend.example]}, deny: {clients: [192.0.2.0/24]}",
      "client_name=unknown;reverse_client_name=mx.friend.example", "REJECT", NULL },
    { "not by a name that ends alike", "allow: {hosts: [.friend.example]}, deny: {clients: [192.0.2.0/24]}", "client_name=mx.notfriend.example", "REJECT", NULL },
    { "denied by name, with words", "deny: {hosts: [bad.example], text: \"Please go away\"}", "client_name=bad.example", "REJECT 5.7.1 Please go away (id ", NULL },
    { "denied by HELO", "deny: {helo: [ylmf-pc]}", "helo_name=YLMF-pc", "REJECT", NULL },
    { "denied by sender", "deny: {senders: [bad@x.example, evil.example]}", "sender=Bad@X.example", "REJECT", NULL },
    { "denied by the sender's domain", "deny: {senders: [bad@x.example, \"@evil.example\"]}", "sender=any@EVIL.example", "REJECT", NULL },
    { "another of that domain", "deny: {senders: [bad@x.example]}", "sender=good@x.example", "DUNNO", NULL },
    { "the null sender is in no list", "deny: {senders: [bad@x.example]}", "sender=", "DUNNO", NULL },
    { "allowed by recipient", "allow: {recipients: [postmaster@example.com]}, deny: {clients: [192.0.2.0/24]}", "recipient=Postmaster@example.com", "DUNNO", NULL },
    { "denied by login", "deny: {logins: [mallory]}", "sasl_username=Mallory", "REJECT", NULL },
    { "sender without an address", "deny: {senders: [evil.example]}", "sender=x@evil.example;client_address=unknown", "REJECT", NULL },

    { "helo is off", "spoof: off", "helo_name=localhost", "DUNNO", NULL },
    { "helo in order", "helo: enforce", "", "DUNNO", NULL },
    { "helo is our name", "helo: enforce", "helo_name=Example.com", "REJECT 5.7.1 Your HELO name is a name of ours (id ", NULL },
    { "helo is our name, from a login", "helo: enforce", "helo_name=example.com;sasl_username=bob", "DUNNO", NULL },
    { "helo is the client's address", "helo: {mode: enforce, foreign_literal: 5}", "helo_name=[192.0.2.1]", "DUNNO", NULL },
    { "helo is another address", "helo: {mode: enforce, foreign_literal: 5}", "helo_name=[198.51.100.1]", "REJECT 5.7.1 Your HELO name is an address that", NULL },
    { "helo is the client's address, v6", "helo: {mode: enforce, foreign_literal: 5}", "client_address=2001:db8::1;helo_name=[IPv6:2001:DB8::1]", "DUNNO", NULL },
    { "helo without brackets", "helo: {mode: enforce, bare_address: 5}", "helo_name=192.0.2.1", "REJECT 5.7.1 Your HELO name is an address without", NULL },
    { "helo without a dot", "helo: {mode: enforce, non_fqdn: 5}", "helo_name=server", "REJECT 5.7.1 Your HELO name is a name without", NULL },
    { "helo with a dot at the end", "helo: {mode: enforce, non_fqdn: 5, invalid: 5}", "helo_name=mx.sender.example.", "DUNNO", NULL },
    { "helo is none", "helo: {mode: enforce, invalid: 5}", "helo_name=-x_y!", "REJECT 5.7.1 Your HELO name is no host name", NULL },
    { "helo was not said", "helo: {mode: enforce, invalid: 5}", "helo_name=", "DUNNO", NULL },
    { "helo has mild points", "helo: enforce", "helo_name=server", "DUNNO", NULL },
    { "helo observed", "helo: observe", "helo_name=example.com", "DUNNO", "REJECT" },

    { "denied by certificate", "deny: {fingerprints: [\"AB:cd:01\"]}", "ccert_fingerprint=ab:CD:01", "REJECT", NULL },
    { "allowed by public key", "allow: {fingerprints: [\"ab:cd\"]}, deny: {clients: [192.0.2.0/24]}", "ccert_pubkey_fingerprint=AB:CD", "DUNNO", NULL },
    { "no certificate is in no list", "deny: {fingerprints: [\"ab:cd\"]}", "ccert_fingerprint=", "DUNNO", NULL },
    { "old TLS", "deny: {tls_below: TLSv1.2}", "encryption_protocol=TLSv1.1", "REJECT", NULL },
    { "older TLS", "deny: {tls_below: TLSv1.2}", "encryption_protocol=TLSv1", "REJECT", NULL },
    { "that TLS", "deny: {tls_below: TLSv1.2}", "encryption_protocol=TLSv1.2", "DUNNO", NULL },
    { "newer TLS", "deny: {tls_below: TLSv1.3}", "encryption_protocol=TLSv1.3", "DUNNO", NULL },
    { "no TLS is not meant", "deny: {tls_below: TLSv1.3}", "encryption_protocol=", "DUNNO", NULL },

    { "client without a name", "client_name: {mode: enforce, missing: 5}", "reverse_client_name=unknown;client_name=unknown", "REJECT 5.7.1 Your address has no name", NULL },
    { "client with an unconfirmed name", "client_name: {mode: enforce, unconfirmed: 5}", "reverse_client_name=mx.x.example;client_name=unknown", "REJECT 5.7.1 Your name in DNS does not", NULL },
    { "client with a name", "client_name: {mode: enforce, missing: 5, unconfirmed: 5}", "reverse_client_name=mx.x.example;client_name=mx.x.example", "DUNNO", NULL },
    { "client name is not told", "client_name: {mode: enforce, missing: 5}", "client_name=unknown", "DUNNO", NULL },
    { "client without a name, login", "client_name: {mode: enforce, missing: 5}", "reverse_client_name=unknown;sasl_username=bob", "DUNNO", NULL },
    { "client names are off", "client_name: {missing: 5}", "reverse_client_name=unknown", "DUNNO", NULL },

    { "spoof observes by default", "spoof: {}", "sender=Boss@EXAMPLE.com", "DUNNO", "REJECT 5.7.1 Sender address belongs here" },
    { "spoof", "spoof: enforce", "sender=Boss@EXAMPLE.com", "REJECT 5.7.1 Sender address belongs here, but the client does not (id ", NULL },
    { "with a dot", "spoof: enforce", "sender=boss@example.com.", "REJECT", NULL },
    { "quoted local-part with another @", "spoof: enforce", "sender=a@elsewhere.example@example.com", "REJECT", NULL },
    { "own name in the local-part alone", "spoof: enforce", "sender=x@example.com@elsewhere.example", "DUNNO", NULL },
    { "subdomain is another domain", "spoof: enforce", "sender=x@sub.example.com", "DUNNO", NULL },
    { "null sender", "spoof: enforce", "sender=", "DUNNO", NULL },
    { "foreign sender", "spoof: enforce", "", "DUNNO", NULL },
    { "trusted", "spoof: enforce", "sender=x@example.com;client_address=10.20.9.9", "DUNNO", NULL },
    { "login", "spoof: enforce", "sender=x@example.com;sasl_username=x", "DUNNO", NULL },
    { "submission", "spoof: enforce", "sender=x@example.com;policy_context=submission", "DUNNO", NULL },
    { "other context", "spoof: enforce", "sender=x@example.com;policy_context=mx-in", "REJECT", NULL },
    { "partner", "spoof: {mode: enforce, partners: friends}", "sender=x@example.com;client_address=198.51.100.7", "DUNNO", NULL },
    { "no partner", "spoof: {mode: enforce, partners: friends}", "sender=x@example.com", "REJECT", NULL },
    { "unknown client", "spoof: enforce", "sender=x@example.com;client_address=unknown", "DUNNO", NULL },
    { "allowed", "allow: {clients: [192.0.2.1]}, spoof: enforce", "sender=x@example.com", "DUNNO", NULL },
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *r = &rows[i];
        char yaml[600];
        struct asked a;

        snprintf(yaml, sizeof(yaml), HOUSE "policy: {rules: {%s}}\n", r->rules);
        rig_load(yaml);
        a = rig_ask(r->attributes);
        if (strstr(a.answer, r->answer) == NULL || strstr(a.would, r->would != NULL ? r->would : r->answer) == NULL)
            fail_msg("%s: %s, would be %s", r->name, a.answer, a.would);
    }
}

static void test_observe_everywhere(void **state)
{
    struct asked a;

    (void)state;
    rig_load("mode: observe\n" HOUSE "policy: {rules: {spoof: enforce, deny: {clients: [192.0.2.1]}}}\n");
    a = rig_ask("sender=x@example.com");
    assert_string_equal(a.answer, "action=DUNNO");
    assert_says(a.would, "REJECT");
}

static void test_states_and_odd_requests(void **state)
{
    struct asked a;

    (void)state;
    rig_load(HOUSE "policy: {rules: {spoof: enforce}}\n");
    a = rig_ask("sender=@;recipient=@;helo_name=;client_address=%;instance=");
    assert_string_equal(a.answer, "action=DUNNO");
    a = rig_ask("sender=x@\xff\xfe;recipient=\xc3\x28@\xc3\xbc");
    assert_string_equal(a.answer, "action=DUNNO");
}

#define T(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

static void test_recipients(void **state)
{
    (void)state;
    rig_load(HOUSE "policy: {rules: {recipients: {max: 2, max_login: 3}, null_sender: enforce}}\n");
    assert_string_equal(rig_ask("instance=1;recipient=a@example.com").answer, "action=DUNNO");
    assert_string_equal(rig_ask("instance=1;recipient=b@example.com").answer, "action=DUNNO");
    assert_string_equal(rig_ask("instance=1;recipient=c@example.com").answer,
                        "action=452 4.5.3 Too many recipients of one message (id 0123456789ABC)");
    assert_string_equal(rig_ask("instance=1;recipient=b@example.com").answer, "action=DUNNO");        /* asked again */
    assert_string_equal(rig_ask("instance=2;recipient=c@example.com").answer, "action=DUNNO");
    for (int i = 0; i < 3; i++)
        assert_string_equal(rig_ask(i == 0 ? "instance=3;sasl_username=x;recipient=a@b.example" : i == 1 ? "instance=3;sasl_username=x;recipient=c@b.example"
                                           : "instance=3;sasl_username=x;recipient=d@b.example").answer, "action=DUNNO");
    assert_says(rig_ask("instance=3;sasl_username=x;recipient=e@b.example").answer, "452 4.5.3");
    assert_string_equal(rig_ask("instance=4;sender=;recipient=a@example.com").answer, "action=DUNNO");
    assert_string_equal(rig_ask("instance=4;sender=;recipient=b@example.com").answer,
                        "action=550 5.5.3 A bounce goes to the one who sent (id 0123456789ABC)");
    assert_string_equal(rig_ask("sender=;recipient=b@example.com").answer, "action=DUNNO");           /* no instance: nothing is known */
}

/* Only a full "no" of DNS has points. */
static void test_helo_in_dns(void **state)
{
    static const struct { enum dnsc_outcome a, aaaa, mx; const char *answer, *finding; } cases[] = {
        { DNSC_FOUND, DNSC_NODATA, DNSC_NODATA, "DUNNO", "helo=clear" },
        { DNSC_NXDOMAIN, DNSC_NXDOMAIN, DNSC_NXDOMAIN, "REJECT 5.7.1 Your HELO name is a name that does not exist", "helo=hit" },
        { DNSC_NODATA, DNSC_FOUND, DNSC_NODATA, "DUNNO", "helo=clear" },
        { DNSC_NODATA, DNSC_NODATA, DNSC_FOUND, "DUNNO", "helo=clear" },
        { DNSC_NODATA, DNSC_NODATA, DNSC_NODATA, "REJECT", "helo=hit" },
        { DNSC_SERVFAIL, DNSC_NODATA, DNSC_NODATA, "DUNNO", "helo=unknown:in order; in DNS: servfail" },
        { DNSC_NODATA, DNSC_NODATA, DNSC_TIMEOUT, "DUNNO", "helo=unknown" },
    };

    (void)state;
    for (size_t delay = 0; delay < 2; delay++) {
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            struct asked a;

            rig_load(HOUSE "policy: {rules: {helo: {mode: enforce, unresolvable: 5}}}\n");
            dns_set("mx.sender.example", DNSC_A, cases[i].a, "192.0.2.1", (int64_t)delay * 20);
            dns_set("mx.sender.example", DNSC_AAAA, cases[i].aaaa, "2001:db8::1", (int64_t)delay * 20);
            dns_set("mx.sender.example", DNSC_MX, cases[i].mx, "mx.example", (int64_t)delay * 20);
            a = rig_ask("");
            assert_says(a.answer, cases[i].answer);
            assert_says(a.findings, cases[i].finding);
        }
    }
    rig_dns_asked = 0;
    assert_string_equal(rig_ask("sasl_username=bob").answer, "action=DUNNO");
    assert_string_equal(rig_ask("helo_name=[192.0.2.1]").answer, "action=DUNNO");
    assert_int_equal(rig_dns_asked, 0);
}

/* A list that does not answer is nothing, or a 4xx where that was asked for. */
static void test_dnsbl_on_failure(void **state)
{
    (void)state;
    dns_list("bl.example");
    rig_load("policy: {dnsbl: [{name: bl, zone: bl.example, on_failure: defer}]}\n");
    loop_fake_advance(rig_loop, 100);
    assert_string_equal(rig_ask("").answer, "action=DUNNO");
    dns_set("2.2.0.192.bl.example", DNSC_A, DNSC_SERVFAIL, NULL, 5);
    assert_says(rig_ask("client_address=192.0.2.2").answer, "450 4.7.1 A DNS list cannot be looked up now");
    dns_set("3.2.0.192.bl.example", DNSC_A, DNSC_FOUND, "127.0.0.2", -1);
    assert_says(rig_ask("client_address=192.0.2.3").answer, "450 4.7.1 A DNS list cannot be looked up now");
    rig_load("policy: {dnsbl: [{name: bl, zone: bl.example}]}\n");
    assert_string_equal(rig_ask("client_address=192.0.2.2").answer, "action=DUNNO");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_rows), T(test_helo_in_dns), T(test_dnsbl_on_failure), T(test_observe_everywhere), T(test_states_and_odd_requests), T(test_recipients),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

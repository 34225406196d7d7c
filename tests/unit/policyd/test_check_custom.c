/* test_check_custom.c - policy.rules.custom: what they ask for, what they see, where their errors are, and the manual's examples.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "rig.h"

#define HOUSE                                                                                                          \
    "domains: [example.com]\n"                                                                                         \
    "networks: {trusted: [10.20.0.0/16], partners: [198.51.100.0/24]}\n"

#define OWN "name: own, when: 'sasl_username == \"\" and sender.domain in own_domains and not client in partners'"

#define TEN "xxxxxxxxxx"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define LONG_LOCAL HUNDRED HUNDRED HUNDRED HUNDRED

static const struct row {
    const char *name, *rules, *attributes, *answer, *would;
} rows[] = {
    { "the rule", OWN ", then: reject, text: not yours", "sender=boss@Example.com", "REJECT 5.7.1 not yours (id ", NULL },
    { "denied's words", OWN ", then: reject", "sender=boss@example.com", "REJECT 5.7.1 Client is not welcome here (id ", NULL },
    { "a partner", OWN ", then: reject", "sender=boss@example.com;client_address=198.51.100.9", "DUNNO", NULL },
    { "a login", OWN ", then: reject", "sender=boss@example.com;sasl_username=boss", "DUNNO", NULL },
    { "client unknown", OWN ", then: reject", "sender=boss@example.com;client_address=unknown", "DUNNO", NULL },
    { "observed", OWN ", then: reject, mode: observe", "sender=boss@example.com", "DUNNO", "REJECT" },
    { "off", OWN ", then: reject, mode: off", "sender=boss@example.com", "DUNNO", NULL },
    { "defer", OWN ", then: defer, text: later", "sender=boss@example.com", "450 4.7.1 later", NULL },
    { "points below", OWN ", points: 4", "sender=boss@example.com", "DUNNO", NULL },
    { "points", OWN ", points: 5", "sender=boss@example.com", "REJECT", NULL },
    { "hit of an earlier", OWN ", points: 1}, {name: b, when: 'hit(\"own\") and score >= 1 and points(\"own\") == 1', then: reject",
      "sender=boss@example.com", "REJECT", NULL },
    { "allow over a refusal", OWN ", then: reject}, {name: b, when: 'hit(\"own\") and login == \"\"', then: allow", "sender=boss@example.com",
      "DUNNO", NULL },
    { "an observer's hit is none", OWN ", points: 1, mode: observe}, {name: b, when: 'hit(\"own\")', then: reject", "sender=boss@example.com",
      "DUNNO", NULL },
    { "a list", "name: l, when: 'sender in bad', then: reject", "sender=X@spam.example", "REJECT", NULL },
    { "below a domain", "name: l, when: 'sender.domain in bad', then: reject", "sender=x@a.below.example", "REJECT", NULL },
    { "a long local-part hides nobody", "name: l, when: 'sender in bad', then: reject",
      "sender=" LONG_LOCAL "@a.below.example", "REJECT", NULL },
    { "not in the list", "name: l, when: 'sender in bad', then: reject", "sender=x@below.example", "DUNNO", NULL },
    { "at data: not at rcpt", "name: d, at: data, when: 'sender == \"\" and recipient_count > 1', then: reject", "sender=;recipient_count=5",
      "DUNNO", NULL },
    { "at data", "name: d, at: data, when: 'sender == \"\" and recipient_count > 1', then: reject",
      "protocol_state=DATA;sender=;recipient_count=5", "REJECT", NULL },
    { "recipients of one", "name: d, when: 'sender == \"\" and recipients > 1', then: reject", "sender=", "DUNNO", NULL },
    { "a hit of helo", "name: hell, when: 'sender == \"\"', points: 1}, {name: h, when: 'hit(\"helo\")', then: reject", "", "DUNNO", NULL },
    { "tls", "name: t, when: 'tls == \"\"', then: reject", "", "REJECT", NULL },
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *r = &rows[i];
        char yaml[900];
        struct asked a;

        snprintf(yaml, sizeof(yaml), HOUSE "policy: {lists: {bad: [x@spam.example, .below.example]}, rules: {spoof: off, custom: [{%s}]}}\n", r->rules);
        rig_load(yaml);
        a = rig_ask(r->attributes);
        if (strstr(a.answer, r->answer) == NULL || strstr(a.would, r->would != NULL ? r->would : r->answer) == NULL)
            fail_msg("%s: %s, would be %s", r->name, a.answer, a.would);
    }
}

/* The first list is enough to refuse; the rule asks for the second. */
static void test_waits_for_lists(void **state)
{
    struct asked a;

    (void)state;
    dns_list("black.example");
    dns_list("white.example");
    dns_set("1.2.0.192.black.example", DNSC_A, DNSC_FOUND, "127.0.0.2", 0);
    dns_set("1.2.0.192.white.example", DNSC_A, DNSC_FOUND, "127.0.0.2", 300);
    rig_load(HOUSE "policy: {dnsbl: [{name: black, zone: black.example, weight: 9}, {name: white, zone: white.example, weight: -1}], "
                   "rules: {custom: [{name: w, when: 'hit(\"white\") and hit(\"black\")', then: allow}]}}\n");
    a = rig_ask("");
    if (strstr(a.answer, "DUNNO") == NULL)
        fail_msg("%s", a.answer);
}

static struct { const char *name, *rules, *want; } errors[] = {
    { "place", "      - name: a\n        then: reject\n        when: sendr.domain in own_domains\n", ":7:15: policy.rules.custom[0].when: \"sendr.domain\" is no attribute (did you mean sender.domain?)" },
    { "in quotes", "      - name: a\n        then: reject\n        when: 'sender.domain in own_domain'\n", ":7:33: " },
    { "block", "      - name: a\n        then: reject\n        when: |\n          sender.domain in own_domains\n            and clint in partners\n", ":9:17: " },
    { "folded", "      - name: a\n        then: reject\n        when: >\n          sender.domain in own_domains\n          and clint in partners\n", ":9:15: " },
    { "at the end", "      - name: a\n        then: reject\n        when: sender ==\n", ":7:24: " },
    { "a list's name", "      - name: a\n        then: reject\n        when: hit(\"bc\")\n      - name: bcc\n        when: hit(\"a\") and hit(\"aa\")\n        points: 1\n", "did you mean a?" },
    { "nothing", "      - name: a\n        when: trusted\n", "does nothing" },
    { "twice", "      - {name: a, when: trusted, points: 1}\n      - {name: a, when: trusted, points: 1}\n", "earlier rule" },
    { "count at rcpt", "      - {name: a, when: recipient_count > 3, points: 1}\n", "write recipients" },
};

static void test_errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        struct conf_errors *e = conf_errors_new();
        char path[] = "/tmp/gatepost-custom-XXXXXX", all[4000] = "";
        FILE *f = fdopen(mkstemp(path), "w");
        struct settings *set;

        fprintf(f, "domains: [example.com]\npolicy:\n  rules:\n    custom:\n%snetworks: {partners: [198.51.100.0/24]}\n", errors[i].rules);
        fclose(f);
        if ((set = settings_load(path, e)) != NULL)
            (void)rules_check(set, e);
        for (size_t k = 0; k < conf_errors_count(e); k++)
            snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s\n", conf_errors_at(e, k));
        if (strstr(all, errors[i].want) == NULL)
            fail_msg("%s: wanted %s: %s", errors[i].name, errors[i].want, all);
        settings_unref(&set);
        conf_errors_free(&e);
        unlink(path);
    }
}

/* Every "Bd -literal" block of the manual is a configuration that passes. */
static void test_manual(void **state)
{
    FILE *page = fopen("man/gatepost-rules.7", "r");
    char line[500], yaml[6000] = "";
    bool inside = false;
    size_t blocks = 0;

    (void)state;
    assert_non_null(page);
    while (fgets(line, sizeof(line), page) != NULL) {
        if (strncmp(line, ".Bd -literal", 12) == 0) {
            inside = true;
            snprintf(yaml, sizeof(yaml), HOUSE);
        } else if (inside && strncmp(line, ".Ed", 3) == 0) {
            inside = false;
            blocks++;
            rig_load(yaml);
            (void)rig_ask("sender=;client_name=unknown");
        } else if (inside) {
            snprintf(yaml + strlen(yaml), sizeof(yaml) - strlen(yaml), "%s", strncmp(line, "\\&", 2) == 0 ? line + 2 : line);
        }
    }
    fclose(page);
    assert_true(blocks >= 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rows, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_waits_for_lists, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_errors, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_manual, rig_setup, rig_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

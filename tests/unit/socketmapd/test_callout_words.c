/* test_callout_words.c - what an inner server's reply proves, and which server is asked.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "socketmapd/callout_probe.h"
#include "socketmapd/callout_target.h"

static struct smtp_reply reply_of(const char *line, struct smtp_reply_parser *p)
{
    struct smtp_reply r;
    size_t used;

    smtp_reply_parser_init(p);
    assert_int_equal(smtp_reply_parse(p, span_str(line), &r, &used), SMTP_REPLY_OK);
    return r;
}

static const struct { const char *line; enum callout_says says; } rows[] = {
    { "250 2.1.5 Ok\r\n", CALLOUT_EXISTS },          { "251 2.1.5 will forward\r\n", CALLOUT_EXISTS },
    { "252 cannot VRFY\r\n", CALLOUT_EXISTS },       { "452 4.2.2 over quota\r\n", CALLOUT_EXISTS },
    { "552 5.2.2 over quota\r\n", CALLOUT_EXISTS },  { "550 5.2.2 over quota\r\n", CALLOUT_EXISTS },
    { "550 5.1.1 unknown\r\n", CALLOUT_UNKNOWN },    { "551 5.1.6 moved\r\n", CALLOUT_UNKNOWN },
    { "553 5.1.3 syntax\r\n", CALLOUT_UNKNOWN },     { "550 5.1.10 not found\r\n", CALLOUT_UNKNOWN },
    { "550 5.1.0 rejected\r\n", CALLOUT_UNKNOWN },   { "550 5.1.7 sender\r\n", CALLOUT_NOTHING },
    { "550 5.1.8 sender\r\n", CALLOUT_NOTHING },     { "550 5.7.1 denied\r\n", CALLOUT_NOTHING },
    { "554 5.1.1 unknown\r\n", CALLOUT_NOTHING },    { "450 4.1.1 not now\r\n", CALLOUT_NOTHING },
    { "550 no such user here 99\r\n", CALLOUT_UNKNOWN }, { "550 you are listed\r\n", CALLOUT_NOTHING },
    { "421 4.3.2 closing\r\n", CALLOUT_NOTHING },    { "550 <Bob@Example.com> no such user here\r\n", CALLOUT_NOTHING },
};

static void test_verdicts(void **state)
{
    struct smtp_reply_parser p;
    char refusal[CALLOUT_WORDS_MAX];
    struct smtp_reply r = reply_of("550 no such user here 12345\r\n", &p);

    (void)state;
    callout_words(&r, SPAN("gatepost-77@example.com"), refusal);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        r = reply_of(rows[i].line, &p);
        print_message("%s", rows[i].line);
        assert_int_equal(callout_verdict(&r, SPAN("bob@example.com"), refusal), rows[i].says);
        if (r.enhanced.n == 0 && r.code >= 400)
            assert_int_equal(callout_verdict(&r, SPAN("bob@example.com"), ""), CALLOUT_NOTHING);
    }
}

static void test_words_are_alike_for_any_address(void **state)
{
    struct smtp_reply_parser p, q;
    struct smtp_reply a = reply_of("550 <gatepost-1@example.com>... User unknown (id 4711)\r\n", &p);
    struct smtp_reply b = reply_of("550 <Robert@Example.com>... User unknown (id 12)\r\n", &q);
    char one[CALLOUT_WORDS_MAX], two[CALLOUT_WORDS_MAX];

    (void)state;
    callout_words(&a, SPAN("gatepost-1@example.com"), one);
    callout_words(&b, SPAN("robert@example.com"), two);
    assert_string_equal(one, two);
}

static const struct { const char *text, *host; int port; } targets[] = {
    { "inner.example.com:25", "inner.example.com", 25 }, { "inner.example.com", "inner.example.com", 25 },
    { "[inner.example.com]:2525", "inner.example.com", 2525 }, { "smtp:[10.0.0.5]:25", "10.0.0.5", 25 },
    { "relay:inner.example.com", "inner.example.com", 25 }, { "[2001:db8::1]:26", "2001:db8::1", 26 }, { "lmtp:[192.0.2.1]", "192.0.2.1", 25 },
    { "localhost:2525", "localhost", 2525 }, { "", NULL, 0 }, { "[]:25", NULL, 0 }, { "a:0", NULL, 0 }, { "a.example:70000", NULL, 0 }, { "[a]x", NULL, 0 },
};

static void test_targets(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        struct callout_target t;
        bool ok = callout_target_parse(span_str(targets[i].text), &t);

        print_message("%s\n", targets[i].text);
        assert_int_equal(ok, targets[i].host != NULL);
        if (!ok)
            continue;
        assert_string_equal(t.host, targets[i].host);
        assert_int_equal(t.port, targets[i].port);
        assert_false(t.mx);
    }
}

static enum rcpt_answer answer_to(struct callout_domain *d, const char *line, int64_t now_ms, bool *fleeting)
{
    struct smtp_reply_parser p;
    struct smtp_reply r = reply_of(line, &p);

    return callout_judge(d, SPAN("bob@example.com"), &r, now_ms, fleeting);
}

static void probe(struct callout_domain *d, const char *line, int64_t now_ms)
{
    struct smtp_reply_parser p;
    struct smtp_reply r = reply_of(line, &p);

    callout_probe_take(d, SPAN("gatepost-1@example.com"), &r, now_ms);
}

/* What a random address got decides what other answers are worth, and when it is tried again. */
static void test_probes(void **state)
{
    struct callout_domain d;
    bool fleeting;

    (void)state;
    callout_domain_init(&d);
    assert_true(callout_probe_due(&d, 0));
    d.probing = true;
    assert_false(callout_probe_due(&d, 0));
    d.probing = false;
    probe(&d, "450 4.7.1 greylisted\r\n", 1000);
    assert_false(callout_probe_due(&d, 5999));
    assert_true(callout_probe_due(&d, 6000));
    probe(&d, "550 5.1.1 unknown\r\n", 6000);
    assert_int_equal(answer_to(&d, "550 5.1.1 unknown\r\n", 7000, &fleeting), RCPT_INVALID);
    assert_int_equal(answer_to(&d, "250 ok\r\n", 7000, &fleeting), RCPT_VALID);
    assert_false(fleeting);
    assert_false(callout_probe_due(&d, 5999 + HOURS(24)));
    assert_true(callout_probe_due(&d, 6000 + HOURS(24)));
    probe(&d, "250 ok\r\n", 0);
    assert_int_equal(answer_to(&d, "250 ok\r\n", 1000, &fleeting), RCPT_VALID);
    assert_true(fleeting);
    assert_int_equal(answer_to(&d, "550 5.1.1 unknown\r\n", 1000, &fleeting), RCPT_TEMPFAIL);
    assert_false(callout_probe_due(&d, 1000));
    assert_true(callout_probe_due(&d, HOURS(1)));
    assert_int_equal(answer_to(&d, "550 5.1.1 unknown\r\n", 10000, &fleeting), RCPT_TEMPFAIL);      /* it has changed its mind */
    assert_true(callout_probe_due(&d, 10000));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_verdicts), cmocka_unit_test(test_words_are_alike_for_any_address),
                                        cmocka_unit_test(test_targets), cmocka_unit_test(test_probes) };

    return cmocka_run_group_tests_name("callout_words", tests, NULL, NULL);
}

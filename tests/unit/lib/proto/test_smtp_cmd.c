/* test_smtp_cmd.c - commands as clients really send them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/proto/smtp_cmd.h"

static void assert_span(const char *row, span got, span want)
{
    if (!span_eq(got, want)) {
        print_error("%s: got \"%.*s\", want \"%.*s\"\n", row, SPAN_ARG(got), SPAN_ARG(want));
        fail();
    }
}

static void test_verbs(void **state)
{
    static const struct { span line; enum smtp_verb verb; span args; } rows[] = {
        { SPAN("EHLO mx.example.com"), SMTP_EHLO, SPAN("mx.example.com") },
        { SPAN("helo  x "), SMTP_HELO, SPAN("x") },
        { SPAN("data "), SMTP_DATA, SPAN("") },
        { SPAN("\tQuit"), SMTP_QUIT, SPAN("") },
        { SPAN("XFORWARD NAME=a"), SMTP_XFORWARD, SPAN("NAME=a") },
        { SPAN("BDAT 5 LAST"), SMTP_BDAT, SPAN("5 LAST") },
        { SPAN("MAILX FROM:<a>"), SMTP_OTHER, SPAN("FROM:<a>") },
        { SPAN("?"), SMTP_OTHER, SPAN("") },
    };
    struct smtp_cmd c;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_true(smtp_cmd_parse(rows[i].line, &c));
        if (c.verb != rows[i].verb)
            fail_msg("%.*s", SPAN_ARG(rows[i].line));
        assert_span("args", c.args, rows[i].args);
        assert_span("line", c.line, rows[i].line);
    }
    for (int v = SMTP_OTHER + 1; v < SMTP_VERBS; v++) {
        assert_true(smtp_cmd_parse(span_str(smtp_verb_name((enum smtp_verb)v)), &c));
        assert_int_equal(c.verb, v);
    }
    assert_false(smtp_cmd_parse(SPAN(""), &c));
    assert_false(smtp_cmd_parse(SPAN("  \t"), &c));
    assert_false(smtp_cmd_parse(SPAN("NOOP\rX"), &c));
    assert_false(smtp_cmd_parse(SPAN("NOOP \0"), &c));
    assert_false(smtp_cmd_parse(SPAN("NOOP \033[2J"), &c));
}

static void test_paths(void **state)
{
    static const struct { span line; bool ok, bracketed, routed; span raw, mailbox, params; } rows[] = {
        { SPAN("MAIL FROM:<a@b.example>"), true, true, false, SPAN("<a@b.example>"), SPAN("a@b.example"), SPAN("") },
        { SPAN("mail  from: a@sender.example.net  "), true, false, false, SPAN("a@sender.example.net"), SPAN("a@sender.example.net"), SPAN("") },
        { SPAN("MAIL FROM:<> SIZE=1"), true, true, false, SPAN("<>"), SPAN(""), SPAN("SIZE=1") },
        { SPAN("MAIL FROM:< >"), true, true, false, SPAN("< >"), SPAN(""), SPAN("") },
        { SPAN("MAIL From : <a@b>  BODY=7BIT "), true, true, false, SPAN("<a@b>"), SPAN("a@b"), SPAN("BODY=7BIT") },
        { SPAN("rcpt to:Good@EXAMPLE.com"), true, false, false, SPAN("Good@EXAMPLE.com"), SPAN("Good@EXAMPLE.com"), SPAN("") },
        { SPAN("RCPT TO:<@relay.example.net:good2@example.com>"), true, true, true, SPAN("<@relay.example.net:good2@example.com>"),
          SPAN("good2@example.com"), SPAN("") },
        { SPAN("RCPT TO:<@a,@b:c@d> NOTIFY=NEVER"), true, true, true, SPAN("<@a,@b:c@d>"), SPAN("c@d"), SPAN("NOTIFY=NEVER") },
        { SPAN("RCPT TO:<@[IPv6:2001:db8::1]:c@d>"), true, true, true, SPAN("<@[IPv6:2001:db8::1]:c@d>"), SPAN("c@d"), SPAN("") },
        { SPAN("RCPT TO:<a:b@d>"), true, true, false, SPAN("<a:b@d>"), SPAN("a:b@d"), SPAN("") },
        { SPAN("RCPT TO:<\"a>b\\\" c\"@d> X"), true, true, false, SPAN("<\"a>b\\\" c\"@d>"), SPAN("\"a>b\\\" c\"@d"), SPAN("X") },
        { SPAN("RCPT TO:\"a b\"@d X"), true, false, false, SPAN("\"a b\"@d"), SPAN("\"a b\"@d"), SPAN("X") },
        { SPAN("RCPT TO:<postmaster>"), true, true, false, SPAN("<postmaster>"), SPAN("postmaster"), SPAN("") },
        { SPAN("RCPT TO:<\xc3\xbc@\xc3\xbc.example>"), true, true, false, SPAN("<\xc3\xbc@\xc3\xbc.example>"), SPAN("\xc3\xbc@\xc3\xbc.example"), SPAN("") },
        { SPAN("MAIL FROM:<a@b"), false, false, false, SPAN(""), SPAN(""), SPAN("") },
        { SPAN("MAIL FROM:<\"a@b>"), false, false, false, SPAN(""), SPAN(""), SPAN("") },
        { SPAN("MAIL FROM:<<a@b>>"), false, false, false, SPAN(""), SPAN(""), SPAN("") },
        { SPAN("MAIL FROM:<a@b>SIZE=1"), false, false, false, SPAN(""), SPAN(""), SPAN("") },
        { SPAN("MAIL FROM:a<b@c>"), false, false, false, SPAN(""), SPAN(""), SPAN("") },
        { SPAN("MAIL FROM:"), false, false, false, SPAN(""), SPAN(""), SPAN("") },
        { SPAN("MAIL FROM <a@b>"), false, false, false, SPAN(""), SPAN(""), SPAN("") },
        { SPAN("MAIL TO:<a@b>"), false, false, false, SPAN(""), SPAN(""), SPAN("") },
        { SPAN("RCPT FROM:<a@b>"), false, false, false, SPAN(""), SPAN(""), SPAN("") },
        { SPAN("RCPT"), false, false, false, SPAN(""), SPAN(""), SPAN("") },
        { SPAN("NOOP TO:<a@b>"), false, false, false, SPAN(""), SPAN(""), SPAN("") },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct smtp_path path = { .raw = SPAN("") };
        struct smtp_cmd c;

        assert_true(smtp_cmd_parse(rows[i].line, &c));
        if (smtp_cmd_path(&c, &path) != rows[i].ok || path.bracketed != rows[i].bracketed || path.routed != rows[i].routed)
            fail_msg("%.*s", SPAN_ARG(rows[i].line));
        assert_span("raw", path.raw, rows[i].raw);
        assert_span("mailbox", path.mailbox, rows[i].mailbox);
        assert_span("params", path.params, rows[i].params);
    }
}

static void test_params(void **state)
{
    span rest = SPAN("SIZE=50  BODY=8BITMIME SMTPUTF8 ENVID=a=b NOTIFY=");
    static const struct { span name, value; bool has_value; } rows[] = {
        { SPAN("SIZE"), SPAN("50"), true }, { SPAN("BODY"), SPAN("8BITMIME"), true }, { SPAN("SMTPUTF8"), SPAN(""), false },
        { SPAN("ENVID"), SPAN("a=b"), true }, { SPAN("NOTIFY"), SPAN(""), true },
    };
    struct smtp_param p;

    (void)state;
    assert_true(smtp_param_find(rest, "envid", &p));
    assert_span("found", p.value, SPAN("a=b"));
    assert_false(smtp_param_find(rest, "RET", &p));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_true(smtp_param_next(&rest, &p));
        assert_span("name", p.name, rows[i].name);
        assert_span("value", p.value, rows[i].value);
        assert_int_equal(p.value.p != NULL, rows[i].has_value);
    }
    assert_false(smtp_param_next(&rest, &p));
    rest = span_of(NULL, 0);
    assert_false(smtp_param_next(&rest, &p));
}

static void test_mail_params(void **state)
{
    static const struct { span params; uint64_t size; enum smtp_body body; bool utf8, bad; } rows[] = {
        { SPAN(""), 0, SMTP_BODY_NONE, false, false },
        { SPAN("SIZE=50 BODY=8BITMIME RET=HDRS ENVID=abc+2B1"), 50, SMTP_BODY_8BITMIME, false, false },
        { SPAN("smtputf8 body=7bit"), 0, SMTP_BODY_7BIT, true, false },
        { SPAN("BODY=BINARYMIME"), 0, SMTP_BODY_BINARYMIME, false, false },
        { SPAN("SIZE=5x"), 0, SMTP_BODY_NONE, false, true },
        { SPAN("SIZE="), 0, SMTP_BODY_NONE, false, true },
        { SPAN("SIZE"), 0, SMTP_BODY_NONE, false, true },
        { SPAN("SIZE=99999999999999999999999"), 0, SMTP_BODY_NONE, false, true },
        { SPAN("BODY=9BIT"), 0, SMTP_BODY_BAD, false, true },
        { SPAN("SMTPUTF8=x"), 0, SMTP_BODY_NONE, true, true },
        { SPAN("XNEW=1"), 0, SMTP_BODY_NONE, false, false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct smtp_mail_params p;

        smtp_mail_params(rows[i].params, &p);
        if (p.size != rows[i].size || p.body != rows[i].body || p.smtputf8 != rows[i].utf8 || p.bad != rows[i].bad)
            fail_msg("%.*s", SPAN_ARG(rows[i].params));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verbs),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_params),
        cmocka_unit_test(test_mail_params),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_ldap_words.c - filters that no address can break, and the messages to the directory process.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/base/alloc.h"
#include "socketmapd/ldap_filter.h"
#include "socketmapd/ldap_job.h"

static const struct {
    const char *name, *templ;
    span address;
    const char *want;
} expands[] = {
    { "whole address", "(mail=%s)", SPAN("bob@example.com"), "(mail=bob@example.com)" },
    { "local-part and domain", "(&(uid=%u)(dc=%d))", SPAN("bob@example.com"), "(&(uid=bob)(dc=example.com))" },
    { "percent", "(x=100%%)(mail=%s)", SPAN("a@b"), "(x=100%)(mail=a@b)" },
    { "star matches nobody else", "(mail=%s)", SPAN("*@example.com"), "(mail=\\2a@example.com)" },
    { "parentheses", "(mail=%s)", SPAN("a)(uid=*)@b"), "(mail=a\\29\\28uid=\\2a\\29@b)" },
    { "backslash", "(mail=%s)", SPAN("a\\b@c"), "(mail=a\\5cb@c)" },
    { "NUL and UTF-8", "(mail=%s)", SPAN("a\0\xc3\xb6@c"), "(mail=a\\00\\c3\\b6@c)" },
    { "a value is not expanded again", "(mail=%s)", SPAN("%u@c"), "(mail=%u@c)" },
};

static void test_expand(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(expands) / sizeof(expands[0]); i++) {
        struct buf out;

        print_message("%s\n", expands[i].name);
        buf_init(&out, 4096);
        assert_true(ldap_filter_expand(expands[i].templ, expands[i].address, &out));
        assert_string_equal(buf_cstr(&out), expands[i].want);
        buf_free(&out);
    }
}

static void test_expand_is_bounded(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 16);
    assert_false(ldap_filter_expand("(mail=%s)", SPAN("************@example.com"), &out));
    buf_free(&out);
}

static void test_check(void **state)
{
    struct errtext err;

    (void)state;
    assert_true(ldap_filter_check("(mail=%s)", &err));
    assert_false(ldap_filter_check("(mail=bob)", &err));          /* would find the same entry for all */
    assert_false(ldap_filter_check("(mail=%s", &err));
    assert_false(ldap_filter_check("mail=%s", &err));
    assert_false(ldap_filter_check("(mail=%s))", &err));
    assert_false(ldap_filter_check("(mail=%x)(a=%s)", &err));
    assert_false(ldap_filter_check("(mail=%s)%", &err));
    for (int p = LDAP_PROFILE_NONE; p <= LDAP_PROFILE_EXCHANGE_HYBRID; p++)
        assert_true(ldap_filter_check(ldap_filter_of_profile(p), &err));
}

static void make_job(struct buf *to)
{
    struct ldap_config c = { .servers = { SPAN("ldaps://a"), SPAN("ldap://b") }, .n_servers = 2, .base = SPAN("dc=x"),
                             .bind_user = SPAN("u"), .password = SPAN("p"), .ca_file = SPAN(""), .starttls = true, .timeout_ms = 1500 };
    struct buf config;

    buf_init(&config, 4096);
    ldap_config_encode(&c, &config);
    ldap_job_encode(buf_span(&config), 1, SPAN("(mail=x)"), to);
    buf_free(&config);
}

static void test_job_there_and_back(void **state)
{
    struct ldap_job job;
    struct buf b;

    (void)state;
    buf_init(&b, LDAP_JOB_MAX);
    make_job(&b);
    assert_true(ldap_job_decode(buf_span(&b), &job));
    assert_int_equal(job.first_server, 1);
    assert_true(span_eq(job.filter, SPAN("(mail=x)")));
    assert_int_equal(job.config.n_servers, 2);
    assert_true(span_eq(job.config.servers[1], SPAN("ldap://b")));
    assert_true(job.config.starttls && !job.config.skip_references);
    assert_int_equal(job.config.timeout_ms, 1500);
    for (size_t cut = 0; cut < b.len; cut++)
        assert_false(ldap_job_decode(span_head(buf_span(&b), cut), &job));
    buf_free(&b);
}

static void test_reply_is_foreign_input(void **state)
{
    struct ldap_reply r = { .answer = RCPT_VALID, .server = 1, .detail = "uid=b\x01\x7f" }, back;
    struct buf b;

    (void)state;
    buf_init(&b, LDAP_REPLY_MAX);
    ldap_reply_encode(&r, &b);
    assert_true(ldap_reply_decode(buf_span(&b), &back));
    assert_int_equal(back.answer, RCPT_VALID);
    assert_string_equal(back.detail, "uid=b??");
    assert_false(ldap_reply_decode(SPAN("3\0" "0\0x\0"), &back));      /* no such answer */
    assert_false(ldap_reply_decode(SPAN("2\0" "99\0x\0"), &back));
    assert_false(ldap_reply_decode(SPAN("2\0" "0\0x\0y"), &back));
    assert_false(ldap_reply_decode(SPAN(""), &back));
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_expand),
        cmocka_unit_test(test_expand_is_bounded),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_job_there_and_back),
        cmocka_unit_test(test_reply_is_foreign_input),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

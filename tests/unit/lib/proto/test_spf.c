/* test_spf.c - RFC 7208, section by section, over a zone of rows.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "lib/proto/spf.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ---- records ---- */

static void test_grammar(void **state)
{
    static const struct { const char *text; bool ok; } rows[] = {
        { "v=spf1", true },
        { "v=spf1 ", true },
        { "v=spf1  a   mx -all", true },
        { "V=SPF1 A MX -ALL", true },
        { "v=spf1 a:host.example mx:%{d2}.example/24 ?ptr ~ip4:192.0.2.0/24 ip6:2001:db8::/32 exists:%{i}._s.%{d} include:x.example", true },
        { "v=spf1 a/24//64 mx//64 a:h.example//0 ip4:192.0.2.1/0 ip6:::1/128", true },
        { "v=spf1 redirect=_spf.example exp=why.%{d} unknown=what%{s}ever", true },
        { "v=spf1 a:%{d/}.example", true },
        { "v=spf1 a:host.example.", true },
        { "v=spf1 a:toplabel.example-1", true },
        { "v=spf1 foo", false },
        { "v=spf1 foo:bar.example", false },
        { "v=spf1 all:x.example", false },
        { "v=spf1 -all/8", false },
        { "v=spf1 include", false },
        { "v=spf1 include:", false },
        { "v=spf1 exists", false },
        { "v=spf1 a:", false },
        { "v=spf1 a:host", false },
        { "v=spf1 a:host.1234", false },
        { "v=spf1 a:host.-x", false },
        { "v=spf1 a/33", false },
        { "v=spf1 a/024", false },
        { "v=spf1 a//129", false },
        { "v=spf1 a/", false },
        { "v=spf1 ptr/24", false },
        { "v=spf1 ip4:192.0.2.0/33", false },
        { "v=spf1 ip4:192.0.2", false },
        { "v=spf1 ip4", false },
        { "v=spf1 ip4:2001:db8::1", false },
        { "v=spf1 ip6:192.0.2.1", false },
        { "v=spf1 ip6:2001:db8::1/129", false },
        { "v=spf1 redirect=a.example redirect=b.example", false },
        { "v=spf1 exp=a.example exp=b.example", false },
        { "v=spf1 redirect=", false },
        { "v=spf1 a:%{x}.example", false },
        { "v=spf1 a:%{d0}.example", false },
        { "v=spf1 a:%{d", false },
        { "v=spf1 a:%d.example", false },
        { "v=spf1 a:%{c}.example", false },
        { "v=spf1 a:\xc3\xbc.example", false },
        { "v=spf1 a\tmx", false },
        { "v=spf1 -+all", false },
        { "v=spf1 =x", false },
    };
    struct arena *arena = arena_new(1024);

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct spf_record r;
        const char *wrong;

        if (spf_parse(span_str(rows[i].text), arena, &r, &wrong) != rows[i].ok)
            fail_msg("%s", rows[i].text);
    }
    assert_false(spf_is_record(SPAN("v=spf10 a")));
    assert_false(spf_is_record(SPAN("v=spf2.0/pra")));
    assert_false(spf_is_record(SPAN(" v=spf1")));
    arena_free(&arena);
}

/* ---- macros: the examples of 7.4, and more ---- */

static void test_macros(void **state)
{
    static const struct { const char *text, *want; bool v6; } rows[] = {
        { "%{s}", "strong-bad@email.example.com", false },
        { "%{o}", "email.example.com", false },
        { "%{d}", "email.example.com", false },
        { "%{d4}", "email.example.com", false },
        { "%{d3}", "email.example.com", false },
        { "%{d2}", "example.com", false },
        { "%{d1}", "com", false },
        { "%{dr}", "com.example.email", false },
        { "%{d2r}", "example.email", false },
        { "%{l}", "strong-bad", false },
        { "%{l-}", "strong.bad", false },
        { "%{lr}", "strong-bad", false },
        { "%{lr-}", "bad.strong", false },
        { "%{l1r-}", "strong", false },
        { "%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com", false },
        { "%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com", false },
        { "%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com", false },
        { "%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com", false },
        { "%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net", false },
        { "%{ir}.%{v}._spf.%{d2}", "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6._spf.example.com", true },
        { "%%%_%-", "% %20", false },
        { "%{h}/%{p}/%{r}/%{t}", "helo.example/unknown/mx.here.example/1700000000", false },
        { "%{c}", "2001:db8::cb01", true },
        { "%{S}", "strong-bad%40email.example.com", false },
        { "%{d99}", "email.example.com", false },
    };
    struct arena *arena = arena_new(1024);

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct spf_input in = { .sender = SPAN("strong-bad@email.example.com"), .helo = SPAN("helo.example"), .receiver = SPAN("mx.here.example"),
                                .now_s = 1700000000 };
        struct spf_macros m = { &in, SPAN("email.example.com"), { NULL, 0 } };
        span got;

        assert_true(ipaddr_parse(rows[i].v6 ? SPAN("2001:db8::cb01") : SPAN("192.0.2.3"), &in.client));
        assert_true(spf_macro_valid(span_str(rows[i].text), true));
        got = spf_macro_expand(span_str(rows[i].text), &m, 1000, arena);
        if (!span_eq(got, span_str(rows[i].want)))
            fail_msg("%s: %.*s", rows[i].text, SPAN_ARG(got));
    }
    arena_free(&arena);
}

/* ---- check_host ---- */

struct zone_row { const char *name; enum spf_type type; const char *data; };      /* data: values with '|' between; "!" fails */

static const struct zone_row zone[] = {
    { "plain.example", SPF_TXT, "unrelated|v=spf1 ip4:192.0.2.0/24 -all" },
    { "soft.example", SPF_TXT, "v=spf1 ~all" },
    { "neutral.example", SPF_TXT, "v=spf1 ?all" },
    { "nothing.example", SPF_TXT, "unrelated" },
    { "open.example", SPF_TXT, "v=spf1 a:nowhere.example" },
    { "two.example", SPF_TXT, "v=spf1 +all|v=spf1 -all" },
    { "broken.example", SPF_TXT, "v=spf1 +all foo" },
    { "failing.example", SPF_TXT, "!" },
    { "a.example", SPF_TXT, "v=spf1 a -all" },
    { "a.example", SPF_A, "198.51.100.1|192.0.2.1" },
    { "a.example", SPF_AAAA, "2001:db8::1" },
    { "a24.example", SPF_TXT, "v=spf1 a:a.example/24//64 -all" },
    { "afail.example", SPF_TXT, "v=spf1 a:dead.example -all" },
    { "dead.example", SPF_A, "!" },
    { "mx.example", SPF_TXT, "v=spf1 mx -all" },
    { "mx.example", SPF_MX, "m1.mx.example|m2.mx.example" },
    { "m1.mx.example", SPF_A, "198.51.100.9" },
    { "m2.mx.example", SPF_A, "192.0.2.1" },
    { "manymx.example", SPF_TXT, "v=spf1 mx -all" },
    { "manymx.example", SPF_MX, "a.b|a.b|a.b|a.b|a.b|a.b|a.b|a.b|a.b|a.b|a.b" },
    { "exists.example", SPF_TXT, "v=spf1 exists:%{ir}.%{l}._spf.%{d} -all" },
    { "1.2.0.192.bob._spf.exists.example", SPF_A, "127.0.0.2" },
    { "inc.example", SPF_TXT, "v=spf1 include:plain.example ~all" },
    { "incnone.example", SPF_TXT, "v=spf1 include:nothing.example ~all" },
    { "incfail.example", SPF_TXT, "v=spf1 include:failing.example ~all" },
    { "incbroken.example", SPF_TXT, "v=spf1 include:broken.example ~all" },
    { "incneutral.example", SPF_TXT, "v=spf1 -include:neutral.example ~all" },
    { "incwithexp.example", SPF_TXT, "v=spf1 include:exp.example -all" },
    { "redir.example", SPF_TXT, "v=spf1 redirect=plain.example" },
    { "redirall.example", SPF_TXT, "v=spf1 ~all redirect=plain.example" },
    { "redirnone.example", SPF_TXT, "v=spf1 redirect=nothing.example" },
    { "loop.example", SPF_TXT, "v=spf1 include:loop.example -all" },
    { "redirloop.example", SPF_TXT, "v=spf1 redirect=redirloop.example" },
    { "many.example", SPF_TXT, "v=spf1 a:a.example a:a.example a:a.example a:a.example a:a.example a:a.example a:a.example a:a.example a:a.example "
                               "a:a.example ip4:203.0.113.9 -all" },
    { "toomany.example", SPF_TXT, "v=spf1 a:m1.mx.example a:m1.mx.example a:m1.mx.example a:m1.mx.example a:m1.mx.example a:m1.mx.example "
                                  "a:m1.mx.example a:m1.mx.example a:m1.mx.example a:m1.mx.example a:m1.mx.example -all" },
    { "void2.example", SPF_TXT, "v=spf1 a:n1.example a:n2.example ip4:192.0.2.1 -all" },
    { "void3.example", SPF_TXT, "v=spf1 a:n1.example a:n2.example a:n3.example ip4:192.0.2.1 -all" },
    { "ptr.example", SPF_TXT, "v=spf1 ptr -all" },
    { "1.2.0.192.in-addr.arpa", SPF_PTR, "liar.example|host.ptr.example" },
    { "host.ptr.example", SPF_A, "192.0.2.1" },
    { "liar.example", SPF_A, "203.0.113.1" },
    { "ptrother.example", SPF_TXT, "v=spf1 ptr:tr.example -all" },
    { "pmacro.example", SPF_TXT, "v=spf1 exists:%{p}._p.example -all" },
    { "host.ptr.example._p.example", SPF_A, "127.0.0.2" },
    { "exp.example", SPF_TXT, "v=spf1 -all exp=why.example" },
    { "why.example", SPF_TXT, "%{i} may not send for %{s}: see http://x.example/?s=%{S}" },
    { "expbad.example", SPF_TXT, "v=spf1 -all exp=bad.why.example" },
    { "bad.why.example", SPF_TXT, "a|b" },
    { "case.example", SPF_TXT, "v=SPF1 IP4:192.0.2.1 -ALL" },
    { "empty.example", SPF_TXT, "v=spf1" },
    { "badinc.example", SPF_TXT, "v=spf1 include:%{l1r+}. -all" },
    { "long.example", SPF_TXT, "v=spf1 exists:%{l}.%{l}.%{l}.x.example -all" },
    { "ip6.example", SPF_TXT, "v=spf1 ip6:2001:db8::/32 -all" },
    { "helo.example", SPF_TXT, "v=spf1 ip4:192.0.2.1 -all" },
};

static void answer(struct spf *s, const struct spf_question *q)
{
    struct spf_record_data v[16];
    struct spf_answer a = { .outcome = SPF_NOTHING, .v = v };

    memset(v, 0, sizeof v);
    for (size_t i = 0; i < COUNT(zone); i++) {
        span rest = span_str(zone[i].data), piece;

        if (zone[i].type != q->type || !span_eq_nocase(span_str(zone[i].name), q->name))
            continue;
        if (zone[i].data[0] == '!') {
            a.outcome = SPF_FAILED;
            break;
        }
        a.outcome = SPF_FOUND;
        while (span_next(&rest, '|', &piece)) {
            v[a.n].text = piece;
            if (q->type == SPF_A || q->type == SPF_AAAA)
                assert_true(ipaddr_parse(piece, &v[a.n].addr));
            a.n++;
        }
    }
    spf_answer(s, &a);
}

static const struct { const char *domain, *client; enum spf_result want; } hosts[] = {
    { "plain.example", "192.0.2.1", SPF_PASS },
    { "PLAIN.example.", "192.0.2.255", SPF_PASS },
    { "plain.example", "198.51.100.1", SPF_FAIL },
    { "plain.example", "2001:db8::1", SPF_FAIL },
    { "soft.example", "192.0.2.1", SPF_SOFTFAIL },
    { "neutral.example", "192.0.2.1", SPF_NEUTRAL },
    { "nothing.example", "192.0.2.1", SPF_NONE },
    { "nxdomain.example", "192.0.2.1", SPF_NONE },
    { "open.example", "192.0.2.1", SPF_NEUTRAL },
    { "empty.example", "192.0.2.1", SPF_NEUTRAL },
    { "two.example", "192.0.2.1", SPF_PERMERROR },
    { "broken.example", "192.0.2.1", SPF_PERMERROR },                    /* the wrong term stands behind the one that matches */
    { "failing.example", "192.0.2.1", SPF_TEMPERROR },
    { "localhost", "192.0.2.1", SPF_NONE },
    { "", "192.0.2.1", SPF_NONE },
    { "a..example", "192.0.2.1", SPF_NONE },
    { "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.example", "192.0.2.1", SPF_NONE },
    { "[192.0.2.1]", "192.0.2.1", SPF_NONE },
    { "a.example", "192.0.2.1", SPF_PASS },
    { "a.example", "192.0.2.2", SPF_FAIL },
    { "a.example", "2001:db8::1", SPF_PASS },
    { "a24.example", "192.0.2.77", SPF_PASS },
    { "a24.example", "2001:db8::77", SPF_PASS },
    { "a24.example", "2001:db8:0:1::77", SPF_FAIL },
    { "afail.example", "192.0.2.1", SPF_TEMPERROR },
    { "mx.example", "192.0.2.1", SPF_PASS },
    { "mx.example", "192.0.2.2", SPF_FAIL },
    { "manymx.example", "192.0.2.1", SPF_PERMERROR },
    { "exists.example", "192.0.2.1", SPF_PASS },
    { "exists.example", "192.0.2.2", SPF_FAIL },
    { "inc.example", "192.0.2.1", SPF_PASS },
    { "inc.example", "198.51.100.1", SPF_SOFTFAIL },
    { "incnone.example", "192.0.2.1", SPF_PERMERROR },
    { "incfail.example", "192.0.2.1", SPF_TEMPERROR },
    { "incbroken.example", "192.0.2.1", SPF_PERMERROR },
    { "incneutral.example", "192.0.2.1", SPF_SOFTFAIL },
    { "redir.example", "192.0.2.1", SPF_PASS },
    { "redir.example", "198.51.100.1", SPF_FAIL },
    { "redirall.example", "192.0.2.1", SPF_SOFTFAIL },
    { "redirnone.example", "192.0.2.1", SPF_PERMERROR },
    { "loop.example", "192.0.2.1", SPF_PERMERROR },
    { "redirloop.example", "192.0.2.1", SPF_PERMERROR },
    { "many.example", "203.0.113.9", SPF_PASS },                         /* ten terms are allowed */
    { "toomany.example", "192.0.2.1", SPF_PERMERROR },
    { "void2.example", "192.0.2.1", SPF_PASS },
    { "void3.example", "192.0.2.1", SPF_PERMERROR },
    { "ptr.example", "192.0.2.1", SPF_PASS },
    { "ptrother.example", "192.0.2.1", SPF_FAIL },                       /* "tr.example" is no parent of host.ptr.example */
    { "pmacro.example", "192.0.2.1", SPF_PASS },
    { "case.example", "192.0.2.1", SPF_PASS },
    { "exp.example", "192.0.2.1", SPF_FAIL },
    { "expbad.example", "192.0.2.1", SPF_FAIL },
    { "badinc.example", "192.0.2.1", SPF_PERMERROR },
    { "ip6.example", "2001:db8:ffff::1", SPF_PASS },
    { "ip6.example", "192.0.2.1", SPF_FAIL },
};

static struct spf *check_host(const struct spf_input *in, const char *domain, struct arena *arena)
{
    struct spf *s = spf_new(in, span_str(domain), arena);
    struct spf_question q;

    for (int i = 0; spf_next(s, &q); i++) {
        assert_true(i < 130);
        assert_true(q.name.n > 0 && q.name.n <= SPF_DOMAIN_MAX);
        answer(s, &q);
    }
    return s;
}

static void test_check_host(void **state)
{
    struct arena *arena = arena_new(4096);

    (void)state;
    for (size_t i = 0; i < COUNT(hosts); i++) {
        struct spf_input in = { .sender = SPAN("bob@plain.example"), .helo = SPAN("helo.example"), .receiver = SPAN("mx.here.example") };
        struct spf *s;

        assert_true(ipaddr_parse(span_str(hosts[i].client), &in.client));
        s = check_host(&in, hosts[i].domain, arena);
        if (spf_result(s) != hosts[i].want)
            fail_msg("%s %s: %s (%s)", hosts[i].domain, hosts[i].client, spf_result_name(spf_result(s)), spf_why(s));
        assert_non_null(spf_why(s));
        arena_reset(arena);
    }
    arena_free(&arena);
}

static void test_explanation(void **state)
{
    struct spf_input in = { .sender = SPAN("bob@exp.example"), .helo = SPAN("helo.example") };
    struct arena *arena = arena_new(4096);
    struct spf *s;

    (void)state;
    assert_true(ipaddr_parse(SPAN("192.0.2.1"), &in.client));
    s = check_host(&in, "exp.example", arena);
    assert_true(span_eq(spf_explanation(s), SPAN("192.0.2.1 may not send for bob@exp.example: see http://x.example/?s=bob%40exp.example")));
    s = check_host(&in, "expbad.example", arena);
    assert_int_equal(spf_explanation(s).n, 0);
    s = check_host(&in, "incwithexp.example", arena);                    /* 6.2: that of an include is not taken */
    assert_int_equal(spf_result(s), SPF_FAIL);
    assert_int_equal(spf_explanation(s).n, 0);
    arena_free(&arena);
}

/* 2.4: the null reverse-path; 7.3: names that grow too long lose labels on the left. */
static void test_helo_and_long_names(void **state)
{
    char big[200];
    struct spf_input in = { .helo = SPAN("helo.example") };
    struct arena *arena = arena_new(4096);
    struct spf *s;

    (void)state;
    assert_true(ipaddr_parse(SPAN("192.0.2.1"), &in.client));
    s = check_host(&in, "helo.example", arena);
    assert_int_equal(spf_result(s), SPF_PASS);
    memset(big, 'x', sizeof big);
    for (size_t i = 20; i < 180; i += 20)
        big[i] = '.';
    memcpy(big + 180, "@long.example", 14);
    in.sender = span_str(big);
    s = check_host(&in, "long.example", arena);
    assert_int_equal(spf_result(s), SPF_FAIL);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grammar),     cmocka_unit_test(test_macros),            cmocka_unit_test(test_check_host),
        cmocka_unit_test(test_explanation), cmocka_unit_test(test_helo_and_long_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_rule.c - grammar, types, precedence, unknown values, and the place of each error.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/rule/rule.h"

static const struct rule_name attributes[] = {
    { "sender.domain", RULE_STRING, 0 }, { "n", RULE_NUMBER, 1 }, { "client", RULE_ADDRESS, 2 }, { "yes", RULE_BOOL, 3 },
    { "away", RULE_BOOL, 4 }, { "empty", RULE_STRING, 5 }, { NULL, RULE_BOOL, 0 },
};
static const struct rule_name lists[] = { { "own_domains", RULE_STRING, 0 }, { "part-ners", RULE_ADDRESS, 1 }, { NULL, RULE_BOOL, 0 } };
static const struct rule_name functions[] = { { "hit", RULE_BOOL, 0 }, { "points", RULE_NUMBER, 1 }, { NULL, RULE_BOOL, 0 } };
static const struct rule_names names = { attributes, lists, functions };

static void attribute(void *arg, unsigned id, struct rule_value *out)
{
    (void)arg;
    out->s = id == 0 ? SPAN("Example.com") : SPAN("");
    out->n = 3;
    out->b = id == 3;
    out->unknown = id == 4;
    ipaddr_parse(SPAN("192.0.2.1"), &out->a);
}

static bool in_list(void *arg, unsigned id, const struct rule_value *v)
{
    (void)arg;
    return id == 0 ? span_eq_nocase(v->s, SPAN("example.com")) : v->a.b[0] == 10;
}

static void function(void *arg, unsigned id, span name, struct rule_value *out)
{
    (void)arg;
    (void)id;
    out->b = span_eq(name, SPAN("zen"));
    out->n = out->b ? 5 : 0;
}

static const struct rule_env env = { NULL, attribute, in_list, function };

static const struct { const char *text; enum rule_truth want; } rows[] = {
    { "true", RULE_TRUE }, { "not true", RULE_FALSE }, { "yes", RULE_TRUE },
    { "true or true and false", RULE_TRUE }, { "(true or true) and false", RULE_FALSE },
    { "not false and false", RULE_FALSE }, { "not (false and false)", RULE_TRUE },
    { "not not true", RULE_TRUE },
    { "n == 3", RULE_TRUE }, { "n != 3", RULE_FALSE }, { "n < 3", RULE_FALSE }, { "n <= 3", RULE_TRUE }, { "n > 2.5", RULE_TRUE },
    { "n >= 4", RULE_FALSE }, { "n + 1 == 4", RULE_TRUE }, { "n - 1 - 1 == 1", RULE_TRUE }, { "n > -1", RULE_TRUE },
    { "sender.domain == \"example.COM\"", RULE_TRUE }, { "sender.domain < 'f'", RULE_TRUE }, { "empty == \"\"", RULE_TRUE },
    { "client == \"192.0.2.1\"", RULE_TRUE }, { "\"192.0.2.2\" == client", RULE_FALSE },
    { "sender.domain in own_domains", RULE_TRUE }, { "client in part-ners", RULE_FALSE },
    { "empty == \"\" and sender.domain in own_domains and not client in part-ners", RULE_TRUE },
    { "starts_with(sender.domain, \"EXAM\")", RULE_TRUE }, { "ends_with(sender.domain, \".org\")", RULE_FALSE },
    { "contains(sender.domain, \"ple.\")", RULE_TRUE }, { "contains(sender.domain, \"\")", RULE_TRUE },
    { "matches(sender.domain, \"^Ex[a-m]+\")", RULE_TRUE }, { "matches(sender.domain, '(?i)^EX')", RULE_TRUE },
    { "matches(sender.domain, \"^$\")", RULE_FALSE },
    { "hit(\"zen\")", RULE_TRUE }, { "hit('other')", RULE_FALSE }, { "points(\"zen\") + n >= 8", RULE_TRUE },
    { "away", RULE_UNKNOWN }, { "not away", RULE_UNKNOWN }, { "away and false", RULE_FALSE }, { "away or true", RULE_TRUE },
    { "away and true", RULE_UNKNOWN }, { "true and away", RULE_UNKNOWN }, { "away or false", RULE_UNKNOWN }, { "away == true", RULE_UNKNOWN },
    { "  n\n ==\t3 ", RULE_TRUE },
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct arena *arena = arena_new(4096);
        struct errtext err = { .text = "" };
        size_t at = 0;
        struct rule *r = rule_compile(span_str(rows[i].text), &names, arena, &at, &err);

        if (r == NULL)
            fail_msg("%s: %zu: %s", rows[i].text, at, err.text);
        else if (rule_run(r, &env, NULL) != rows[i].want)
            fail_msg("%s: %d", rows[i].text, (int)rule_run(r, &env, NULL));
        rule_free(&r);
        arena_free(&arena);
    }
}

static const struct { const char *text; size_t at; const char *err; } errors[] = {
    { "", 0, "is empty" }, { "n", 0, "is a number, true or false is wanted" }, { "n ==", 4, "missing at the end" },
    { "yes and sendr.domain == ''", 8, "did you mean sender.domain?" }, { "sender.domain in own_domain", 17, "did you mean own_domains?" },
    { "client in own_domains", 0, "an address, but own_domains holds names" }, { "sender.domain in part-ners", 0, "holds networks" },
    { "n == \"3\"", 2, "compares a number with a text" }, { "n = 3", 2, "write ==" }, { "yes && yes", 4, "write and, or, not" },
    { "sender.domain == \"x", 17, "not closed" }, { "client == \"192.0.2.0/24\"", 10, "is no address" }, { "client < client", 7, "between numbers or texts" },
    { "(yes", 4, ") is missing" }, { "yes yes", 4, "and, or or the end" }, { "matches(empty, \"a(b\")", 19, "the pattern" },
    { "hitt(\"zen\")", 0, "did you mean hit?" }, { "start_with(empty, 'a')", 0, "did you mean starts_with?" }, { "hit(zen)", 4, "in quotes" },
    { "1 == 1", 2, "always the same" }, { "n == 1.2.3", 5, "is no number" }, { "empty + 1 == 2", 6, "between numbers" },
    { "not n", 4, "is a number" }, { "yes and", 7, "missing at the end" }, { "yes ; yes", 4, "no part of a rule" },
};

static void test_errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        struct arena *arena = arena_new(4096);
        struct errtext err = { .text = "" };
        size_t at = 0;
        struct rule *r = rule_compile(span_str(errors[i].text), &names, arena, &at, &err);

        if (r != NULL || at != errors[i].at || strstr(err.text, errors[i].err) == NULL)
            fail_msg("%s: %zu: %s", errors[i].text, at, err.text);
        arena_free(&arena);
    }
}

static void test_bounds(void **state)
{
    struct arena *arena = arena_new(4096);
    struct errtext err;
    char text[RULE_TEXT_MAX + 2];
    size_t at;

    (void)state;
    memset(text, '(', sizeof(text));
    assert_null(rule_compile(span_of(text, 1000), &names, arena, &at, &err));
    assert_non_null(strstr(err.text, "deep"));
    assert_null(rule_compile(span_of(text, sizeof(text)), &names, arena, &at, &err));
    assert_non_null(strstr(err.text, "longer"));
    for (size_t i = 0; i < 1600; i++)
        memcpy(text + 4 * i, "not ", 4);
    assert_null(rule_compile(span_of(text, 6400), &names, arena, &at, &err));
    for (size_t i = 0; i < 600; i++)
        memcpy(text + 7 * i, "yes or ", 7);
    memcpy(text + 7 * 600, "yes", 3);
    assert_null(rule_compile(span_of(text, 7 * 600 + 3), &names, arena, &at, &err));
    assert_non_null(strstr(err.text, "parts"));
    arena_free(&arena);
}

static void test_trace(void **state)
{
    struct arena *arena = arena_new(4096);
    struct errtext err;
    struct buf trace;
    size_t at;
    struct rule *r = rule_compile(SPAN("empty == \"\" and sender.domain in own_domains and not client in part-ners"), &names, arena, &at, &err);

    (void)state;
    assert_non_null(r);
    buf_init(&trace, 1000);
    assert_int_equal(rule_run(r, &env, &trace), RULE_TRUE);
    buf_append_char(&trace, '\0');
    assert_string_equal(trace.base, "empty=\"\" == \"\": true; sender.domain=Example.com in own_domains: true; client=192.0.2.1 in part-ners: false");
    buf_free(&trace);
    rule_free(&r);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows), cmocka_unit_test(test_errors), cmocka_unit_test(test_bounds), cmocka_unit_test(test_trace),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

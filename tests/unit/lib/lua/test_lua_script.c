/* test_lua_script.c - scripts that judge, err, eat memory, reach for files; and what they may ask.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/lua/lua_script.h"

static char path[64], asked[400];

static bool on_ask(span question, struct buf *answer, void *arg)
{
    (void)arg;
    snprintf(asked, sizeof(asked), "%.*s", SPAN_ARG(question));
    for (size_t i = 0; i + 1 < question.n && i < sizeof(asked); i++) {
        if (question.p[i] == '\0')
            asked[i] = '|';
        else
            asked[i] = question.p[i];
        asked[i + 1] = '\0';
    }
    if (span_starts(question, SPAN("dns\0good")))
        return buf_append(answer, SPAN("+192.0.2.1\0" "192.0.2.2\0"));
    if (span_starts(question, SPAN("dns\0none")) || span_starts(question, SPAN("recall\0none")) || span_starts(question, SPAN("list\0none")))
        return buf_append(answer, SPAN("-"));
    if (span_starts(question, SPAN("recall")))
        return buf_append(answer, SPAN("+kept value"));
    if (span_starts(question, SPAN("gone")))
        return false;
    return buf_append(answer, span_starts(question, SPAN("count\0away")) ? SPAN("!the store is away") : SPAN("+"));
}

static void write_script(const char *text)
{
    FILE *f;

    snprintf(path, sizeof(path), "/tmp/gatepost-test-lua.%d", (int)getpid());
    f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* The hits of function rcpt as JSON text, or "error: ...". */
static const char *judged(const char *script, const char *request)
{
    static char text[2000];
    struct errtext err = { "" };
    struct lua_script *s;
    json_t *r = json_loads(request, 0, NULL), *hits;
    char *dumped;

    write_script(script);
    s = lua_script_load(path, 4 << 20, on_ask, NULL, &err);
    hits = s != NULL ? lua_script_ask(s, "rcpt", r, &err) : NULL;
    dumped = hits != NULL ? json_dumps(hits, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    if (dumped != NULL)
        snprintf(text, sizeof(text), "%s", dumped);
    else
        snprintf(text, sizeof(text), "error: %s", strncmp(err.text, path, strlen(path)) == 0 ? err.text + strlen(path) : err.text);
    free(dumped);
    json_decref(hits);
    json_decref(r);
    lua_script_free(&s);
    unlink(path);
    return text;
}

#define BODY(text) "function rcpt(r) " text " end"

static const struct { const char *script, *want; } rows[] = {
    { "", "[]" },
    { BODY(""), "[]" },
    { BODY("return nil"), "[]" },
    { BODY("return 2.5"), "[{\"points\":2.5}]" },
    { BODY("return {name='a', points=1, action='reject', text='no'}"), "[{\"action\":\"reject\",\"name\":\"a\",\"points\":1.0,\"text\":\"no\"}]" },
    { BODY("return {{name='a'}, {name='b', header='X: y'}}"), "[{\"name\":\"a\"},{\"header\":\"X: y\",\"name\":\"b\"}]" },
    { BODY("return {name=5, points='x', other=1}"), "[{}]" },
    { BODY("return {}"), "[{}]" },
    { BODY("return 'text'"), "error: what it returns is a string, neither nothing nor a number nor a table" },
    { BODY("return 0/0"), "[{}]" },
    { BODY("if r.sender == 'a@b' and r.hits.zen == 5 and r.trusted == false and r.size == 7 and r.list[2] == 'y' then return 1 end"), "[{\"points\":1.0}]" },
    { BODY("error('mine')"), "error: :1: mine" },
    { BODY("error({})"), "error: an error that is no text" },
    { BODY("return r.nothing.at.all"), "error: :1: attempt to index a nil value (field 'nothing')" },
    { "function rcpt(r) return 1", "error: :1: 'end' expected near <eof>" },
    { "x = = 1", "error: :1: unexpected symbol near '='" },
    { "\x1bLua", "error: attempt to load a binary chunk (mode is 't')" },
    { BODY("local t = {} while true do t[#t + 1] = ('x'):rep(100000) .. #t end"), "error: not enough memory" },
    { BODY("local function f() return f() + 1 end return f()"), "error: " },
    { "local x = ('x'):rep(1e9)", "error: not enough memory" },
    { BODY("return io == nil and load == nil and dofile == nil and loadfile == nil and debug == nil and package == nil and require == nil and os.execute == nil and os.remove == nil and os.time() > 0 and 1 or 2"),
      "[{\"points\":1.0}]" },
    { BODY("local t = dns('good.example') return #t == 2 and t[2] == '192.0.2.2' and 1 or 2"), "[{\"points\":1.0}]" },
    { BODY("return dns('none.example', 'MX') == false and 1 or 2"), "[{\"points\":1.0}]" },
    { BODY("return recall('k') == 'kept value' and recall('none') == false and 1 or 2"), "[{\"points\":1.0}]" },
    { BODY("return in_list('staff', 'a') == true and in_list('none', 'a') == false and 1 or 2"), "[{\"points\":1.0}]" },
    { BODY("local ok, why = count('away', 3, 60) return ok == nil and why == 'the store is away' and 1 or 2"), "[{\"points\":1.0}]" },
    { BODY("return remember('k', 'v', 60) and log('hello') and 1 or 2"), "[{\"points\":1.0}]" },
    { BODY("return pcall(dns) == false and 1 or 2"), "[{\"points\":1.0}]" },
    { BODY("local ok, why = dns(('x'):rep(20000)) return ok == nil and why == 'too long a question' and 1 or 2"), "[{\"points\":1.0}]" },
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *got = judged(rows[i].script, "{\"sender\":\"a@b\",\"size\":7,\"trusted\":false,\"hits\":{\"zen\":5},\"list\":[\"x\",\"y\"]}");

        if (strncmp(got, rows[i].want, strlen(rows[i].want)) != 0)
            fail_msg("%s: %s, not %s", rows[i].script, got, rows[i].want);
    }
}

static void test_questions_as_they_are_asked(void **state)
{
    (void)state;
    judged(BODY("count('k\\0x', 3, 60)"), "{}");
    assert_string_equal(asked, "count|k|x|3|60");
    judged(BODY("dns('x.example')"), "{}");
    assert_string_equal(asked, "dns|x.example|A");
}

/* What one request does the next one finds: the state lives on, and survives an error. */
static void test_lives_on(void **state)
{
    struct errtext err;
    struct lua_script *s;
    json_t *r = json_object(), *hits;

    (void)state;
    write_script("n = 0 function rcpt(r) n = n + 1 if n == 2 then error('two') end return n end");
    s = lua_script_load(path, 4 << 20, on_ask, NULL, &err);
    assert_non_null(s);
    for (int i = 1; i <= 4; i++) {
        hits = lua_script_ask(s, "rcpt", r, &err);
        assert_int_equal(hits == NULL, i == 2);
        if (hits != NULL)
            assert_true(json_number_value(json_object_get(json_array_get(hits, 0), "points")) == i);
        json_decref(hits);
    }
    json_decref(r);
    lua_script_free(&s);
    unlink(path);
}

static void test_check(void **state)
{
    struct errtext err;

    (void)state;
    write_script("while true do end");                 /* compiled, not run */
    assert_true(lua_script_check(path, &err));
    write_script("\n\nif x then");
    assert_false(lua_script_check(path, &err));
    assert_non_null(strstr(err.text, ":3:"));
    unlink(path);
    assert_false(lua_script_check(path, &err));
    assert_non_null(strstr(err.text, "No such file"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows), cmocka_unit_test(test_questions_as_they_are_asked), cmocka_unit_test(test_lives_on), cmocka_unit_test(test_check),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

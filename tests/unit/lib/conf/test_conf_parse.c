/* test_conf_parse.c - a table of rows reads a file: values, defaults, and every kind of error with its place.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/lib/conf/every_type.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define FILE_NAME "/etc/gp/gatepost.yaml"

struct loaded {
    struct every_type v;
    struct arena *arena;
    struct conf_errors *errors;
    const struct conf_marks *marks;
    bool good;
};

static void load_as(struct loaded *l, span text, const char *file)
{
    memset(l, 0, sizeof(*l));
    l->arena = arena_new(1024);
    l->errors = conf_errors_new();
    l->good = conf_parse(text, file, every_type_rows, &l->v, l->arena, l->errors, &l->marks);
    assert_int_equal(l->good, conf_errors_count(l->errors) == 0);
}

static void load(struct loaded *l, const char *text)
{
    load_as(l, span_str(text), FILE_NAME);
}

static void unload(struct loaded *l)
{
    conf_errors_free(&l->errors);
    arena_free(&l->arena);
}

static void assert_good(const struct loaded *l)
{
    if (!l->good)
        fail_msg("%s", conf_errors_at(l->errors, 0));
}

static void test_defaults(void **state)
{
    static const char *const nothing[] = { "", "# only a comment\n", "---\n", "{}", "policy:\n", "policy: {greylist: }\n", "\xEF\xBB\xBF# BOM\n" };

    (void)state;
    for (size_t i = 0; i < COUNT(nothing); i++) {
        struct loaded l;
        const struct et_map *map;

        load(&l, nothing[i]);
        assert_good(&l);
        assert_false(l.v.b);
        assert_int_equal(l.v.i, 7);
        assert_int_equal(l.v.ms, 10000);
        assert_int_equal(l.v.bytes, 25 << 20);
        assert_null(l.v.text);
        assert_null(l.v.address);
        assert_int_equal(l.v.rate.per_ms, 0);
        assert_string_equal(l.v.with_default, "[SPAM]");
        assert_int_equal(l.v.word, 2);
        assert_int_equal(l.v.texts.n, 2);
        assert_string_equal(l.v.texts.v[1], "two words");
        assert_string_equal(l.v.addresses.v[0], "inet:127.0.0.1:25");
        assert_int_equal(l.v.nets.n, 2);
        assert_int_equal(l.v.nets.v[0].prefix, 8);
        assert_int_equal(l.v.policy.greylist.delay_ms, 300000);
        assert_true(l.v.policy.greylist.on);
        assert_int_equal(l.v.policy.lists.n, 0);
        assert_int_equal(l.v.maps.n, 1);
        map = l.v.maps.v;
        assert_string_equal(map->name, "first");
        assert_int_equal(map->mode, 3);
        assert_int_equal(map->size, 1024);
        assert_int_equal(l.v.rule.mode, 2);
        unload(&l);
    }
}

static void test_values(void **state)
{
    static const char text[] =
        "b: on\n"
        "i: -5\n"
        "n: -1.25\n"
        "ms: 1h\n"
        "bytes: 1k\n"
        "rate: 100/h\n"
        "text: \"a: b # c\"\n"
        "path: sub/file\n"
        "secret: credential:dqs\n"
        "address: \"[::1]:25\"\n"
        "domain: EXAMPLE.com.\n"
        "word: OFF\n"
        "texts: just one\n"
        "addresses: [run/x.sock, unix:run/x.sock, /run/y.sock, \"systemd:policy\", mx.example.com:25]\n"
        "paths: [a, /b]\n"
        "domains:\n- Example.ORG\n- example.net\n"
        "nets: 10.0.0.0/8\n"
        "policy:\n"
        "  greylist: {delay: 0, on: no}\n"
        "  lists:\n"
        "    - name: one\n"
        "      weight: -10\n"
        "    - {name: two, mode: observe, zone: dnsbl.example}\n"
        "networks: {trusted: [10.0.0.0/8, 192.0.2.1], v6: 2001:db8::/32, none: []}\n"
        "maps: {a: observe, b: {size: 2k}, c: }\n"
        "rule: enforce\n";
    struct loaded l;
    const struct et_list *lists;
    const struct et_net *nets;
    const struct et_map *maps;

    (void)state;
    load(&l, text);
    /* "run/x.sock" is no address: the only error. */
    assert_int_equal(conf_errors_count(l.errors), 1);
    assert_non_null(strstr(conf_errors_at(l.errors, 0), ":14:13: addresses[0]: \"run/x.sock\" is not an address"));
    assert_true(l.v.b);
    assert_int_equal(l.v.i, -5);
    assert_true(l.v.n == -1.25);
    assert_int_equal(l.v.ms, 3600000);
    assert_int_equal(l.v.bytes, 1024);
    assert_int_equal(l.v.rate.count, 100);
    assert_string_equal(l.v.text, "a: b # c");
    assert_string_equal(l.v.path, "/etc/gp/sub/file");
    assert_string_equal(l.v.secret, "credential:dqs");
    assert_string_equal(l.v.address, "inet:[::1]:25");
    assert_string_equal(l.v.domain, "example.com");
    assert_int_equal(l.v.word, 3);
    assert_int_equal(l.v.texts.n, 1);
    assert_string_equal(l.v.texts.v[0], "just one");
    assert_string_equal(l.v.addresses.v[1], "unix:/etc/gp/run/x.sock");
    assert_string_equal(l.v.addresses.v[2], "unix:/run/y.sock");
    assert_string_equal(l.v.addresses.v[4], "inet:mx.example.com:25");
    assert_string_equal(l.v.paths.v[0], "/etc/gp/a");
    assert_string_equal(l.v.paths.v[1], "/b");
    assert_string_equal(l.v.domains.v[0], "example.org");
    assert_int_equal(l.v.nets.n, 1);
    assert_int_equal(l.v.policy.greylist.delay_ms, 0);
    assert_int_equal(l.v.policy.lists.n, 2);
    lists = l.v.policy.lists.v;
    assert_string_equal(lists[0].name, "one");
    assert_true(lists[0].weight == -10);
    assert_true(lists[1].weight == 2.5);
    assert_int_equal(lists[1].mode, 2);
    nets = l.v.networks.v;
    assert_int_equal(l.v.networks.n, 3);
    assert_string_equal(nets[0].name, "trusted");
    assert_int_equal(nets[0].nets.n, 2);
    assert_int_equal(nets[1].nets.v[0].prefix, 32);
    assert_int_equal(nets[2].nets.n, 0);
    maps = l.v.maps.v;
    assert_int_equal(maps[0].mode, 2);
    assert_int_equal(maps[1].mode, 1);
    assert_int_equal(maps[1].size, 2048);
    assert_int_equal(maps[2].mode, 1);
    assert_int_equal(l.v.rule.mode, 1);
    unload(&l);
}

static const struct {
    const char *text, *want;     /* want: the only error, without "FILE:" */
} error_rows[] = {
    /* the form of the messages */
    { "policy:\n  greylist:\n    delay: 5 minuts\n", "3:5: policy.greylist.delay: \"5 minuts\" is not a duration (try 5m)" },
    { "policy:\n  lists:\n    - {name: a}\n    - name: b\n      weight: x\n", "5:7: policy.lists[1].weight: \"x\" is not a number (try 2.5)" },
    { "domains: [a.example,\n  \"b b\"]\n", "2:3: domains[1]: \"b b\" is not a domain (" },
    { "text: \xC3\xA4\xC3\xB6\npath: [x]", "2:1: path: must be a path, not a list" },
    { "{text: \"\xC3\xA4\", path: []}", "1:13: path: must be a path, not a list" },
    /* keys */
    { "polcy: {}", "1:1: polcy: unknown key (did you mean policy?)" },
    { "policy: {greylst: {}}", "1:10: policy.greylst: unknown key (did you mean greylist?)" },
    { "with-default: x", "1:1: with-default: unknown key (did you mean with_default?)" },
    { "greylist: {}", "1:1: greylist: unknown key here (did you mean policy.greylist?)" },
    { "rule: {zzz: 1}", "1:8: rule.zzz: unknown key (known here: mode, partners)" },
    { "maps: {a: {name: x}}", "1:12: maps.a.name: unknown key (known here: mode, size)" },
    { "maps: {a: {\"*\": x}}", "1:12: maps.a.*: unknown key (known here: mode, size)" },
    { "i: 1\nb: on\ni: 2\n", "3:1: i: written twice (first in line 1)" },
    { "policy:\n  lists:\n    - {name: a, name: b}\n", "3:17: policy.lists[0].name: written twice (first in line 3)" },
    { "? [a]\n: b\n", "1:3: a list or mapping cannot be a key" },
    { "policy: {lists: [{weight: 1}]}", "1:18: policy.lists[0].name: must be given (text)" },
    { "\"\": 1", "1:1: unknown key (known here" },
    /* kinds */
    { "- a", "1:1: a configuration is a mapping (key: value), not a list" },
    { "just text", "1:1: a configuration is a mapping (key: value), not a single value" },
    { "i: [1]", "1:1: i: must be a whole number, not a list" },
    { "i: {a: 1}", "1:1: i: must be a whole number, not a mapping" },
    { "i:", "1:1: i: has no value (write a whole number, or take the key out)" },
    { "text: ~", "1:1: text: has no value (write text, or take the key out)" },
    { "texts: [a, ]\n", NULL },
    { "texts: [a, ~]\n", "1:12: texts[1]: has no value" },
    { "texts: {a: b}", "1:1: texts: must be a list of texts, not a mapping" },
    { "with_default: [SPAM]", "1:1: with_default: must be text, not a list (if it is text, quote it: \"[SPAM]\")" },
    { "policy: 5", "1:1: policy: must be a mapping (key: value), not a single value" },
    { "policy: {lists: [a]}", "1:18: policy.lists[0]: must be a mapping (key: value), not a single value" },
    { "maps: [a]", "1:1: maps: must be a mapping (name: value), not a list" },
    { "networks: {a: {b: c}}", "1:12: networks.a: must be a list of networks, not a mapping" },
    { "rule: enforc", "1:1: rule: \"enforc\" is not inherit, enforce, observe or off (did you mean enforce?)" },
    { "word: yes", "1:1: word: \"yes\" is not inherit, enforce, observe or off" },
    /* types and ranges */
    { "b: maybe", "1:1: b: \"maybe\" is not yes or no" },
    { "i: 1.5", "1:1: i: \"1.5\" is not a whole number" },
    { "i: 101", "1:1: i: \"101\" is out of range (-5 to 100)" },
    { "i: 99999999999999999999", "1:1: i: \"99999999999999999999\" is not a whole number" },
    { "ms: 999ms", "1:1: ms: \"999ms\" is out of range (1s to 1h)" },
    { "ms: 300", "1:1: ms: \"300\" is not a duration (try 300s)" },
    { "bytes: 2G", "1:1: bytes: \"2G\" is out of range (1k to 1G)" },
    { "bytes: 25 MB", "1:1: bytes: \"25 MB\" is not a size (try 25M)" },
    { "rate: 5 per hour", "1:1: rate: \"5 per hour\" is not a rate (try 5/h)" },
    { "nets: 10.0.0.1/8", "1:1: nets: \"10.0.0.1/8\" has address bits behind its prefix (try 10.0.0.0/8)" },
    { "nets: [10.0.0.0/33]", "1:8: nets[0]: \"10.0.0.0/33\" is not an address or network" },
    { "nets: localhost", "1:1: nets: \"localhost\" is not an address or network" },
    { "domain: user@example.com", "1:1: domain: \"user@example.com\" is not a domain (without the @" },
    { "domain: \"\"", "1:1: domain: \"\" is not a domain" },
    { "text: forbidden", "1:1: text: that one is not wanted" },
    { "text: \"a\\nb\"", "1:1: text: \"a\\x0Ab\" must be one line without control characters" },
    { "text: \"a\\Nb\"", "1:1: text: " },
    { "text: \"a\\u2028b\"", "1:1: text: " },
    { "text: |\n  block\n", "1:1: text: \"block\\x0A\" must be one line" },
    { "secret: \"credential:../x\"", "1:1: secret: \"credential:../x\" is not the path of a file with a secret (a credential is named without" },
    { "secret: \"credential:\"", "1:1: secret: " },
    /* addresses */
    { "address: 127.0.0.1", "1:1: address: \"127.0.0.1\" is not an address (the port is missing" },
    { "address: \"::1\"", "1:1: address: \"::1\" is not an address (the port is missing" },
    { "address: 10025", "1:1: address: \"10025\" is not an address (try 127.0.0.1:10025" },
    { "address: \"*:25\"", "1:1: address: \"*:25\" is not an address (every address of the machine" },
    { "address: \"::1:25:\"", "1:1: address: " },
    { "address: \"host:65536\"", "1:1: address: \"host:65536\" is not an address (a port is a number up to 65535)" },
    { "address: \"host:+5\"", "1:1: address: " },
    { "address: \"a b:25\"", "1:1: address: \"a b:25\" is not an address (no blanks" },
    { "address: \"unix:\"", "1:1: address: \"unix:\" is not an address (try unix:" },
    { "address: \"systemd:a:b\"", "1:1: address: " },
    { "address: \"[127.0.0.1]:25\"", "1:1: address: " },
    /* YAML */
    { "i: &x 1\n", "1:4: anchors (&name) are not used here" },
    { "text: *x\n", "1:7: aliases (*name) are not used here" },
    { "text: !!str 5\n", "1:7: tags (!name) are not used here" },
    { "policy:\n\tgreylist: {}\n", "2:1: YAML: " },
    { "text: a: b\n", "1:8: YAML: mapping values are not allowed in this context (a value with \": \" needs quotes" },
    { "text: @x\n", "1:7: YAML: while scanning for the next token, found character that cannot start any token (put the value in quotes)" },
    { "texts: [a\n", "2:1: YAML: " },
    { "text: \"a\n", "2:1: YAML: " },
    { "text: a\n--- \ntext: b\n", "2:1: a second document begins here" },
    { "text: \xFF\n", "1:7: not readable as UTF-8 text" },
    { "text: \x01\n", "1:7: not readable as UTF-8 text" },
    { "text: \"a\\0b\"\n", "1:7: holds a NUL byte" },
    { "b: on\n  i: 5\n", "2:4: YAML: " },
};

static void test_errors(void **state)
{
    size_t wrong = 0;

    (void)state;
    for (size_t i = 0; i < COUNT(error_rows); i++) {
        const char *want = error_rows[i].want, *got;
        struct loaded l;

        load(&l, error_rows[i].text);
        got = conf_errors_count(l.errors) > 0 ? conf_errors_at(l.errors, 0) : NULL;
        if ((want == NULL) != (got == NULL) ||
            (want != NULL && (strncmp(got, FILE_NAME ":", strlen(FILE_NAME ":")) != 0 ||
                              strncmp(got + strlen(FILE_NAME ":"), want, strlen(want)) != 0))) {
            print_error("%s: got \"%s\"\n", error_rows[i].text, got != NULL ? got : "no error");
            wrong++;
        }
        for (const char *p = got; p != NULL && *p != '\0'; p++)
            assert_true((unsigned char)*p >= ' ');           /* one line, whatever is quoted */
        unload(&l);
    }
    assert_int_equal(wrong, 0);
}

static void test_all_errors_in_order(void **state)
{
    static const char text[] = "maps: {a: {size: x}}\nnonsense: 1\ni: 500\nms: later\npolicy:\n  lists:\n    - {weight: 99}\nb: *x\n";
    static const char *const want[] = {
        ":1:12: maps.a.size:", ":2:1: nonsense: unknown key", ":3:1: i: \"500\" is out", ":4:1: ms: \"later\"",
        ":7:7: policy.lists[0].name: must", ":7:8: policy.lists[0].weight:", ":8:4: aliases",
    };
    struct loaded l;

    (void)state;
    load(&l, text);
    assert_int_equal(conf_errors_count(l.errors), COUNT(want));
    for (size_t i = 0; i < COUNT(want); i++) {
        if (strncmp(conf_errors_at(l.errors, i), FILE_NAME, strlen(FILE_NAME)) != 0 || strstr(conf_errors_at(l.errors, i), want[i]) == NULL)
            fail_msg("%zu: %s", i, conf_errors_at(l.errors, i));
    }
    unload(&l);
}

static char *repeat(const char *head, const char *piece, size_t n, const char *tail)
{
    size_t k = strlen(piece);
    char *out = malloc(strlen(head) + n * k + strlen(tail) + 1), *p = out;

    assert_non_null(out);
    p = stpcpy(p, head);
    for (size_t i = 0; i < n; i++)
        p = stpcpy(p, piece);
    (void)stpcpy(p, tail);
    return out;
}

static void test_limits(void **state)
{
    const struct { const char *name; char *text; const char *want; } rows[] = {
        { "a file of 1 MB", repeat("#", "x", CONF_MAX_BYTES - 1, ""), NULL },
        { "a byte more", repeat("#", "x", CONF_MAX_BYTES, ""), ": larger than 1 MB" },
        { "nested", repeat("policy: ", "[", 200000, ""), ":1:24: nested too deeply" },
        { "nested in mappings", repeat("", "{a: ", 200, ""), ":1:65: nested too deeply" },
        { "items", repeat("texts: [", "x,", CONF_MAX_NODES + 10, "]"), "too many values in one file" },
        { "many items", repeat("texts: [", "x,", 100000, "x]"), NULL },
        { "many unknown keys", repeat("texts: [{", "a,", 100000, "a: 1}]"), "" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct loaded l;
        const char *got;

        load(&l, rows[i].text);
        got = conf_errors_count(l.errors) > 0 ? conf_errors_at(l.errors, 0) : NULL;
        if ((got == NULL) != (rows[i].want == NULL) || (got != NULL && strstr(got, rows[i].want) == NULL))
            fail_msg("%s: %s", rows[i].name, got != NULL ? got : "no error");
        assert_true(conf_errors_count(l.errors) <= 501);
        unload(&l);
        free(rows[i].text);
    }
}

static void test_nul_bytes(void **state)
{
    struct loaded l;

    (void)state;
    load_as(&l, SPAN("b: on\ntext: a\0b\n"), FILE_NAME);
    assert_int_equal(conf_errors_count(l.errors), 1);
    assert_string_equal(conf_errors_at(l.errors, 0), FILE_NAME ":2:8: holds a NUL byte");
    unload(&l);
}

static void test_relative_to_the_file(void **state)
{
    char cwd[4096], want[8192];
    struct loaded l;

    (void)state;
    assert_non_null(getcwd(cwd, sizeof(cwd)));
    load_as(&l, SPAN("path: a/b\naddress: unix:s\n"), "gatepost.yaml");
    assert_good(&l);
    snprintf(want, sizeof(want), "%s/a/b", cwd);
    assert_string_equal(l.v.path, want);
    snprintf(want, sizeof(want), "unix:%s/s", cwd);
    assert_string_equal(l.v.address, want);
    unload(&l);
    load_as(&l, SPAN("path: a/b"), "/gatepost.yaml");
    assert_string_equal(l.v.path, "/a/b");
    unload(&l);
}

static void test_where(void **state)
{
    static const char text[] = "domains: example.com\npolicy:\n  lists:\n    - name: a\n    - {name: b, zone: x.example}\n"
                               "maps:\n  a.b: {mode: off}\n  a: {size: 1k}\n";
    static const struct { const char *path; size_t line, column; } rows[] = {
        { "domains", 1, 1 },
        { "domains[0]", 1, 1 },
        { "domains[1]", 0, 0 },
        { "policy", 2, 1 },
        { "policy.lists[1].zone", 5, 17 },
        { "policy.lists[2]", 0, 0 },
        { "policy.lists[0].zone", 0, 0 },
        { "policy.lists[x]", 0, 0 },
        { "policy.lists[", 0, 0 },
        { "maps.a.b.mode", 7, 9 },
        { "maps.a.b", 7, 3 },
        { "maps.a.size", 8, 7 },
        { "polic", 0, 0 },
        { "policyx", 0, 0 },
        { "", 0, 0 },
    };
    struct loaded l;

    (void)state;
    load(&l, text);
    assert_good(&l);
    for (size_t i = 0; i < COUNT(rows); i++) {
        size_t line = 0, column = 0;
        bool found = conf_where(l.marks, rows[i].path, &line, &column);

        if (found != (rows[i].line != 0) || line != rows[i].line || column != rows[i].column)
            fail_msg("%s: %d %zu:%zu", rows[i].path, found, line, column);
    }
    assert_false(conf_where(NULL, "policy", &(size_t){ 0 }, &(size_t){ 0 }));
    conf_errors_add_at(l.errors, l.marks, "policy.lists[0].zone", "must be given");
    assert_string_equal(conf_errors_at(l.errors, 0), FILE_NAME ":4:7: policy.lists[0].zone: must be given");
    conf_errors_add_at(l.errors, l.marks, "rule.mode", "must be %s", "given");
    assert_string_equal(conf_errors_at(l.errors, 1), FILE_NAME ": rule.mode: must be given");
    conf_errors_add(l.errors, FILE_NAME, 9, 1, "late", "in a line");
    assert_string_equal(conf_errors_at(l.errors, 1), FILE_NAME ":9:1: late: in a line");
    assert_string_equal(conf_errors_at(l.errors, 2), FILE_NAME ": rule.mode: must be given");   /* what has no line comes last */
    unload(&l);
}

static void test_sound(void **state)
{
    struct loaded l;

    (void)state;
    load(&l, "policy:\n  lists:\n    - {name: a}\n    - {name: b, weight: x}\ni: 5\n");
    assert_int_equal(conf_errors_count(l.errors), 1);
    assert_false(conf_sound(l.marks, "policy"));
    assert_true(conf_sound(l.marks, "policy.lists[0]"));
    assert_false(conf_sound(l.marks, "policy.lists[1]"));
    assert_true(conf_sound(l.marks, "i"));
    assert_true(conf_sound(l.marks, "not written"));
    unload(&l);
}

static void test_nearest(void **state)
{
    static const char *const words[] = { "score", "dnsbl", "rules", "limits", "greylist", "max_clients", "dns", NULL };
    static const struct { const char *word, *want; } rows[] = {
        { "scroe", "score" },   { "dnsbls", "dnsbl" }, { "dnbsl", "dnsbl" }, { "limit", "limits" },     { "gray_list", "greylist" },
        { "greylisting", "greylist" }, { "DNS", "dns" },      { "max-clients", "max_clients" },         { "maxclients", "max_clients" },
        { "entirely", NULL },   { "x", NULL },         { "", NULL },         { "grey", "greylist" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *got = conf_nearest(span_str(rows[i].word), words);

        if ((got == NULL) != (rows[i].want == NULL) || (got != NULL && strcmp(got, rows[i].want) != 0))
            fail_msg("%s: %s", rows[i].word, got != NULL ? got : "none");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_all_errors_in_order),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_nul_bytes),
        cmocka_unit_test(test_relative_to_the_file),
        cmocka_unit_test(test_where),
        cmocka_unit_test(test_sound),
        cmocka_unit_test(test_nearest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_conf_show.c - what is shown reads back to the same values; what changed is told.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/lib/conf/every_type.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void read_text(const char *text, struct every_type *v, struct arena *arena)
{
    struct conf_errors *errors = conf_errors_new();

    memset(v, 0, sizeof(*v));
    if (!conf_parse(span_str(text), "/etc/gatepost.yaml", every_type_rows, v, arena, errors, NULL))
        fail_msg("%s\n%s", conf_errors_at(errors, 0), text);
    conf_errors_free(&errors);
}

static const struct { const char *name, *text, *want; } rows[] = {
    { "nothing", "", "" },
    { "what equals the default is left out", "i: 7\nword: observe\nmaps: {first: off}\nrule: observe\nnets: [127.0.0.0/8, \"::1\"]\n", "" },
    { "numbers", "i: 0\nn: -0.5\nms: 90s\nbytes: 1536k\nrate: 5/60s\n", "i: 0\nn: -0.5\nms: 90s\nbytes: 1536k\nrate: 5/m\n" },
    { "empty text is a value", "text: \"\"\nwith_default: \"\"\n", "text: \"\"\nwith_default: \"\"\n" },
    { "text that needs quotes", "texts: [\"yes\", \"null\", \"a: b\", \"#\", \"- x\", 'say \"x\"', 'c:\\', \"*\", plain.text, \"x:\"]\n",
      "texts: [\"yes\", \"null\", \"a: b\", \"#\", \"- x\", \"say \\\"x\\\"\", \"c:\\\\\", \"*\", plain.text, \"x:\"]\n" },
    { "UTF-8", "text: \"K\xC3\xA4se \\uFEFF\xE2\x82\xAC \\U0001F600\"\n", "text: \"K\xC3\xA4se \\uFEFF\xE2\x82\xAC \xF0\x9F\x98\x80\"\n" },
    { "an empty list is not the default", "texts: []\nmaps: {}\n", "texts: []\nmaps: {}\n" },
    { "addresses in long form", "address: \"127.0.0.1:25\"\npath: a\n", "path: /etc/a\naddress: inet:127.0.0.1:25\n" },
    { "nested", "policy: {greylist: {delay: 0}, lists: [{name: a}, {name: b, mode: off, weight: 1}]}\n",
      "policy:\n  greylist:\n    delay: 0\n  lists:\n    - name: a\n    - name: b\n      weight: 1\n      mode: off\n" },
    { "named", "networks: {trusted: 10.0.0.0/8, none: []}\nmaps: {a: enforce, b: {size: 2k}}\n",
      "networks:\n  trusted: [10.0.0.0/8]\n  none: []\nmaps:\n  a: {}\n  b:\n    size: 2k\n" },
    { "names that need quotes", "maps: {\"a b\": {}, \"off\": off}\n", "maps:\n  \"a b\": {}\n  \"off\":\n    mode: off\n" },
    { "short form of an object", "rule: enforce\n", "rule:\n  mode: enforce\n" },
};

static void test_show_reads_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena *arena = arena_new(1024);
        struct every_type v, w;
        struct buf first, second, all, all_again;

        buf_init(&first, 65536);
        buf_init(&second, 65536);
        buf_init(&all, 65536);
        buf_init(&all_again, 65536);
        read_text(rows[i].text, &v, arena);
        conf_show(every_type_rows, &v, NULL, false, &first);
        if (strcmp(buf_cstr(&first), rows[i].want) != 0)
            fail_msg("%s:\n%s", rows[i].name, buf_cstr(&first));
        read_text(buf_cstr(&first), &w, arena);
        conf_show(every_type_rows, &w, NULL, false, &second);
        assert_string_equal(buf_cstr(&first), buf_cstr(&second));
        conf_show(every_type_rows, &v, NULL, true, &all);
        read_text(buf_cstr(&all), &w, arena);
        conf_show(every_type_rows, &w, NULL, true, &all_again);
        assert_string_equal(buf_cstr(&all), buf_cstr(&all_again));
        assert_non_null(strstr(buf_cstr(&all), "b: no   # default\n"));
        buf_free(&first);
        buf_free(&second);
        buf_free(&all);
        buf_free(&all_again);
        arena_free(&arena);
    }
}

static void test_secrets_are_stars(void **state)
{
    struct arena *arena = arena_new(1024);
    struct every_type v;
    struct buf text;

    (void)state;
    buf_init(&text, 65536);
    read_text("policy: {lists: [{name: a, zone: key123.example}, {name: b, zone: open.example}]}", &v, arena);
    for (int all = 0; all < 2; all++) {
        buf_reset(&text);
        conf_show(every_type_rows, &v, NULL, all, &text);
        assert_null(strstr(buf_cstr(&text), "key123"));
        assert_non_null(strstr(buf_cstr(&text), "zone: \"****\""));
        assert_non_null(strstr(buf_cstr(&text), "zone: open.example"));
    }
    buf_free(&text);
    arena_free(&arena);
}

static void test_changed(void **state)
{
    static const struct { const char *old, *neu, *restart, *live; } changes[] = {
        { "", "", "", "" },
        { "i: 5", "i: 5", "", "" },
        { "i: 5", "i: 6", "i", "" },
        { "", "i: 7", "", "" },
        { "b: on\nms: 5s\n", "b: off\nms: 6s\n", "", "b, ms" },
        { "policy: {greylist: {on: no}}\naddresses: []\n", "policy: {greylist: {delay: 1m}}\n", "addresses, policy.greylist.on", "policy.greylist.delay" },
        { "text: \"\"", "", "", "text" },
        /* a secret that changed has changed, though both show as stars */
        { "policy: {lists: [{name: a, zone: key1.example}]}", "policy: {lists: [{name: a, zone: key2.example}]}", "", "policy.lists" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(changes); i++) {
        struct arena *arena = arena_new(1024);
        struct every_type v, w;
        struct buf restart, live;

        buf_init(&restart, 1000);
        buf_init(&live, 1000);
        read_text(changes[i].old, &v, arena);
        read_text(changes[i].neu, &w, arena);
        conf_changed(every_type_rows, &v, &w, APPLY_RESTART, &restart);
        conf_changed(every_type_rows, &v, &w, APPLY_LIVE, &live);
        assert_string_equal(buf_cstr(&restart), changes[i].restart);
        assert_string_equal(buf_cstr(&live), changes[i].live);
        buf_free(&restart);
        buf_free(&live);
        arena_free(&arena);
    }
}

static void test_manual_and_example(void **state)
{
    struct buf man, example;

    (void)state;
    buf_init(&man, 65536);
    buf_init(&example, 65536);
    conf_man(every_type_rows, &man);
    conf_example(every_type_rows, &example);
    assert_non_null(strstr(buf_cstr(&man), ".It Cm policy.greylist.delay\nWait of a new triplet.\n(a duration, 0 to 1d; default: 5m)\n"));
    assert_non_null(strstr(buf_cstr(&man), ".It Cm policy.lists[].name\nName.\n(text; must be given)\n"));
    assert_non_null(strstr(buf_cstr(&man), ".It Cm maps.NAME.size\n"));
    assert_non_null(strstr(buf_cstr(&man), ".It Cm i\nCount.\n(a whole number, \\-5 to 100; default: 7; a change needs a restart)\n"));
    assert_null(strstr(buf_cstr(&man), "*"));
    assert_non_null(strstr(buf_cstr(&example), "\npolicy:\n  # Greylisting.\n  greylist:\n    # Wait of a new triplet. (a duration, 0 to 1d)\n    #delay: 5m\n"));
    buf_free(&man);
    buf_free(&example);
}

/* ---- what is laid over something else ---- */

struct et_action { int action; double points; };
struct et_over { const char *name; struct et_action big, small; struct conf_strings words; };
struct et_whole { struct conf_list over; };

static const char *const et_action_words[] = { "defer", "tag", "pass", NULL };
static const struct conf_key et_action_rows[] = {
    { "action", CONF_ENUM, offsetof(struct et_action, action), 0, 0, "tag", APPLY_LIVE, "", .words = et_action_words },
    { "points", CONF_NUMBER, offsetof(struct et_action, points), 0, 0, "2", APPLY_LIVE, "" },
    { "*", CONF_ENUM, offsetof(struct et_action, action), 0, 0, NULL, APPLY_LIVE, "", .words = et_action_words },
    { NULL },
};
static const struct conf_key et_over_rows[] = {
    { "name", CONF_STRING, offsetof(struct et_over, name), 0, 0, "!", APPLY_LIVE, "" },
    { "big", CONF_OBJECT, offsetof(struct et_over, big), 0, 0, NULL, APPLY_LIVE, "", .sub = et_action_rows },
    { "small", CONF_OBJECT, offsetof(struct et_over, small), 0, 0, NULL, APPLY_LIVE, "", .sub = et_action_rows },
    { "words", CONF_STRINGS, offsetof(struct et_over, words), 0, 0, NULL, APPLY_LIVE, "" },
    { NULL },
};
static const struct conf_key et_whole_rows[] = {
    { "over", CONF_LIST, offsetof(struct et_whole, over), 0, 0, NULL, APPLY_LIVE, "", .sub = et_over_rows, .sub_size = sizeof(struct et_over),
      .overlay = true },
    { NULL },
};

/* Beneath: {pass, 9} for big and small, no words.  shown: what the file says, be it a default, and nothing more. */
static void test_overlay(void **state)
{
    static const struct { const char *text, *shown; struct et_action big, small; size_t words; } over[] = {
        { "over: [{name: a}]\n", "over:\n  - name: a\n", { 2, 9 }, { 2, 9 }, 0 },
        { "over: {name: a, big: tag}\n", "over:\n  - name: a\n    big:\n      action: tag\n", { 1, 9 }, { 2, 9 }, 0 },
        { "over: [{name: a, big: {points: 2}, small: {action: defer}}]\n",
          "over:\n  - name: a\n    big:\n      points: 2\n    small:\n      action: defer\n", { 2, 2 }, { 0, 9 }, 0 },
        { "over: [{name: a, big: {}, small: , words: [one, two]}]\n", "over:\n  - name: a\n    words: [one, two]\n", { 2, 9 }, { 2, 9 }, 2 },
        { "over: [{name: a, words: []}]\n", "over:\n  - name: a\n    words: []\n", { 2, 9 }, { 2, 9 }, 0 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(over); i++) {
        struct arena *arena = arena_new(1024);
        struct conf_errors *errors = conf_errors_new();
        struct et_over into = { .big = { 2, 9 }, .small = { 2, 9 } };
        const struct conf_marks *marks;
        struct et_whole w = { .over = { NULL, 0 } };
        struct buf shown;

        buf_init(&shown, 65536);
        if (!conf_parse(span_str(over[i].text), "/etc/x.yaml", et_whole_rows, &w, arena, errors, &marks))
            fail_msg("%s", conf_errors_at(errors, 0));
        conf_overlay(et_over_rows, marks, "over[0]", w.over.v, &into);
        if (into.big.action != over[i].big.action || into.big.points > over[i].big.points || into.big.points < over[i].big.points ||
            into.small.action != over[i].small.action || into.small.points > over[i].small.points ||
            into.small.points < over[i].small.points || into.words.n != over[i].words)
            fail_msg("%s", over[i].text);
        for (int all = 0; all < 2; all++) {
            buf_reset(&shown);
            conf_show(et_whole_rows, &w, marks, all, &shown);
            assert_string_equal(buf_cstr(&shown), over[i].shown);
        }
        buf_free(&shown);
        conf_errors_free(&errors);
        arena_free(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_show_reads_back),
        cmocka_unit_test(test_secrets_are_stars),
        cmocka_unit_test(test_changed),
        cmocka_unit_test(test_manual_and_example),
        cmocka_unit_test(test_overlay),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

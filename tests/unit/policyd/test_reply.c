/* test_reply.c - templates of refusals: marks, codes, the id.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "rig.h"

static const struct { const char *name, *template, *reason, *want; } fills[] = {
    { "list and reason", "Listed by %l: %t", "spam source", "Listed by zen: spam source (id ID)" },
    { "no reason", "Listed by %l: %t", NULL, "Listed by zen (id ID)" },
    { "no reason, in the middle", "By %l; %r. Bye", NULL, "By zen. Bye (id ID)" },
    { "id where it is wanted", "No (%i): %l", NULL, "No (ID): zen" },
    { "points and percent", "%s points, 100%%", NULL, "6.5 points, 100% (id ID)" },
    { "nothing to fill", "No", "x", "No (id ID)" },
};

static void test_fill(void **state)
{
    struct arena *arena = arena_new(1000);

    (void)state;
    for (size_t i = 0; i < sizeof(fills) / sizeof(fills[0]); i++) {
        struct reply_marks marks = { .list = "zen", .reason = fills[i].reason, .id = "ID", .score = 6.5 };

        assert_string_equal(reply_fill(arena, fills[i].template, &marks), fills[i].want);
    }
    arena_free(&arena);
}

static const struct { const char *name, *replies, *want; } codes[] = {
    { "plain", "Go away", "action=REJECT 5.7.1 Go away (id 0123456789ABC)" },
    { "with a code", "554 5.7.0 Go away", "action=554 5.7.0 Go away (id 0123456789ABC)" },
    { "with a code alone", "550 Go away", "action=550 5.7.1 Go away (id 0123456789ABC)" },
};

static void test_codes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        char yaml[300];
        struct asked a;

        snprintf(yaml, sizeof(yaml), "replies: {denied: \"%s\"}\npolicy: {rules: {deny: {clients: [192.0.2.1]}}}\n", codes[i].replies);
        rig_open(yaml);
        a = rig_ask("");
        if (strcmp(a.answer, codes[i].want) != 0)
            fail_msg("%s: %s", codes[i].name, a.answer);
        rig_close();
    }
}

/* A score that is only high enough for "later" is never worded as a 5xx. */
static void test_code_of_the_other_class(void **state)
{
    (void)state;
    rig_open(NULL);
    dns_list("bl.example");
    dns_set("1.2.0.192.bl.example", DNSC_A, DNSC_FOUND, "127.0.0.2", 0);
    rig_load("replies: {listed: \"554 5.7.1 Listed by %l\"}\npolicy: {score: {defer: 3, reject: 9}, dnsbl: [{name: zen, zone: bl.example}]}\n");
    assert_string_equal(rig_ask("").answer, "action=450 4.7.1 Listed by zen (id 0123456789ABC)");
    rig_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fill), cmocka_unit_test(test_codes), cmocka_unit_test(test_code_of_the_other_class),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

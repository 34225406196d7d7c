/* test_poison.c - which messages are known to kill, and what is advised.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>

#include "cfilter/poison.h"

static struct poison_record record_of(span message, enum scan_outcome outcome, int64_t tries, int64_t first_ms, int64_t last_ms)
{
    struct poison_record r = { .outcome = outcome, .tries = tries, .first_ms = first_ms, .last_ms = last_ms };

    poison_key_of(message, &r.key);
    return r;
}

static const struct { const char *name; span kept, asked; bool same; } rows[] = {
    { "the same", SPAN("A: b\r\n\r\nbody\r\n"), SPAN("A: b\r\n\r\nbody\r\n"), true },
    { "another header", SPAN("A: b\r\n\r\nbody\r\n"), SPAN("Received: x\r\nA: c\r\n\r\nbody\r\n"), true },
    { "another body of that length", SPAN("A: b\r\n\r\nbody\r\n"), SPAN("A: b\r\n\r\nbodY\r\n"), false },
    { "a longer body", SPAN("A: b\r\n\r\nbody\r\n"), SPAN("A: b\r\n\r\nbody\r\n\r\n"), false },
    { "another trace, signed anew", SPAN("Received: 1\r\nSubject: b\r\n\r\nbody\r\n"), SPAN("Received: 2\r\nDKIM-Signature: 3\r\nSubject: b\r\n\r\nbody\r\n"), true },
    { "no body, another trace", SPAN("X-Gatepost: 1\r\nReceived: 1\r\nFrom: b\r\n"), SPAN("X-Gatepost: 2\r\nReceived: 2\r\nFrom: b\r\n"), true },
    { "no body, another header", SPAN("Received: 1\r\nFrom: b\r\n"), SPAN("Received: 1\r\nFrom: c\r\n"), false },
    { "another message of the same words", SPAN("Message-ID: <1@x>\r\n\r\nbody\r\n"), SPAN("message-id: <2@x>\r\n\r\nbody\r\n"), false },
    { "another subject", SPAN("Subject: 1\r\n\r\nbody\r\n"), SPAN("Subject: 2\r\n\r\nbody\r\n"), false },
    { "nothing", SPAN(""), SPAN(""), true },
};

static void test_recognised(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct poison *p = poison_new();
        struct poison_record r = record_of(rows[i].kept, SCAN_CRASHED, 1, 0, 0);
        assert_null(poison_find(p, rows[i].asked));
        poison_put(p, &r);
        if ((poison_find(p, rows[i].asked) != NULL) != rows[i].same)
            fail_msg("%s", rows[i].name);
        poison_forget(p, &r.key);
        assert_null(poison_find(p, rows[i].kept));
        poison_free(&p);
    }
    assert_null(poison_find(NULL, SPAN("A: b\r\n")));
}

/* Full: what was tried longest ago is forgotten first. */
static void test_full(void **state)
{
    struct poison *p = poison_new();
    char text[40];

    (void)state;
    for (int i = 0; i < POISON_MAX + 5; i++) {
        snprintf(text, sizeof text, "A: b\r\n\r\n%d", i);
        struct poison_record r = record_of(span_str(text), SCAN_CRASHED, 1, i, i != 3 ? i : 5000);
        poison_put(p, &r);
        poison_put(p, &r);
        assert_non_null(poison_find(p, span_str(text)));
    }
    assert_int_equal(poison_count(p), POISON_MAX);
    assert_null(poison_find(p, SPAN("A: b\r\n\r\n2")));
    assert_non_null(poison_find(p, SPAN("A: b\r\n\r\n3")));
    assert_null(poison_find(p, SPAN("A: b\r\n\r\n5")));
    assert_non_null(poison_find(p, SPAN("A: b\r\n\r\n6")));
    poison_free(&p);
}

static const struct { const char *name; enum scan_outcome outcome; bool apart; int64_t tries, first_ms, last_ms, now_ms; enum poison_advice want; } advices[] = {
    { "once, among others", SCAN_CRASHED, false, 1, 0, 0, 0, POISON_APART },
    { "just now", SCAN_CRASHED, true, 2, 0, 0, 59999, POISON_WAIT },
    { "after the pause", SCAN_CRASHED, true, 2, 0, 0, 60000, POISON_APART },
    { "hung", SCAN_TIMED_OUT, true, 2, 0, 500000, 600000, POISON_APART },
    { "answered nonsense", SCAN_GARBAGE, true, 2, 0, 599999, 600000, POISON_WAIT },
    { "often enough", SCAN_CRASHED, true, 3, 0, 0, 1, POISON_ENOUGH },
    { "long enough", SCAN_CRASHED, true, 1, 0, 0, 14400000, POISON_ENOUGH },
    { "often, but never by itself", SCAN_CRASHED, false, 9, 0, 0, 14400000, POISON_APART },
    { "not quite", SCAN_CRASHED, true, 1, 0, 0, 14399999, POISON_APART },
    { "the clock was set back", SCAN_CRASHED, true, 2, 0, 999999999, 5, POISON_APART },
    { "no worker was hurt", SCAN_DONE, true, 9, 0, 0, 1, POISON_NONE },
};

static void test_advice(void **state)
{
    const struct set_unscannable set = { UNSCANNABLE_REJECT, 3, 4 * 3600 * 1000, 60 * 1000 };

    (void)state;
    for (size_t i = 0; i < sizeof advices / sizeof advices[0]; i++) {
        struct poison_record r = record_of(SPAN(""), advices[i].outcome, advices[i].tries, advices[i].first_ms, advices[i].last_ms);
        r.apart = advices[i].apart;
        if (poison_advice(&r, &set, advices[i].now_ms) != advices[i].want)
            fail_msg("%s", advices[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_recognised), cmocka_unit_test(test_full), cmocka_unit_test(test_advice) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

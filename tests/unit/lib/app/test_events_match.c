/* test_events_match.c - does a record name an address?
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/app/events_match.h"

static void test_names(void **state)
{
    static const struct { const char *name, *line, *needle; bool want, contains; } rows[] = {
        { "a value", "{\"rcpt\":\"bob@example.com\"}", "bob@example.com", true, true },
        { "other case", "{\"rcpt\":\"BOB@Example.COM\"}", "bob@exaMple.com", true, true },
        { "in words", "{\"reason\":\"<bob@example.com>: gone\"}", "bob@example.com", true, true },
        { "end of a sentence", "{\"reason\":\"unknown bob@example.com.\"}", "bob@example.com", true, true },
        { "behind an equals sign", "rcpt=bob@example.com ", "bob@example.com", true, true },
        { "longer local part", "{\"rcpt\":\"jimbob@example.com\"}", "bob@example.com", false, true },
        { "dotted local part", "{\"rcpt\":\"jim.bob@example.com\"}", "bob@example.com", false, true },
        { "extension", "{\"rcpt\":\"x+bob@example.com\"}", "bob@example.com", false, true },
        { "longer domain", "{\"rcpt\":\"bob@example.com.evil.example\"}", "bob@example.com", false, true },
        { "longer label", "{\"rcpt\":\"bob@example.community\"}", "bob@example.com", false, true },
        { "first a longer one, then the very one", "jimbob@example.com, bob@example.com", "bob@example.com", true, true },
        { "behind a JSON escape", "{\"reason\":\"a\\nbob@example.com\"}", "bob@example.com", true, true },
        { "behind a JSON number escape", "{\"reason\":\"a\\u001bbob@example.com\"}", "bob@example.com", true, true },
        { "no address", "{\"client\":\"192.0.2.7\"}", "192.0.2.7", true, true },
        { "longer address", "{\"client\":\"192.0.2.70\"}", "192.0.2.7", false, true },
        { "word without @", "{\"rcpt\":\"Postmaster\"}", "postmaster", true, true },
        { "at the end of the line", "bob@example.com", "bob@example.com", true, true },
        { "cut", "bob@example.co", "bob@example.com", false, false },
        { "empty line", "", "bob@example.com", false, false },
        { "empty needle", "x", "", false, true },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        span line = span_str(rows[i].line), needle = span_str(rows[i].needle);

        if (events_names(line, needle) != rows[i].want || events_contains(line, needle) != rows[i].contains)
            fail_msg("%s", rows[i].name);
    }
}

static void test_escape(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 100);
    events_escape(SPAN("\"a b\"\\@x"), &b);
    assert_string_equal(buf_cstr(&b), "\\\"a b\\\"\\\\@x");
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_names), cmocka_unit_test(test_escape) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_json_out.c - what is written is JSON, whatever the bytes; libjansson reads it back.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "lib/base/json_out.h"

static void test_whole_object(void **state)
{
    struct json_out j;
    struct buf b;

    (void)state;
    buf_init(&b, 4096);
    json_begin(&j, &b);
    json_str(&j, "s", SPAN("a\"b\\c\n\x01\x7f/"));
    json_cstr(&j, "none", NULL);
    json_int(&j, "i", INT64_MIN);
    json_bool(&j, "t", true);
    json_array_begin(&j, "list");
    json_int(&j, NULL, 1);
    json_object_begin(&j, NULL);
    json_object_end(&j);
    json_bool(&j, NULL, false);
    json_array_end(&j);
    json_object_begin(&j, "o");
    json_cstr(&j, "k", "v");
    json_object_end(&j);
    json_array_begin(&j, "empty");
    json_array_end(&j);
    json_end(&j);
    assert_string_equal(buf_cstr(&b), "{\"s\":\"a\\\"b\\\\c\\n\\u0001\\u007f/\",\"none\":null,\"i\":-9223372036854775808,\"t\":true,"
                                      "\"list\":[1,{},false],\"o\":{\"k\":\"v\"},\"empty\":[]}");
    buf_free(&b);
}

static void test_numbers(void **state)
{
    static const struct { double in; const char *want; } rows[] = {
        { 0, "{\"n\":0}" },          { -0.0, "{\"n\":0}" },     { 6.5, "{\"n\":6.5}" },     { 100, "{\"n\":100}" },
        { -0.0004, "{\"n\":0}" },    { -0.25, "{\"n\":-0.25}" }, { 1.9996, "{\"n\":2}" },   { 0.001, "{\"n\":0.001}" },
        { NAN, "{\"n\":null}" },     { -INFINITY, "{\"n\":null}" }, { 1e18, "{\"n\":1000000000000000000}" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct json_out j;
        struct buf b;

        buf_init(&b, 4096);
        json_begin(&j, &b);
        json_num(&j, "n", rows[i].in);
        json_end(&j);
        assert_string_equal(buf_cstr(&b), rows[i].want);
        buf_free(&b);
    }
}

static void test_utf8(void **state)
{
    static const struct { const char *name; span in; const char *want; } rows[] = {
        { "umlaut",          SPAN("\xc3\xa4"),         "\xc3\xa4" },
        { "four bytes",      SPAN("\xf0\x9f\x98\x80"), "\xf0\x9f\x98\x80" },
        { "latin-1",         SPAN("\xe4x"),            "\xef\xbf\xbdx" },
        { "overlong slash",  SPAN("\xc0\xaf"),         "\xef\xbf\xbd\xef\xbf\xbd" },
        { "surrogate",       SPAN("\xed\xa0\x80"),     "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
        { "beyond U+10FFFF", SPAN("\xf4\x90\x80\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
        { "cut off",         SPAN("a\xe2\x82"),        "a\xef\xbf\xbd\xef\xbf\xbd" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct json_out j;
        struct buf b;
        json_t *read;

        print_message("%s\n", rows[i].name);
        buf_init(&b, 4096);
        json_begin(&j, &b);
        json_str(&j, "s", rows[i].in);
        json_end(&j);
        read = json_loads(buf_cstr(&b), 0, NULL);
        assert_non_null(read);
        assert_string_equal(json_string_value(json_object_get(read, "s")), rows[i].want);
        json_decref(read);
        buf_free(&b);
    }
}

/* Any bytes at all: a JSON reader that insists on UTF-8 takes the result. */
static void test_any_bytes(void **state)
{
    (void)state;
    srandom(3);
    for (int round = 0; round < 2000; round++) {
        struct json_out j;
        struct buf b;
        char in[40];
        json_t *read;

        for (size_t i = 0; i < sizeof(in); i++)
            in[i] = (char)(random() % 3 == 0 ? 0xc0 + random() % 64 : random());
        buf_init(&b, 4096);
        json_begin(&j, &b);
        json_str(&j, "s", (span){ in, (size_t)random() % sizeof(in) });
        json_end(&j);
        read = json_loadb(buf_span(&b).p, b.len, JSON_ALLOW_NUL, NULL);
        assert_non_null(read);
        json_decref(read);
        buf_free(&b);
    }
}

static void test_overflow_is_told(void **state)
{
    struct json_out j;
    struct buf b;

    (void)state;
    buf_init(&b, 12);
    json_begin(&j, &b);
    json_cstr(&j, "key", "a long value");
    json_end(&j);
    assert_true(b.overflow);
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_object), cmocka_unit_test(test_numbers),          cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_any_bytes),    cmocka_unit_test(test_overflow_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

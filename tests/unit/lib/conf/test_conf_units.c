/* test_conf_units.c - durations, sizes, rates and numbers.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "lib/conf/conf_units.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define NOT (-1)

static void test_duration(void **state)
{
    static const struct { const char *text; int64_t want; const char *again, *guess; } rows[] = {
        { "0", 0, "0", NULL },
        { "100ms", 100, "100ms", NULL },
        { "1000ms", 1000, "1s", NULL },
        { "5s", 5000, "5s", NULL },
        { "90s", 90000, "90s", NULL },
        { "10m", 600000, "10m", NULL },
        { "2h", 7200000, "2h", NULL },
        { "1d", 86400000, "1d", NULL },
        { "48h", 172800000, "2d", NULL },
        { "104249991d", 104249991LL * 86400000, "104249991d", NULL },
        { "104249992d", NOT, NULL, "5m" },   /* beyond 2^53 ms */
        { "99999999999999999999d", NOT, NULL, "5m" },
        { "", NOT, NULL, "5m" },
        { "5", NOT, NULL, "5s" },
        { "5 minuts", NOT, NULL, "5m" },
        { "5 m", NOT, NULL, "5m" },
        { "5M", NOT, NULL, "5m" },
        { "3 weeks", NOT, NULL, "21d" },
        { "2 milliseconds", NOT, NULL, "2ms" },
        { "2 months", NOT, NULL, "5m" },
        { "-5s", NOT, NULL, "5m" },
        { "1.5h", NOT, NULL, "5m" },
        { "1h30m", NOT, NULL, "1h" },
        { "s", NOT, NULL, "5m" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t got = NOT;
        struct buf again;

        buf_init(&again, 100);
        if (conf_duration_parse(span_str(rows[i].text), &got))
            conf_duration_format(got, &again);
        else
            conf_duration_guess(span_str(rows[i].text), "5m", &again);
        if (got != rows[i].want || strcmp(buf_cstr(&again), rows[i].again != NULL ? rows[i].again : rows[i].guess) != 0)
            fail_msg("\"%s\": %lld, \"%s\"", rows[i].text, (long long)got, buf_cstr(&again));
        buf_free(&again);
    }
}

static void test_size(void **state)
{
    static const struct { const char *text; int64_t want; const char *again, *guess; } rows[] = {
        { "0", 0, "0", NULL },
        { "512", 512, "512", NULL },
        { "1024", 1024, "1k", NULL },
        { "100k", 102400, "100k", NULL },
        { "100K", 102400, "100k", NULL },
        { "25M", 25 << 20, "25M", NULL },
        { "1G", 1LL << 30, "1G", NULL },
        { "8192T", 1LL << 53, "8192T", NULL },
        { "8193T", NOT, NULL, "1M" },
        { "25 MB", NOT, NULL, "25M" },
        { "25MiB", NOT, NULL, "25M" },
        { "", NOT, NULL, "1M" },
        { "M", NOT, NULL, "1M" },
        { "-1", NOT, NULL, "1M" },
        { "25 apples", NOT, NULL, "1M" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t got = NOT;
        struct buf again;

        buf_init(&again, 100);
        if (conf_size_parse(span_str(rows[i].text), &got))
            conf_size_format(got, &again);
        else
            conf_size_guess(span_str(rows[i].text), "1M", &again);
        if (got != rows[i].want || strcmp(buf_cstr(&again), rows[i].again != NULL ? rows[i].again : rows[i].guess) != 0)
            fail_msg("\"%s\": %lld, \"%s\"", rows[i].text, (long long)got, buf_cstr(&again));
        buf_free(&again);
    }
}

static void test_rate(void **state)
{
    static const struct { const char *text; int64_t count, per_ms; const char *again, *guess; } rows[] = {
        { "100/h", 100, 3600000, "100/h", NULL },
        { "3/10m", 3, 600000, "3/10m", NULL },
        { "3/1m", 3, 60000, "3/m", NULL },
        { "5/ms", 5, 1, "5/ms", NULL },
        { "1/60s", 1, 60000, "1/m", NULL },
        { "0/h", 0, 0, NULL, "1/h" },
        { "5/0", 0, 0, NULL, "1/h" },
        { "5/0s", 0, 0, NULL, "1/h" },
        { "5", 0, 0, NULL, "1/h" },
        { "/h", 0, 0, NULL, "1/h" },
        { "5/", 0, 0, NULL, "1/h" },
        { "5 per hour", 0, 0, NULL, "5/h" },
        { "5 / day", 0, 0, NULL, "5/d" },
        { "5/h/h", 0, 0, NULL, "5/h" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct conf_rate got = { 0 };
        struct buf again;

        buf_init(&again, 100);
        if (conf_rate_parse(span_str(rows[i].text), &got))
            conf_rate_format(&got, &again);
        else
            conf_rate_guess(span_str(rows[i].text), "1/h", &again);
        if (got.count != rows[i].count || got.per_ms != rows[i].per_ms ||
            strcmp(buf_cstr(&again), rows[i].again != NULL ? rows[i].again : rows[i].guess) != 0)
            fail_msg("\"%s\": %lld per %lld, \"%s\"", rows[i].text, (long long)got.count, (long long)got.per_ms, buf_cstr(&again));
        buf_free(&again);
    }
}

static void test_number(void **state)
{
    static const struct { const char *text; bool good; double want; const char *again; } rows[] = {
        { "0", true, 0, "0" },
        { "-0", true, 0, "0" },
        { "5", true, 5, "5" },
        { "-2.5", true, -2.5, "-2.5" },
        { "0.1", true, 0.1, "0.1" },
        { "0.000001", true, 1e-6, "0.000001" },
        { "3.140000", true, 3.14, "3.14" },
        { "999999999.999999", true, 999999999.999999, "999999999.999999" },
        { "1000000000", false, 0, "" },
        { "0.0000001", false, 0, "" },
        { ".5", false, 0, "" },
        { "5.", false, 0, "" },
        { "1e3", false, 0, "" },
        { "0x10", false, 0, "" },
        { "inf", false, 0, "" },
        { "nan", false, 0, "" },
        { "--1", false, 0, "" },
        { "", false, 0, "" },
        { "1,5", false, 0, "" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        double got = 0;
        struct buf again;

        buf_init(&again, 100);
        if (conf_number_parse(span_str(rows[i].text), &got) != rows[i].good)
            fail_msg("\"%s\"", rows[i].text);
        if (rows[i].good)
            conf_number_format(got, &again);
        if (got != rows[i].want || strcmp(buf_cstr(&again), rows[i].again) != 0)
            fail_msg("\"%s\": %f, \"%s\"", rows[i].text, got, buf_cstr(&again));
        buf_free(&again);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_duration),
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_rate),
        cmocka_unit_test(test_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

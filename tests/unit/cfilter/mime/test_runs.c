/* test_runs.c - runs of base64 in a text.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>

#include "cfilter/mime/runs.h"
#include "lib/base/buf.h"

#define L40 "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB"

/* want: each run's candidates as "offset+length", "," between them and ";" behind each run. */
static const struct { const char *name; span in; const char *want; } rows[] = {
    { "prose", SPAN("the quick brown fox jumps over the lazy dog\r\nand so on, until the end\r\n"), "" },
    { "one word", SPAN("see " L40 " there"), "4+40;" },
    { "short word", SPAN("see QUFBQUFBQUFB there"), "" },
    { "data URI", SPAN("<a href=\"data:x/y;base64," L40 "\">"), "25+40;" },
    { "lines", SPAN("text\r\n\r\n" L40 "\r\nQUFB\r\n\r\nbye, bye\r\n"), "0+54,8+46;" },
    { "short groups", SPAN("QUFB\r\nQUFB\r\nQUFB\r\nQUFB\r\nQUFB\r\nQUFB\r\nQUFB\r\nQUFB\r\n"), "0+46;" },
    { "word of a field before", SPAN("Content-Transfer-Encoding: base64\r\n" L40 "\r\nQUFB\r\n"), "35+46;" },
    { "word on a line before", SPAN("Hello\r\n" L40 "\r\n" L40 "\r\n"), "0+89,7+82;" },
    { "word on a line behind", SPAN(L40 "\r\n" L40 "\r\nQUE=\r\nBye\r\n"), "0+93,0+88;" },
    { "row of dashes", SPAN("----------------------------------------------------------------\r\n"), "" },
    { "URL alphabet", SPAN("x QUFB-QUFB_QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB y"), "2+42;" },
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf got;
        struct run run;
        buf_init(&got, 1000);
        for (size_t at = 0; run_next(rows[i].in, &at, &run);) {
            for (size_t k = 0; k < run.n; k++)
                buf_printf(&got, "%s%zu+%zu", k > 0 ? "," : "", (size_t)(run.candidate[k].p - rows[i].in.p), run.candidate[k].n);
            buf_append_char(&got, ';');
        }
        if (strcmp(buf_cstr(&got), rows[i].want) != 0)
            fail_msg("%s: %s", rows[i].name, buf_cstr(&got));
        buf_free(&got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

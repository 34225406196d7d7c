/* test_marks.c - delimiter lines, by boundary.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "cfilter/mime/marks.h"

#define TEXT "x\r\n--b\r\nContent-Type: a/b\r\n\r\n--b  \r\nz\r\n --b\r\n>--b junk\r\n--bb\r\n\r\nContent-ID: x\r\n\r\n--b--\r\n--\r\nend"

static const struct { const char *name; span boundary; enum mark_match how; const char *want; } rows[] = {
    { "exact", SPAN("b"), MARK_EXACT, "0 1 5 " },
    { "exact, blanks at its end", SPAN("b  "), MARK_EXACT, "0 1 5 " },
    { "lenient", SPAN("b"), MARK_LENIENT, "0 1 2 3 4 5 " },
    { "longer", SPAN("bb"), MARK_EXACT, "4 " },
    { "empty", SPAN(""), MARK_EXACT, "6 " },
    { "none", SPAN("c"), MARK_LENIENT, "" },
};

static void test_rows(void **state)
{
    struct marks m;
    struct mark_list l = { 0 };

    (void)state;
    marks_find(SPAN(TEXT), LINES_ANY, &m);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char got[100] = "";
        marks_of(&m, rows[i].boundary, rows[i].how, 0, sizeof TEXT, &l);
        for (size_t k = 0; k < l.n; k++)
            snprintf(got + strlen(got), sizeof got - strlen(got), "%u ", l.v[k]);
        if (strcmp(got, rows[i].want) != 0)
            fail_msg("%s: %s", rows[i].name, got);
    }
    assert_true(mark_opens(&m, 0));
    assert_false(mark_opens(&m, 1));
    assert_true(mark_opens(&m, 4));        /* behind a blank line */
    assert_true(mark_closes(&m, 5, SPAN("b")));
    assert_false(mark_closes(&m, 4, SPAN("b")));
    marks_of(&m, SPAN("b"), MARK_EXACT, 5, sizeof TEXT, &l);
    assert_int_equal(l.n, 2);              /* from there on */
    free(l.v);
    marks_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_fields.c - the header of an entity under every reading.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>

#include "cfilter/mime/fields.h"
#include "lib/base/buf.h"

#define T "Content-Type: a/b\r\n"
#define E "Content-Transfer-Encoding: base64\r\n"

/* fields: kind letter and odd bits of each; bodies: what stands at each place where the body may begin, its first 4 bytes. */
static const struct { const char *name; span in; const char *fields, *bodies; } rows[] = {
    { "plain", SPAN("Subject: x\r\n" T E "\r\nbody"), "T0 E0", "body" },
    { "no header", SPAN("\r\nbody"), "", "body" },
    { "no header, body like a field", SPAN("\r\nab: cd\r\n\r\nefgh"), "", "ab: efgh" },
    { "ends with the data", SPAN(T E), "T0 E0", "" },
    { "line of blanks", SPAN(T E " \t\r\nbody"), "T0 E0", "body" },
    { "no line between", SPAN(T E "TVqQ\r\n"), "T0 E0", "TVqQ" },
    { "goes on behind an empty line", SPAN(T "\r\n" E "\r\nbody"), "T0 E2", "Contbody" },
    { "goes on behind junk", SPAN(T "junk\r\n" E "\r\nbody"), "T0 E2", "junkbody" },
    { "blanks before the colon", SPAN("Content-Type \t: a/b\r\n\r\nbody"), "T4", "body" },
    { "NUL before the colon", SPAN("Content-Type\0: a/b\r\n\r\nbody"), "T12", "body" },
    { "NUL in the body", SPAN("Content-Type: a\0b\r\n\r\nbody"), "T8", "body" },
    { "indented", SPAN(T " " E "\r\nbody"), "T0 E1", "body" },
    { "indented first", SPAN(" " T "\r\nbody"), "T1", "body" },
    { "twice", SPAN(E E "\r\nbody"), "E0 E0", "body" },
    { "upper case", SPAN("CONTENT-TYPE: a/b\r\n\r\nbody"), "T0", "body" },
    { "other field of MIME", SPAN("Content-ID: <x>\r\nMIME-Version: 1.0\r\n\r\nbody"), "O0 V0", "body" },
    { "mbox line", SPAN("From x y\r\n" T "\r\nbody"), "T0", "body" },
    { "behind a lone CR", SPAN("Subject: x\r" T "\r\nbody"), "T16", "body" },
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena *a = arena_new(4096);
        struct header h;
        char fields[200] = "";
        struct buf bodies;
        buf_init(&bodies, 200);
        header_read(rows[i].in, LINES_ANY, a, &h);
        for (size_t k = 0; k < h.n; k++)
            snprintf(fields + strlen(fields), sizeof fields - strlen(fields), "%s%c%u", k > 0 ? " " : "", "TEDVO"[h.v[k].kind], h.v[k].odd);
        for (size_t k = 0; k < h.n_bodies; k++)
            buf_append(&bodies, span_head(span_from(rows[i].in, h.body[k]), 4));
        if (strcmp(fields, rows[i].fields) != 0 || strcmp(buf_cstr(&bodies), rows[i].bodies) != 0)
            fail_msg("%s: fields \"%s\", bodies \"%s\"", rows[i].name, fields, buf_cstr(&bodies));
        buf_free(&bodies);
        arena_free(&a);
    }
}

static void test_folding(void **state)
{
    struct arena *a = arena_new(4096);
    struct header h;

    (void)state;
    header_read(SPAN("Content-Type: a/b;\r\n \r\n boundary=x\r\n\r\nbody"), LINES_ANY, a, &h);
    assert_int_equal(h.n, 1);
    assert_true(span_ends_nocase(h.v[0].body, SPAN("boundary=x")));
    assert_int_equal(h.n_bodies, 2);       /* the line of blanks ends it for some */
    arena_free(&a);
}

static void test_many_fields(void **state)
{
    struct arena *a = arena_new(4096);
    struct buf in;
    struct header h;

    (void)state;
    buf_init(&in, 1000000);
    for (int i = 0; i < 20000; i++)
        buf_append(&in, SPAN("Content-Type: a/b\r\n"));
    header_read(buf_span(&in), LINES_ANY, a, &h);
    assert_int_equal(h.n, FIELDS_MAX);
    assert_true(h.full);                   /* told */
    assert_int_equal(h.n_lines, 20000);
    buf_free(&in);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_folding),
        cmocka_unit_test(test_many_fields),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

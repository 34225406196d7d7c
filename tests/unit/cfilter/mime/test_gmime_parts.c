/* test_gmime_parts.c - GMime's reading as a flat list.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "cfilter/mime/parts.h"
#include "lib/base/buf.h"

static const struct mime_limits usual = { .max_parts = 100, .max_depth = 20, .max_decoded_bytes = 100000 };
static const struct mime_limits two_parts = { .max_parts = 2, .max_depth = 20, .max_decoded_bytes = 100000 };
static const struct mime_limits flat = { .max_parts = 100, .max_depth = 1, .max_decoded_bytes = 100000 };
static const struct mime_limits few_bytes = { .max_parts = 100, .max_depth = 20, .max_decoded_bytes = 12 };

#define MIXED(b) "Content-Type: multipart/mixed; boundary=" b "\r\n\r\n"
#define TWO MIXED("x") "--x\r\nContent-Type: text/html\r\n\r\n<p>\r\n--x\r\nContent-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n--x--\r\n"

/* want: "type[depth]:bytes|" of each part, '*' for a decoded one, '!' and the limit at the end. */
static const struct { const char *name, *message; const struct mime_limits *limits; const char *want; } rows[] = {
    { "no MIME at all", "Subject: x\r\n\r\nbody\r\n", &usual, "text/plain[0]:body\r\n|" },
    { "two parts", TWO, &usual, "text/html[1]:<p>|text/plain[1]*:hello|" },
    { "quoted-printable", "Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\na=3Db=\r\nc", &usual,
      "text/plain[0]*:a=bc|" },
    { "nested message", MIXED("x") "--x\r\nContent-Type: message/rfc822\r\n\r\nContent-Type: a/b\r\n\r\ninner\r\n--x--\r\n", &usual,
      "a/b[2]:inner|" },
    { "nested message, encoded", "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n"
      "Q29udGVudC1UeXBlOiBhL2INCg0KaW5uZXI=\r\n", &usual, "message/rfc822[0]*:Content-Type: a/b\r\n\r\ninner|a/b[1]:inner|" },
    { "missing end", MIXED("x") "--x\r\n\r\nrest", &usual, "text/plain[1]:rest|" },
    { "empty", "", &usual, "" },
    { "too many parts", MIXED("x") "--x\r\n\r\n1\r\n--x\r\n\r\n2\r\n--x\r\n\r\n3\r\n--x--\r\n", &two_parts, "!parts" },
    { "too deep", MIXED("x") "--x\r\n" MIXED("y") "--y\r\n\r\n1\r\n--y--\r\n--x--\r\n", &flat, "!depth" },
    { "too many bytes", TWO "", &few_bytes, "text/html[1]:<p>|text/plain[1]*:hello|" },
    { "too many bytes for the second", MIXED("x") "--x\r\nContent-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n"
      "--x\r\nContent-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n--x--\r\n", &few_bytes, "text/plain[1]*:hello|!bytes" },
};

static void describe(const struct mime_parts *p, struct buf *b)
{
    for (size_t i = 0; i < p->n; i++)
        buf_printf(b, "%s[%u]%s:%.*s|", p->v[i].type, p->v[i].depth, p->v[i].encoded ? "*" : "", SPAN_ARG(p->v[i].bytes));
    if (p->limit != NULL)
        buf_printf(b, "!%s", p->limit);
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mime_parts *p = gmime_parts(span_str(rows[i].message), rows[i].limits);
        struct buf b;
        buf_init(&b, 4096);
        describe(p, &b);
        bool only_limit = rows[i].want[0] == '!';
        const char *got = only_limit && strchr(buf_cstr(&b), '!') != NULL ? strchr(buf_cstr(&b), '!') : buf_cstr(&b);
        if (strcmp(got, rows[i].want) != 0)
            fail_msg("%s: %s", rows[i].name, buf_cstr(&b));
        buf_free(&b);
        mime_parts_free(&p);
    }
}

static void test_piece_of_a_message(void **state)
{
    struct mime_parts *p = gmime_parts(SPAN("Content-Type: message/partial; id=a; number=1; total=2\r\n\r\npiece\r\n"), &usual);

    (void)state;
    assert_int_equal(p->n, 1);
    assert_true(p->v[0].partial);
    mime_parts_free(&p);
}

static int start(void **state)
{
    (void)state;
    gmime_start();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows), cmocka_unit_test(test_piece_of_a_message) };
    return cmocka_run_group_tests(tests, start, NULL);
}

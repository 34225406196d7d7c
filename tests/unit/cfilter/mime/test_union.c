/* test_union.c - our own reader: which outputs come of a message, which shapes and limits are told.
 *
 * The families of odd MIME are read by tests/e2e/test_mime.py, all of them; here is one of each kind, and what must not come.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>

#include "cfilter/mime/union.h"
#include "lib/base/buf.h"

/* "the secret file, forty-four bytes in all :-)" */
#define FILE_TEXT "the secret file, forty-four bytes in all :-)"
#define FILE_64 "dGhlIHNlY3JldCBmaWxlLCBmb3J0eS1mb3VyIGJ5dGVzIGluIGFsbCA6LSk=\r\n"
#define TOP "From: a@example.org\r\nSubject: x\r\nMIME-Version: 1.0\r\n"
#define MIXED TOP "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
#define OCTETS "Content-Type: application/octet-stream\r\n"
#define B64 "Content-Transfer-Encoding: base64\r\n"
#define QP "Content-Transfer-Encoding: quoted-printable\r\n"
#define END "\r\n--b--\r\n"

struct found {
    span wanted;
    bool there, declared;
    size_t n;
};

static bool take(const struct union_output *o, void *arg)
{
    struct found *f = arg;

    f->n++;
    if (o->exact && span_eq(o->bytes, f->wanted)) {
        f->there = true;
        f->declared |= o->declared;
    }
    return true;
}

static struct union_limits limits(void)
{
    return (struct union_limits){ .max_parts = 1000, .max_depth = 20, .max_decoded_bytes = 10000000, .key = { 1, 2 } };
}

enum { NO, YES, DECLARED };

static const struct { const char *name; span in; int want; unsigned shapes; } rows[] = {
    { "plain part", SPAN(MIXED "--b\r\n" OCTETS B64 "\r\n" FILE_64 END), DECLARED, 0 },
    { "identity", SPAN(MIXED "--b\r\n" OCTETS "\r\n" FILE_TEXT END), DECLARED, 0 },
    { "whole body", SPAN(TOP "\r\n" FILE_TEXT), DECLARED, 0 },
    { "whole body with a line end", SPAN(TOP "\r\n" FILE_TEXT "\r\n"), DECLARED, 0 },
    { "nothing there", SPAN(MIXED "--b\r\n" OCTETS "\r\nsomething else" END), NO, 0 },
    { "no blank line", SPAN(MIXED "--b\r\n" OCTETS B64 FILE_64 END), DECLARED, 0 },
    { "encoding behind an empty line", SPAN(MIXED "--b\r\n" OCTETS "\r\n" B64 "\r\n" FILE_64 END), YES, 0 },
    { "no encoding", SPAN(MIXED "--b\r\n" OCTETS "\r\n" FILE_64 END), YES, 0 },
    { "base64 in text", SPAN(TOP "\r\nHello,\r\n\r\n" FILE_64 "\r\nbye, bye\r\n"), YES, 0 },
    { "quoted-printable undeclared", SPAN(MIXED "--b\r\n" OCTETS "\r\nthe secret=20file, forty-fo=\r\nur bytes in all :-)" END), YES, 0 },
    { "delimiter with junk", SPAN(MIXED "--b\r\n\r\nx\r\n --b junk\r\n" OCTETS "\r\n" FILE_TEXT END), YES, 0 },
    { "boundary wrong", SPAN(TOP "Content-Type: multipart/mixed; boundary=c\r\n\r\n--b\r\n" OCTETS "\r\n" FILE_TEXT END), YES, 0 },
    { "behind the end", SPAN(MIXED "--b\r\n\r\nx" END "--b\r\n" OCTETS "\r\n" FILE_TEXT END), YES, 0 },
    { "base64 on a multipart", SPAN(MIXED "--b\r\nContent-Type: multipart/mixed; boundary=c\r\n" B64 "\r\n"
      "LS1jDQpDb250ZW50LVR5cGU6IGEvYg0KDQp0aGUgc2VjcmV0IGZpbGUsIGZvcnR5LWZvdXIgYnl0\r\nZXMgaW4gYWxsIDotKQ0KLS1jLS0NCg==\r\n" END), YES, 0 },
    { "UTF-16", SPAN(TOP "Content-Type: text/plain; charset=utf-16le\r\n" B64 "\r\n"
      "dABoAGUAIABzAGUAYwByAGUAdAAgAGYAaQBsAGUALAAgAGYAbwByAHQAeQAtAGYAbwB1AHIAIABi\r\nAHkAdABlAHMAIABpAG4AIABhAGwAbAAgADoALQApAA==\r\n"), YES, 0 },
    { "UTF-16 in quoted-printable undeclared", SPAN(MIXED "--b\r\nContent-Type: text/plain; charset=utf-16be\r\n\r\n"
      "=00t=00h=00e=00 =00s=00e=00c=00r=00e=00t=00 =00f=00i=00l=00e=00,=00 =00f=00o=00r=00t=00y=00-=0"
      "0f=00o=00u=00r=00 =00b=00y=00t=00e=00s=00 =00i=00n=00 =00a=00l=00l=00 =00:=00-=00)" END), YES, 0 },
    { "compressed S/MIME", SPAN(TOP "Content-Type: application/pkcs7-mime; smime-type=compressed-data\r\n" B64 "\r\n"
      "MIIAigYLKoZIhvcNAQkQAQmgezB5AgEAMA0GCyqGSIb3DQEJEAMIMGUGCSqGSIb3DQEHAaBYBFZ4\r\n"
      "2gXBQQqAIBAF0L3gHWYbJO3ddoUuYPKlAXNEfwtv33unNaIxXKsjSuq9ak5Ua4dlgmFyIL3eeccH\r\n"
      "MpEHKEUrdik2uEKxb8i9iCnaJNUqMWw/SXweJQ==\r\n"), DECLARED, 0 },
    { "lone CR ends the header", SPAN(MIXED "--b\r\n" OCTETS QP "\rthe secret=20file, forty-four bytes in all :-)" END), DECLARED, 0 },
    { "field behind a lone CR", SPAN(MIXED "--b\r\n" OCTETS "X: y\r" B64 "\r\n" FILE_64 END), YES, SHAPE_LONE_CR },
    { "NUL in a field", SPAN(MIXED "--b\r\n" OCTETS "Content-Transfer-Encoding: base64\0\r\n\r\n" FILE_64 END), DECLARED, SHAPE_NUL_IN_FIELD },
    { "two encodings", SPAN(MIXED "--b\r\n" OCTETS B64 QP "\r\n" FILE_64 END), DECLARED, SHAPE_ENCODING_TWICE },
    { "the same encoding twice", SPAN(MIXED "--b\r\n" OCTETS B64 B64 "\r\n" FILE_64 END), DECLARED, 0 },
    { "two boundaries", SPAN(TOP "Content-Type: multipart/mixed; boundary=a; boundary=b\r\n\r\n--b\r\n" OCTETS "\r\n" FILE_TEXT END), YES, SHAPE_BOUNDARY_TWICE },
    { "partial", SPAN(TOP "Content-Type: message/partial; id=x; number=1\r\n\r\n" OCTETS B64 "\r\n" FILE_64), YES, SHAPE_PARTIAL },
    { "partial in an attached message", SPAN(MIXED "--b\r\nContent-Type: message/rfc822\r\n\r\n" TOP "Content-Type: message/partial; id=x\r\n\r\nx" END), NO, 0 },
    { "lone CRs in a body", SPAN(MIXED "--b\r\n\r\n1%\r2%\r3%\r\n" END), NO, 0 },
    { "NUL in a body", SPAN(MIXED "--b\r\n\r\na\0b\r\n" END), NO, 0 },
    { "two types of text", SPAN(TOP "Content-Type: text/plain\r\nContent-Type: text/html\r\n\r\nx\r\n"), NO, 0 },
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct union_limits l = limits();
        struct found f = { .wanted = SPAN(FILE_TEXT) };
        struct union_report r;
        union_read(rows[i].in, &l, take, &f, &r);
        int got = f.declared ? DECLARED : f.there ? YES : NO;
        if (got != rows[i].want || r.shapes != rows[i].shapes || r.limit != NULL)
            fail_msg("%s: %d, shapes %u, limit %s", rows[i].name, got, r.shapes, r.limit != NULL ? r.limit : "none");
    }
}

static void test_each_output_once(void **state)
{
    struct union_limits l = limits();
    struct found f = { .wanted = SPAN(FILE_TEXT) };
    struct union_report r;

    (void)state;
    union_read(SPAN(MIXED "--b\r\n" OCTETS B64 "\r\n" FILE_64 "--b\r\n" OCTETS B64 "\r\n" FILE_64 END), &l, take, &f, &r);
    assert_true(f.declared);
    assert_int_equal(f.n, 1);
}

static bool refuse(const struct union_output *o, void *arg)
{
    (void)o;
    ++*(int *)arg;
    return false;
}

static void test_the_sink_may_stop(void **state)
{
    struct union_limits l = limits();
    struct union_report r;
    int calls = 0;

    (void)state;
    union_read(SPAN(MIXED "--b\r\n" OCTETS "\r\none\r\n--b\r\n" OCTETS "\r\ntwo" END), &l, refuse, &calls, &r);
    assert_int_equal(calls, 1);
    assert_null(r.limit);
}

static void test_limits_are_told(void **state)
{
    struct union_limits l = limits();
    struct found f = { .wanted = SPAN(FILE_TEXT) };
    struct union_report r;
    struct buf in;

    (void)state;
    buf_init(&in, 1000000);
    buf_append(&in, SPAN(MIXED));
    for (int i = 0; i < 2000; i++)
        buf_append(&in, SPAN("--b\r\n\r\nx\r\n"));
    union_read(buf_span(&in), &l, take, &f, &r);
    assert_string_equal(r.limit, "parts");
    l.max_parts = 10000;
    union_read(buf_span(&in), &l, take, &f, &r);
    assert_null(r.limit);
    l.max_decoded_bytes = 1000;
    union_read(buf_span(&in), &l, take, &f, &r);
    assert_string_equal(r.limit, "bytes");
    l = limits();
    l.max_depth = 0;
    union_read(SPAN(TOP "Content-Type: message/rfc822\r\n" B64 "\r\n" "Q29udGVudC1UeXBlOiBhL2INCg0KaW5uZXI=\r\n"), &l, take, &f, &r);
    assert_string_equal(r.limit, "depth");
    buf_free(&in);
}

/* ---- what grows with what ---- */

static size_t work_of(const char *head, const char *again, const char *step, size_t times)
{
    struct union_limits l = { .max_parts = 1000000, .max_depth = 30, .max_decoded_bytes = 1000000000, .key = { 1, 2 } };
    struct found f = { .wanted = SPAN(FILE_TEXT) };
    struct union_report r;
    struct buf in;

    buf_init(&in, 64 << 20);
    buf_append_str(&in, head);
    for (size_t i = 0; i < times; i++) {
        buf_append_str(&in, again);
        buf_printf(&in, step, i, i);
    }
    union_read(buf_span(&in), &l, take, &f, &r);
    assert_null(r.limit);
    buf_free(&in);
    return r.work_bytes + r.decoded_bytes;
}

/* %zu: the number of the step.  A hostile message must not cost the square of its size. */
static const struct { const char *name, *head, *again, *step; size_t times; } growing[] = {
    { "nested messages", "", "Content-Type: message/rfc822\r\n\r\n", "", 300 },
    { "nested multiparts", TOP, "", "Content-Type: multipart/mixed; boundary=b%08zu\r\n\r\n--b%08zu\r\n", 200 },
    { "parts", MIXED, "--b\r\n\r\nx\r\n", "", 2000 },
    { "delimiters of many boundaries", TOP "\r\n", "", "--%zu\r\nContent-Type: a/b\r\n\r\n%zu\r\n", 2000 },
    { "fields in a text", TOP "\r\n", "Content-Type: a/b\r\nx\r\n", "", 8000 },
    { "one line", TOP "\r\n", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "", 2000 },
    { "lone CRs", TOP "\r\n", "\r\r\r\r", "", 10000 },
    { "short lines of base64", TOP "\r\n", "Hello\r\n", "", 10000 },
    { "begin lines", TOP "\r\n", "begin 644 x\r\n#0V%T\r\n", "", 2000 },
};

static void test_cost_grows_with_the_size(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof growing / sizeof growing[0]; i++) {
        size_t once = work_of(growing[i].head, growing[i].again, growing[i].step, growing[i].times);
        size_t fourfold = work_of(growing[i].head, growing[i].again, growing[i].step, 4 * growing[i].times);
        if (fourfold > 6 * once)
            fail_msg("%s: %zu bytes of work, four times the message %zu", growing[i].name, once, fourfold);
    }
}

/* Out of an archive: read where it is like mail, left alone where it is not; a bounce within has no shapes that count. */
static void test_a_file(void **state)
{
    static const struct { const char *name; span in; bool read, there; } files[] = {
        { "a saved message", SPAN(MIXED "--b\r\n" OCTETS B64 "\r\n" FILE_64 END), true, true },
        { "of a mailbox", SPAN("From a@example.org Mon Mar  2 10:00:00 2026\n" MIXED "--b\r\n" OCTETS B64 "\r\n" FILE_64 END), true, true },
        { "no encoding declared", SPAN(MIXED "--b\r\n" OCTETS "\r\n" FILE_64 END), true, true },
        { "uuencode and no header", SPAN("begin 644 x\n#0V%T\n`\nend\n"), true, false },
        { "a malformed one", SPAN(TOP "Content-Type: message/partial; id=x; number=1; total=2\r\n\r\nhalf\r\n"), true, false },
        { "prose", SPAN("Dear Bob,\n\nhere is what we agreed on.\n"), false, false },
        { "a program", SPAN("MZ\x90\0\3\0\0\0\4\0\0\0\xff\xff\0\0 This program cannot be run in DOS mode."), false, false },
        { "nothing", SPAN(""), false, false },
    };
    struct union_limits l = limits();

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct found f = { .wanted = SPAN(FILE_TEXT) };
        struct union_report r;

        union_read_file(files[i].in, &l, take, &f, &r);
        if ((r.pages > 0) != files[i].read || f.there != files[i].there || r.shapes != 0 || r.limit != NULL)
            fail_msg("%s: %zu pages, there %d, shapes %u, limit %s", files[i].name, r.pages, f.there, r.shapes, r.limit != NULL ? r.limit : "none");
    }
    l.max_decoded_bytes = 10;
    struct found f = { .wanted = SPAN(FILE_TEXT) };
    struct union_report r;

    union_read_file(files[0].in, &l, take, &f, &r);
    assert_string_equal(r.limit, "bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_file),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_each_output_once),
        cmocka_unit_test(test_the_sink_may_stop),
        cmocka_unit_test(test_limits_are_told),
        cmocka_unit_test(test_cost_grows_with_the_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_smtp_dot.c - end of data, stuffing, and every way to fake a line end.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/proto/smtp_dot.h"

static void assert_span(const char *row, span got, span want)
{
    if (!span_eq(got, want)) {
        print_error("%s: got \"%.*s\", want \"%.*s\"\n", row, SPAN_ARG(got), SPAN_ARG(want));
        fail();
    }
}

struct outcome {
    enum smtp_dot_status status;
    size_t used;
    struct smtp_dot_decoder d;
};

static struct outcome decode(span in, size_t step, struct buf *to)
{
    struct outcome o = { SMTP_DOT_MORE, 0, { 0 } };
    size_t used;

    smtp_dot_decode_init(&o.d);
    while (o.used < in.n && o.status == SMTP_DOT_MORE) {
        o.status = smtp_dot_decode(&o.d, span_head(span_from(in, o.used), step), to, &used);
        o.used += used;
    }
    return o;
}

/* Every byte but the stuffing stays.  left: bytes behind the end of data, which must not have been touched; want: the message, when there is an end. */
static void test_decode(void **state)
{
    static const struct { const char *name; span in; bool ends; size_t left; span want; unsigned cr, lf, nul, dots; } rows[] = {
        { "plain", SPAN("a\r\nb\r\n.\r\n"), true, 0, SPAN("a\r\nb\r\n"), 0, 0, 0, 0 },
        { "empty message", SPAN(".\r\n"), true, 0, SPAN(""), 0, 0, 0, 0 },
        { "input behind the end", SPAN("a\r\n.\r\nQUIT\r\n"), true, 6, SPAN("a\r\n"), 0, 0, 0, 0 },
        { "stuffed", SPAN("..\r\n.a\r\n...b\r\n.\r\n"), true, 0, SPAN(".\r\na\r\n..b\r\n"), 0, 0, 0, 2 },
        { "dot inside a line", SPAN("a.\r\n.\r\n"), true, 0, SPAN("a.\r\n"), 0, 0, 0, 0 },
        { "LF . LF", SPAN("a\n.\nb\r\n.\r\n"), true, 0, SPAN("a\n.\nb\r\n"), 0, 2, 0, 0 },
        { "LF . CRLF", SPAN("a\n.\r\nb\r\n.\r\n"), true, 0, SPAN("a\n.\r\nb\r\n"), 0, 1, 0, 0 },
        { "CRLF . LF", SPAN("a\r\n.\nb\r\n.\r\n"), true, 0, SPAN("a\r\n\nb\r\n"), 0, 1, 0, 0 },
        { "CRLF . CR CRLF", SPAN("a\r\n.\r\r\nb\r\n.\r\n"), true, 0, SPAN("a\r\n\r\r\nb\r\n"), 1, 0, 0, 0 },
        { "CR CRLF . CR CRLF", SPAN("a\r\r\n.\r\r\nb\r\n.\r\n"), true, 0, SPAN("a\r\r\n\r\r\nb\r\n"), 2, 0, 0, 0 },
        { "CRLF . CR CR CRLF", SPAN("a\r\n.\r\r\r\n.\r\n"), true, 0, SPAN("a\r\n\r\r\r\n"), 2, 0, 0, 0 },
        { "CRLF . CR", SPAN("a\r\n.\rb\r\n.\r\n"), true, 0, SPAN("a\r\n\rb\r\n"), 1, 0, 0, 0 },
        { "CR . CR", SPAN("a\r.\rb\r\n.\r\n"), true, 0, SPAN("a\r.\rb\r\n"), 2, 0, 0, 0 },
        { "CR . CRLF", SPAN("a\r.\r\nb\r\n.\r\n"), true, 0, SPAN("a\r.\r\nb\r\n"), 1, 0, 0, 0 },
        { "NUL around the dot", SPAN("a\r\n\0.\r\n.\0\r\n.\r\n"), true, 0, SPAN("a\r\n\0.\r\n\0\r\n"), 0, 0, 2, 0 },
        { "blank around the dot", SPAN("a\r\n .\r\n. \r\n.\r\n"), true, 0, SPAN("a\r\n .\r\n \r\n"), 0, 0, 0, 0 },
        { "the first line may be faked too", SPAN(".\n.\r\nb\r\n.\r\n"), true, 0, SPAN("\n.\r\nb\r\n"), 0, 1, 0, 0 },
        { "stuffed dot and CR", SPAN("..\r\r\n.\r\n"), true, 0, SPAN(".\r\r\n"), 1, 0, 0, 1 },
        { "no end", SPAN("a\r\n.\r"), false, 0, SPAN("a\r\n"), 0, 0, 0, 0 },
        { "QUIT in the stream", SPAN("a\r\n\r\nQUIT\r\n"), false, 0, SPAN("a\r\n\r\nQUIT\r\n"), 0, 0, 0, 0 },
        { "strays inside a line", SPAN("a\0b\rc\nd\n\r\n.\r\n"), true, 0, SPAN("a\0b\rc\nd\n\r\n"), 1, 2, 1, 0 },
        { "8 bit and escapes", SPAN("\xff\x80\033\t\x7f\r\n.\r\n"), true, 0, SPAN("\xff\x80\033\t\x7f\r\n"), 0, 0, 0, 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (size_t step = 1; step <= 30; step++) {
            struct buf b;
            struct outcome o;

            buf_init(&b, 1000);
            o = decode(rows[i].in, step, &b);
            if ((o.status == SMTP_DOT_END) != rows[i].ends || o.used != rows[i].in.n - rows[i].left)
                fail_msg("%s", rows[i].name);
            assert_span(rows[i].name, buf_span(&b), rows[i].want);
            if (o.d.stray.cr != rows[i].cr || o.d.stray.lf != rows[i].lf || o.d.stray.nul != rows[i].nul || o.d.dot_lines != rows[i].dots ||
                o.d.out_bytes != rows[i].want.n)
                fail_msg("%s: counters", rows[i].name);
            buf_free(&b);
        }
    }
}

static void test_encode(void **state)
{
    static const struct { const char *name; span in, want; } rows[] = {
        { "plain", SPAN("a\r\nb\r\n"), SPAN("a\r\nb\r\n.\r\n") },
        { "empty", SPAN(""), SPAN(".\r\n") },
        { "dots", SPAN(".\r\n..a\r\nb.\r\n"), SPAN("..\r\n...a\r\nb.\r\n.\r\n") },
        { "no last line end", SPAN("a"), SPAN("a\r\n.\r\n") },
        { "dot at the end", SPAN("a\r\n."), SPAN("a\r\n..\r\n.\r\n") },
        { "CR at the end", SPAN("a\r"), SPAN("a \r\n.\r\n") },
        { "dot and CR at the end", SPAN("a\r\n.\r"), SPAN("a\r\n.. \r\n.\r\n") },
        { "faked ends", SPAN("a\n.\nb\r.\rc\n.\r\nd\r\n.\r\r\ne\0\r\n"), SPAN("a . b . c .\r\nd\r\n.. \r\ne \r\n.\r\n") },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (size_t step = 1; step <= 30; step++) {
            struct smtp_dot_encoder e;
            struct buf b;

            buf_init(&b, 1000);
            smtp_dot_encode_init(&e);
            for (size_t at = 0; at < rows[i].in.n; at += step)
                assert_true(smtp_dot_encode(&e, span_head(span_from(rows[i].in, at), step), &b));
            assert_true(smtp_dot_encode_end(&e, &b));
            assert_span(rows[i].name, buf_span(&b), rows[i].want);
            buf_free(&b);
        }
    }
}

/* Many bytes are looked at together: what is special is seen wherever it stands among them, as it is when bytes come one by one. */
static void test_wherever_it_stands(void **state)
{
    enum { LONGEST = 600, BEFORE_MOST = 300 };
    static const span special[] = { SPAN("\r\n.\r\n"), SPAN("\r\n..\r\n"), SPAN("\r\n.x"), SPAN("\r\n.\n"), SPAN("\r\n.\r\r\n"), SPAN("\n.\r\n"), SPAN("\r.\r\n"),
                                    SPAN("\rx"), SPAN("\nx"), SPAN("\r\r\n"), SPAN("\n\n"), SPAN("\0"), SPAN("\r\n\r\n"), SPAN("\r\n"), SPAN("\r\0\n.\r\n") };
    static const char *const filling[] = { "x", "\r\n", "a line\r\n", "." };
    struct buf whole, single;
    char text[LONGEST];

    (void)state;
    buf_init(&whole, 2000);
    buf_init(&single, 2000);
    for (size_t f = 0; f < sizeof(filling) / sizeof(filling[0]); f++) {
        size_t period = strlen(filling[f]);

        for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++) {
            for (size_t before = 0; before < BEFORE_MOST; before += before < 70 ? 1 : 13) {
                for (size_t at = 0; at < LONGEST; at++)
                    text[at] = filling[f][at % period];
                memcpy(text + before, special[i].p, special[i].n);
                struct outcome a = decode(span_of(text, LONGEST), LONGEST, &whole), b = decode(span_of(text, LONGEST), 1, &single);

                assert_int_equal(a.status, b.status);
                assert_int_equal(a.used, b.used);
                assert_int_equal(a.d.state, b.d.state);
                assert_int_equal(a.d.dot_lines, b.d.dot_lines);
                assert_memory_equal(&a.d.stray, &b.d.stray, sizeof(a.d.stray));
                assert_span(filling[f], buf_span(&whole), buf_span(&single));
                buf_reset(&whole);
                buf_reset(&single);
            }
        }
    }
    buf_free(&whole);
    buf_free(&single);
}

static void test_no_room(void **state)
{
    struct smtp_dot_decoder d;
    struct smtp_dot_encoder e;
    size_t used = 77;
    struct buf b;

    (void)state;
    buf_init(&b, 10);
    smtp_dot_decode_init(&d);
    assert_int_equal(smtp_dot_decode(&d, SPAN("more than ten bytes"), &b, &used), SMTP_DOT_E_ROOM);
    assert_int_equal(used, 77);
    assert_int_equal(b.len, 0);
    assert_int_equal(smtp_dot_decode(&d, SPAN(".\r\n"), &b, &used), SMTP_DOT_END);
    smtp_dot_encode_init(&e);
    assert_false(smtp_dot_encode(&e, SPAN("more than ten bytes"), &b));
    assert_int_equal(b.len, 0);
    buf_free(&b);
}

/* The worst case of smtp_dot_encode_room: nothing but lines of one dot. */
static void test_room(void **state)
{
    struct smtp_dot_encoder e;
    char text[300];
    struct buf b;

    (void)state;
    for (size_t i = 0; i < sizeof(text); i += 3)
        memcpy(text + i, ".\r\n", 3);
    buf_init(&b, smtp_dot_encode_room(sizeof(text)));
    smtp_dot_encode_init(&e);
    assert_true(smtp_dot_encode(&e, span_of(text, sizeof(text)), &b));
    assert_int_equal(b.len, 400);
    buf_free(&b);
}

static void test_wash(void **state)
{
    static const struct { span in, want; } rows[] = {
        { SPAN(""), SPAN("") },
        { SPAN("a\r\n.b\r\n"), SPAN("a\r\n.b\r\n") },
        { SPAN("\na\r\r\n\n\rb\0\r\n\r"), SPAN(" a \r\n  b \r\n ") },
        { SPAN("\r\0\n"), SPAN("   ") },
    };
    char out[40];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(rows[i].in.n, rows[i].want.n);
        smtp_dot_wash(rows[i].in, out);
        assert_span("washed", span_of(out, rows[i].in.n), rows[i].want);
        for (size_t k = 0; k < rows[i].in.n; k++)
            assert_int_equal(smtp_dot_is_stray(rows[i].in, k), rows[i].in.p[k] != rows[i].want.p[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wash),
        cmocka_unit_test(test_decode),
        cmocka_unit_test(test_wherever_it_stands),
        cmocka_unit_test(test_encode),
        cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

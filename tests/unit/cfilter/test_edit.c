/* test_edit.c - header edits: what goes, what comes, and that every other byte stays.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "cfilter/deliver.h"
#include "lib/base/buf.h"

static char *apply(span in, const struct edit_wish *wish)
{
    static char text[256 * 1024];
    struct arena *a = arena_new(4096);
    struct edits e = edits_make(in, wish, a);
    struct edit_cursor c = { 0 };
    struct buf b;
    span piece;

    buf_init(&b, sizeof(text) - 1);
    while (edits_next(&e, in, &c, &piece)) {
        assert_true(piece.n > 0);
        assert_true(buf_append(&b, piece));
    }
    assert_int_equal(edits_size(&e, in), b.len);
    memcpy(text, buf_cstr(&b), b.len + 1);
    buf_free(&b);
    arena_free(&a);
    return text;
}

static const struct edit_wish none = { 0 };
static const struct edit_wish strip = { .strip_spam_fields = true };
static const struct edit_wish tag = { .strip_spam_fields = true, .score = "****", .report = "score=4.5 hits=A:4.5", .subject_tag = "[SPAM]" };
static const struct edit_wish subject = { .subject_tag = "[SPAM]" };
static const struct edit_wish score = { .score = "*" };

#define ADDED "X-Spam-Score: ****\r\nX-Spam-Report: score=4.5 hits=A:4.5\r\n"

static void rows(void **state)
{
    static const struct {
        const char *name;
        const struct edit_wish *wish;
        const char *in, *out;
    } t[] = {
        { "nothing to do", &none, "Received: x\r\nSubject: hi\r\n\r\nbody\r\n", "Received: x\r\nSubject: hi\r\n\r\nbody\r\n" },
        { "empty message", &none, "", "" },
        { "hand-over field on top", &none, "X-Gatepost: v=1\r\nReceived: x\r\n\r\nb\r\n", "Received: x\r\n\r\nb\r\n" },
        { "folded hand-over field", &none, "X-Gatepost: v=1;\r\n id=1;\r\n\tmac=2\r\nA: b\r\n\r\nb\r\n", "A: b\r\n\r\nb\r\n" },
        { "forged ones too, in any case, blank before the colon", &none,
          "A: 1\r\nx-GATEPOST: a\r\nB: 2\r\nX-Gatepost \t: b\r\nC: 3\r\n\r\nb\r\n", "A: 1\r\nB: 2\r\nC: 3\r\n\r\nb\r\n" },
        { "names that only begin alike stay", &none, "X-Gatepost-Id: 1\r\nX-Gate: 2\r\n\r\n", "X-Gatepost-Id: 1\r\nX-Gate: 2\r\n\r\n" },
        { "body is not header", &none, "A: 1\r\n\r\nX-Gatepost: in the body\r\n", "A: 1\r\n\r\nX-Gatepost: in the body\r\n" },
        { "header ends at the first line that is no field", &none, "A: 1\r\nnot a field\r\nX-Gatepost: b\r\n",
          "A: 1\r\nnot a field\r\nX-Gatepost: b\r\n" },
        { "only field", &none, "X-Gatepost: a\r\n", "" },
        { "spam fields of others stay when not asked for", &none, "X-Spam-Flag: YES\r\n\r\n", "X-Spam-Flag: YES\r\n\r\n" },
        { "forged spam fields", &strip, "A: 1\r\nX-Spam-Flag: NO\r\nx-spam-score: *\r\nX-Spam-Report: a\r\n b\r\nX-Spam-Level: s\r\n\r\nb\r\n",
          "A: 1\r\nX-Spam-Level: s\r\n\r\nb\r\n" },
        { "tag", &tag, "Received: x\r\nSubject: hi\r\n\r\nb\r\n", ADDED "Received: x\r\nSubject: [SPAM] hi\r\n\r\nb\r\n" },
        { "tag, hand-over on top", &tag, "X-Gatepost: x\r\nSubject: hi\r\n\r\n", ADDED "Subject: [SPAM] hi\r\n\r\n" },
        { "tag replaces forged ones", &tag, "X-Spam-Score: *\r\nSubject: hi\r\n\r\n", ADDED "Subject: [SPAM] hi\r\n\r\n" },
        { "no subject", &tag, "A: 1\r\n\r\nb\r\n", ADDED "Subject: [SPAM]\r\nA: 1\r\n\r\nb\r\n" },
        { "header of fields only", &tag, "A: 1\r\n", ADDED "Subject: [SPAM]\r\nA: 1\r\n" },
        { "no header at all: body begins at once", &tag, "\r\nSubject: body\r\n", ADDED "Subject: [SPAM]\r\n\r\nSubject: body\r\n" },
        { "first line is no field", &score, "hello\r\nworld\r\n", "X-Spam-Score: *\r\n\r\nhello\r\nworld\r\n" },
        { "first line is a fold of nothing", &score, " x\r\nA: 1\r\n\r\n", "X-Spam-Score: *\r\n\r\n x\r\nA: 1\r\n\r\n" },
        { "empty message gets a header", &score, "", "X-Spam-Score: *\r\n\r\n" },
        { "mbox line stays first", &score, "From a@b Mon\r\nA: 1\r\n\r\n", "From a@b Mon\r\nX-Spam-Score: *\r\nA: 1\r\n\r\n" },
        { "empty subject", &subject, "Subject:\r\n\r\n", "Subject: [SPAM]\r\n\r\n" },
        { "blank subject", &subject, "Subject:  \r\n\r\n", "Subject: [SPAM]\r\n\r\n" },
        { "no blank after the colon", &subject, "Subject:hi\r\n\r\n", "Subject: [SPAM] hi\r\n\r\n" },
        { "odd case and blanks", &subject, "sUBJECT\t:  hi\r\n\r\n", "sUBJECT\t: [SPAM] hi\r\n\r\n" },
        { "folded subject", &subject, "Subject: one\r\n two\r\n\r\n", "Subject: [SPAM] one\r\n two\r\n\r\n" },
        { "text begins on the next line", &subject, "Subject:\r\n =?utf-8?B?aMOp?=\r\n\r\n", "Subject: [SPAM]\r\n =?utf-8?B?aMOp?=\r\n\r\n" },
        { "encoded subject", &subject, "Subject: =?utf-8?Q?h=C3=A9?=\r\n\r\n", "Subject: [SPAM] =?utf-8?Q?h=C3=A9?=\r\n\r\n" },
        { "tagged already", &subject, "Subject: [spam] hi\r\n\r\n", "Subject: [spam] hi\r\n\r\n" },
        { "two subjects", &subject, "Subject: a\r\nSubject: b\r\n\r\n", "Subject: [SPAM] a\r\nSubject: [SPAM] b\r\n\r\n" },
        { "8-bit text stays", &subject, "Subject: h\xc3\xa9\r\n\r\n\xff\r\n", "Subject: [SPAM] h\xc3\xa9\r\n\r\n\xff\r\n" },
        { "subject in the body", &subject, "A: 1\r\n\r\nSubject: b\r\n", "Subject: [SPAM]\r\nA: 1\r\n\r\nSubject: b\r\n" },
        { "last line without an end", &subject, "Subject: b", "Subject: [SPAM] b" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        print_message("  %s\n", t[i].name);
        assert_string_equal(apply(span_str(t[i].in), t[i].wish), t[i].out);
    }
}

/* The spool holds the message as it came; what leaves is washed, and in it nothing forged is a field, and what was added is. */
static void stray_bytes(void **state)
{
    static const struct {
        const char *name;
        const struct edit_wish *wish;
        span in, out;
    } t[] = {
        { "hidden behind a lone CR", &none, SPAN("A: 1\rX-Gatepost: f\r\n\r\nb\r\n"), SPAN("A: 1 X-Gatepost: f\r\n\r\nb\r\n") },
        { "hidden behind a lone LF", &none, SPAN("A: 1\nX-Gatepost: f\r\n\r\nb\r\n"), SPAN("A: 1 X-Gatepost: f\r\n\r\nb\r\n") },
        { "hidden behind a NUL", &none, SPAN("A: 1\r\n\0X-Gatepost: f\r\nB: 2\r\n\r\n"), SPAN("A: 1\r\n X-Gatepost: f\r\nB: 2\r\n\r\n") },
        { "stray bytes before the colon", &none, SPAN("X-Gatepost\0\r: f\r\nx-gatepost\n: f\r\nB: 2\r\n\r\n"), SPAN("B: 2\r\n\r\n") },
        { "folded by stray bytes", &none, SPAN("X-Gatepost: f\r\n\0g\r\n\nh\r\n\ri\r\nB: 2\r\n\r\n"), SPAN("B: 2\r\n\r\n") },
        { "behind a line that only strays make a fold", &none, SPAN("A: 1\r\n\nB: 2\r\nX-Gatepost: f\r\n\r\n"), SPAN("A: 1\r\n B: 2\r\n\r\n") },
        { "behind a blank line of strays", &none, SPAN("A: 1\r\n\r\r\nX-Gatepost: f\r\n\r\n"), SPAN("A: 1\r\n \r\n\r\n") },
        { "LF LF ends no header", &none, SPAN("A: 1\n\nX-Gatepost: f\r\nX-Gatepost: g\r\n\r\n"), SPAN("A: 1  X-Gatepost: f\r\n\r\n") },
        { "a cut joins no CR to a LF", &none, SPAN("A: 1\r\nX-Gatepost: f\r\n\n.\r\n\r\n"), SPAN("A: 1\r\n\r\n") },
        { "forged spam fields", &strip, SPAN("X-Spam-Flag\0: NO\r\nA: 1\r\n\r\n"), SPAN("A: 1\r\n\r\n") },
        { "added before a stray fold of nothing", &score, SPAN("\nA: 1\r\n\r\nb\r\n"), SPAN("X-Spam-Score: *\r\n\r\n A: 1\r\n\r\nb\r\n") },
        { "added behind a mbox line with a NUL", &score, SPAN("From\0x\r\nA: 1\r\n\r\n"), SPAN("From x\r\nX-Spam-Score: *\r\nA: 1\r\n\r\n") },
        { "subject of strays", &subject, SPAN("Subject: \0\r\r\n\r\n"), SPAN("Subject: [SPAM]\r\n\r\n") },
        { "subject with strays", &subject, SPAN("Subject:\rhi\nthere\r\n\r\n"), SPAN("Subject: [SPAM] hi there\r\n\r\n") },
        { "tagged already behind strays", &subject, SPAN("Subject:\0[SPAM]\r\n\r\n"), SPAN("Subject: [SPAM]\r\n\r\n") },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        struct arena *a = arena_new(4096);
        struct edits e = edits_make(t[i].in, t[i].wish, a);
        struct deliver d;
        struct buf b;

        buf_init(&b, 256 * 1024);
        deliver_begin(&d, t[i].in, &e, false, -1);
        while (deliver_step(&d, &b))
            ;
        deliver_end(&d, &b);
        if (b.len < 3 || !span_eq(span_head(buf_span(&b), b.len - 3), t[i].out))
            fail_msg("%s: %.*s", t[i].name, SPAN_ARG(buf_span(&b)));
        buf_free(&b);
        arena_free(&a);
    }
}

static void long_subject_is_folded_by_the_tag(void **state)
{
    char in[2048], *out;
    size_t n = (size_t)snprintf(in, sizeof(in), "Subject: ");

    (void)state;
    memset(in + n, 'x', 985);
    memcpy(in + n + 985, "\r\n\r\n", 5);
    out = apply(span_str(in), &subject);
    assert_memory_equal(out, "Subject: [SPAM]\r\n xxx", 20);
    assert_int_equal(strlen(out), strlen(in) + 9);
}

/* Whatever stands in a reason (a name out of a message, say) must not end the line or leave ASCII. */
static void reports_are_one_safe_field(void **state)
{
    char text[6000];
    const struct edit_wish w = { .report = text };
    char *out;
    size_t column = 0;

    (void)state;
    strcpy(text, "bad\r\nX-Injected: yes\001\xff ");
    for (size_t i = 0; i < 300; i++)
        strcat(text, "HIT_NAME:1.5 ");
    out = apply(SPAN("A: 1\r\n\r\n"), &w);
    assert_memory_equal(out, "X-Spam-Report: bad??X-Injected: yes??", 37);
    for (char *p = out; *p != '\0'; p++) {
        column = *p == '\n' ? 0 : column + 1;
        assert_true(column < 100);
        if (*p == '\n' && p[1] != '\t') {
            assert_string_equal(p + 1, "A: 1\r\n\r\n");
            break;
        }
    }
}

/* Edits only cut whole fields and only put at line starts or behind a subject's colon: cutting all puts out again gives the rest. */
static void many_fields(void **state)
{
    struct buf in, want;

    (void)state;
    buf_init(&in, 1 << 20);
    buf_init(&want, 1 << 20);
    for (int i = 0; i < 5000; i++) {
        buf_printf(&in, "F%d: v\r\n", i);
        buf_printf(&want, "F%d: v\r\n", i);
        if (i % 3 == 0)
            buf_append_str(&in, "X-Gatepost: forged\r\n\tfolded\r\n");
    }
    buf_append_str(&in, "\r\n.\r\nX-Gatepost: body\r\n");
    buf_append_str(&want, "\r\n.\r\nX-Gatepost: body\r\n");
    assert_string_equal(apply(buf_span(&in), &none), buf_cstr(&want));
    buf_free(&in);
    buf_free(&want);
}

/* What goes to the next hop, raw where that is allowed; how many bytes went so. */
static struct buf sent(span message, const struct edits *e, bool plain, size_t *raw_out)
{
    struct deliver d;
    struct buf b;
    bool more = true;
    span lines;
    size_t at;

    *raw_out = 0;
    buf_init(&b, 4 * 1024 * 1024);
    deliver_begin(&d, message, e, plain, -1);
    while (more) {
        if (deliver_raw(&d, &lines, &at)) {
            assert_ptr_equal(lines.p, message.p + at);
            assert_true(lines.n <= DELIVER_RAW);
            buf_append(&b, lines);
            *raw_out += lines.n;
        } else {
            more = deliver_step(&d, &b);
        }
    }
    deliver_end(&d, &b);
    return b;
}

/* Large pieces go out as they lie there: the same bytes as through the encoder, whatever is cut out and put in around them. */
static void raw_is_the_same(void **state)
{
    static const struct { const char *name, *head, *line, *tail; bool raw; } t[] = {
        { "lines", "A: 1\r\nSubject: x\r\n\r\n", "a line of text\r\n", "", true },
        { "a field of ours", "X-Gatepost: f\r\nA: 1\r\n\r\n", "text\r\n", "", true },
        { "no last line end", "A: 1\r\n\r\n", "text\r\n", "the end", true },
        { "one line", "A: 1\r\n\r\n", "text", "\r\n", false },
        { "hardly a line", "A: 1\r\n\r\n", "0123456789012345678901234567890123456789012345678901234567890123456789", "\r\n", false },
    };
    static const struct edit_wish wishes[] = { { .score = NULL }, { .score = "**", .report = "hits=A:1", .subject_tag = "[SPAM]" } };

    (void)state;
    for (size_t i = 0; i < 2 * sizeof(t) / sizeof(t[0]); i++) {
        struct arena *a = arena_new(4096);
        struct buf in, raw, encoded;
        size_t n_raw, n_else;

        buf_init(&in, 2 * 1024 * 1024);
        buf_append_str(&in, t[i / 2].head);
        while (in.len < 1024 * 1024)
            buf_append_str(&in, t[i / 2].line);
        buf_append_str(&in, t[i / 2].tail);
        struct edits e = edits_make(buf_span(&in), &wishes[i % 2], a);

        raw = sent(buf_span(&in), &e, true, &n_raw);
        encoded = sent(buf_span(&in), &e, false, &n_else);
        if (!span_eq(buf_span(&raw), buf_span(&encoded)) || n_else > 0 || (n_raw > in.len / 2) != t[i / 2].raw)
            fail_msg("%s: %zu bytes raw", t[i / 2].name, n_raw);
        buf_free(&in);
        buf_free(&raw);
        buf_free(&encoded);
        arena_free(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows),
        cmocka_unit_test(stray_bytes),
        cmocka_unit_test(long_subject_is_folded_by_the_tag),
        cmocka_unit_test(reports_are_one_safe_field),
        cmocka_unit_test(many_fields),
        cmocka_unit_test(raw_is_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

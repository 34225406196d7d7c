/* test_decode_yenc.c - yEnc parts whole, cut and several.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cfilter/mime/decode_yenc.h"
#include "tests/unit/cfilter/mime/decode_rows.h"
#include "tests/unit/cfilter/mime/encode.h"

static void test_one(void **state)
{
    static const struct { const char *name; span in, file, out; uint64_t part, begin; bool ended; } rows[] = {
        { "whole", SPAN("=ybegin line=128 size=3 name=a b.txt\r\n\x6d\x8b\x9e\r\n=yend size=3\r\n"), SPAN("a b.txt"), SPAN("Cat"), 0, 0, true },
        { "text before", SPAN("hello\n=ybegin line=128 size=3 name=a\n\x6d\x8b\x9e\n=yend size=3\n"), SPAN("a"), SPAN("Cat"), 0, 0, true },
        { "escapes", SPAN("=ybegin line=128 size=4 name=a\n=@=J=M=}\n=yend size=4\n"), SPAN("a"), SPAN("\xd6\xe0\xe3\x13"), 0, 0, true },
        { "no end", SPAN("=ybegin line=128 size=3 name=a\n\x6d\x8b\x9e"), SPAN("a"), SPAN("Cat"), 0, 0, false },
        { "an escape at the end", SPAN("=ybegin line=128 size=3 name=a\n\x6d="), SPAN("a"), SPAN("C"), 0, 0, false },
        { "a part", SPAN("=ybegin part=2 total=3 line=128 size=9 name=a\n=ypart begin=4 end=6\n\x6d\x8b\x9e\n=yend size=3 part=2\n"), SPAN("a"),
          SPAN("Cat"), 2, 4, true },
        { "no name", SPAN("=ybegin line=128 size=3\n\x6d\x8b\x9e\n=yend\n"), SPAN(""), SPAN("Cat"), 0, 0, true },
        { "=yend within a line is data", SPAN("=ybegin line=9 name=a\n\x6d=yend\n=yend\n"), SPAN("a"), SPAN("C\x0f\x3b\x44\x3a"), 0, 0, true },
    };
    struct buf b;

    (void)state;
    buf_init(&b, ROWS_LIMIT);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct yenc_part p;
        size_t at = 0;

        buf_reset(&b);
        if (!yenc_next(rows[i].in, &at, &p, &b))
            fail_msg("%s: nothing found", rows[i].name);
        assert_bytes(rows[i].name, buf_span(&b), rows[i].out);
        assert_bytes(rows[i].name, p.name, rows[i].file);
        if (p.part != rows[i].part || p.begin != rows[i].begin || p.r.ended != rows[i].ended || at != p.at + p.r.used_bytes || at != rows[i].in.n)
            fail_msg("%s", rows[i].name);
        if (yenc_next(rows[i].in, &at, &p, &b))
            fail_msg("%s: a second one", rows[i].name);
    }
    buf_free(&b);
}

static void test_joined(void **state)
{
    span in = SPAN("=ybegin part=1 line=128 name=a\n=ypart begin=1 end=1\n\x6d\n=yend\n=ybegin part=2 line=128 name=a\n=ypart begin=2 end=3\n\x8b\x9e\n=yend\n");
    struct yenc_part p;
    struct buf b;
    size_t at = 0, n = 0;

    (void)state;
    buf_init(&b, ROWS_LIMIT);
    while (yenc_next(in, &at, &p, &b))
        n++;
    assert_int_equal(n, 2);
    assert_bytes("joined", buf_span(&b), SPAN("Cat"));
    buf_free(&b);
}

static void test_round_trip(void **state)
{
    char bytes[1024];

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 5 + i / 256);
    for (size_t n = 0; n <= sizeof bytes; n += 31) {
        struct buf text, back;
        struct yenc_part p;
        size_t at = 0;

        buf_init(&text, ROWS_LIMIT);
        buf_init(&back, n);
        encode_yenc((span){ bytes, n }, "name", "\r\n", &text);
        assert_true(yenc_next(buf_span(&text), &at, &p, &back));
        assert_bytes("round trip", buf_span(&back), (span){ bytes, n });
        assert_false(p.r.full);
        assert_true(p.r.ended);
        buf_free(&text);
        if (n > 0) {
            struct buf small;

            buf_init(&small, n - 1);
            buf_init(&text, ROWS_LIMIT);
            encode_yenc((span){ bytes, n }, "name", "\r\n", &text);
            at = 0;
            assert_true(yenc_next(buf_span(&text), &at, &p, &small));
            assert_true(p.r.full);
            buf_free(&small);
            buf_free(&text);
        }
        buf_free(&back);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one),
        cmocka_unit_test(test_joined),
        cmocka_unit_test(test_round_trip),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

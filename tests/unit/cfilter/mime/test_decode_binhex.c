/* test_decode_binhex.c - BinHex files whole, cut and with junk.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cfilter/mime/decode_binhex.h"
#include "tests/unit/cfilter/mime/decode_rows.h"
#include "tests/unit/cfilter/mime/encode.h"

static struct buf file_of(span name, span data, span resource)
{
    struct buf b;

    buf_init(&b, ROWS_LIMIT);
    encode_binhex(name, data, resource, &b);
    return b;
}

static void test_round_trip(void **state)
{
    static const struct { const char *name; span file, data, resource; } rows[] = {
        { "data", SPAN("a.txt"), SPAN("Cat"), SPAN("") },
        { "both", SPAN("a"), SPAN("Cat and dog"), SPAN("resource") },
        { "resource only", SPAN("a"), SPAN(""), SPAN("resource") },
        { "runs", SPAN("aaaaaaaa"), SPAN("AAAAAAAAAABBBBBBBBBBBBBBBBBBBBBBBBBBB"), SPAN("\0\0\0\0\0\0\0\0\0\0\0") },
        { "the sign of runs", SPAN("a"), SPAN("\x90\x90\x90\x90\x90" "A\x90" "A\x90\x90"), SPAN("\x90") },
        { "nothing", SPAN("a"), SPAN(""), SPAN("") },
        { "a long name", SPAN("123456789012345678901234567890123456789012345678901234567890123"), SPAN("Cat"), SPAN("") },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct buf text = file_of(rows[i].file, rows[i].data, rows[i].resource), back;
        struct binhex_file f;
        size_t at = 0;

        buf_init(&back, rows[i].data.n + rows[i].resource.n);
        assert_true(binhex_next(buf_span(&text), &at, false, &f, &back));
        assert_bytes(rows[i].name, span_str(f.name), rows[i].file);
        assert_bytes(rows[i].name, span_head(buf_span(&back), f.data_bytes), rows[i].data);
        assert_bytes(rows[i].name, span_from(buf_span(&back), f.data_bytes), rows[i].resource);
        assert_int_equal(f.resource_bytes, rows[i].resource.n);
        assert_true(f.r.ended);
        assert_false(f.r.full);
        assert_false(binhex_next(buf_span(&text), &at, false, &f, &back));
        buf_free(&text);
        buf_free(&back);
    }
}

/* Cut anywhere, what is there comes out. */
static void test_cut(void **state)
{
    struct buf text = file_of(SPAN("a"), SPAN("The quick brown fox"), SPAN("jumps"));
    span want = SPAN("The quick brown foxjumps");
    size_t most = 0;

    (void)state;
    for (size_t n = 0; n < text.len; n++) {
        struct binhex_file f;
        struct buf back;
        size_t at = 0;

        buf_init(&back, ROWS_LIMIT);
        if (binhex_next(span_head(buf_span(&text), n), &at, false, &f, &back)) {
            assert_bytes("a cut file", buf_span(&back), span_head(want, back.len));
            assert_true(back.len >= most);
            most = back.len;
        }
        buf_free(&back);
    }
    assert_int_equal(most, want.n);
    buf_free(&text);
}

static void test_bare(void **state)
{
    struct buf text = file_of(SPAN("a"), SPAN("Cat"), SPAN("")), back;
    span body = span_from(buf_span(&text), span_find(buf_span(&text), ':'));
    struct binhex_file f;
    size_t at = 0;

    (void)state;
    buf_init(&back, ROWS_LIMIT);
    assert_false(binhex_next(body, &at, false, &f, &back));
    at = 0;
    assert_true(binhex_next(body, &at, true, &f, &back));
    assert_bytes("bare", buf_span(&back), SPAN("Cat"));
    buf_free(&text);
    buf_free(&back);
}

static void test_limit(void **state)
{
    char zeros[5000] = { 0 };
    struct buf text = file_of(SPAN("a"), (span){ zeros, sizeof zeros }, SPAN("")), back;
    struct binhex_file f;
    size_t at = 0;

    (void)state;
    buf_init(&back, 1000);
    assert_true(binhex_next(buf_span(&text), &at, false, &f, &back));
    assert_true(f.r.full);
    assert_true(back.overflow);
    assert_int_equal(back.len, 1000);
    assert_int_equal(f.data_bytes, 1000);
    buf_free(&text);
    buf_free(&back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_bare),
        cmocka_unit_test(test_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

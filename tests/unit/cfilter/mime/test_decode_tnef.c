/* test_decode_tnef.c - TNEF streams whole and cut, with everything that can lie in them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cfilter/mime/decode_tnef.h"
#include "tests/unit/cfilter/mime/decode_rows.h"
#include "tests/unit/cfilter/mime/tnef_write.h"

enum { RENDER_DATA = 0x00069002, TITLE = 0x00018010, DATA = 0x0006800f, ATTACHMENT = 0x00069005, PROPS = 0x00069003, BODY = 0x0002800c,
       VERSION = 0x00089006, OEM_CODEPAGE = 0x00069007 };

/* The example of MS-OXRTFCP 3.1.1: "{\rtf1\ansi\ansicpg1252\pard hello world}\r\n" */
#define RTF_PACKED "\x2d\x00\x00\x00\x2b\x00\x00\x00\x4c\x5a\x46\x75\xf1\xc5\xc7\xa7\x03\x00\x0a\x00\x72\x63\x70\x67\x31\x32\x35\x42\x32\x0a\xf3\x20\x68\x65\x6c\
\x09\x00\x20\x62\x77\x05\xb0\x6c\x64\x7d\x0a\x80\x0f\xa0"
#define RTF_PLAIN "{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"
#define IID_IMESSAGE "\x07\x03\x02\0\0\0\0\0\xc0\0\0\0\0\0\0\x46"

struct world {
    struct buf stream, props, out;
};

static struct world start(void)
{
    struct world w;

    buf_init(&w.stream, ROWS_LIMIT);
    buf_init(&w.props, ROWS_LIMIT);
    buf_init(&w.out, ROWS_LIMIT);
    tnef_write_start(&w.stream);
    return w;
}

static void stop(struct world *w)
{
    buf_free(&w->stream);
    buf_free(&w->props);
    buf_free(&w->out);
}

static void write_props(struct world *w, unsigned level, size_t id)
{
    tnef_write(level, id, buf_span(&w->props), &w->stream);
    buf_reset(&w->props);
}

static void expect(struct world *w, struct tnef_reader *r, const char *row, enum tnef_kind kind, span bytes, const char *name)
{
    struct tnef_item item;

    if (!tnef_next(r, &item, &w->out))
        fail_msg("%s: no item", row);
    assert_bytes(row, item.bytes, bytes);
    assert_string_equal(item.name, name);
    assert_int_equal(item.kind, kind);
    assert_false(item.cut);
}

static void expect_end(struct world *w, struct tnef_reader *r)
{
    struct tnef_item item;

    assert_false(tnef_next(r, &item, &w->out));
    assert_false(r->full);
}

/* As Outlook writes it: data before the title, the long name last of all. */
static void test_files(void **state)
{
    struct world w = start();
    struct tnef_reader r;

    (void)state;
    tnef_write(1, VERSION, SPAN("\0\0\1\0"), &w.stream);
    tnef_write(1, OEM_CODEPAGE, SPAN("\xe4\4\0\0\0\0\0\0"), &w.stream);
    tnef_write(1, BODY, SPAN("Hello"), &w.stream);
    tnef_write(2, RENDER_DATA, SPAN("\1\0\xff\xff\xff\xff\0\0\0\0\0\0\0\0"), &w.stream);
    tnef_write(2, DATA, SPAN("MZ one"), &w.stream);
    tnef_write(2, TITLE, SPAN("ONE~1.EXE\0"), &w.stream);
    encode_le(3, 4, &w.props);
    encode_le(0x37050003, 4, &w.props);        /* PR_ATTACH_METHOD, one of fixed length */
    encode_le(1, 4, &w.props);
    tnef_write_property(0x3707001e, SPAN("one and only.exe\0"), &w.props);
    tnef_write_property(0x3704001e, SPAN("ONE~1.EXE\0"), &w.props);
    write_props(&w, 2, ATTACHMENT);
    tnef_write(2, RENDER_DATA, SPAN("\1\0"), &w.stream);
    tnef_write(2, TITLE, SPAN("two.txt"), &w.stream);
    tnef_write(2, DATA, SPAN("two"), &w.stream);
    assert_true(tnef_start(&r, buf_span(&w.stream)));
    expect(&w, &r, "body", TNEF_TEXT, SPAN("Hello"), "");
    expect(&w, &r, "first", TNEF_FILE, SPAN("MZ one"), "one and only.exe");
    expect(&w, &r, "second", TNEF_FILE, SPAN("two"), "two.txt");
    expect_end(&w, &r);
    stop(&w);
}

static void test_properties(void **state)
{
    struct world w = start();
    struct tnef_reader r;

    (void)state;
    encode_le(9, 4, &w.props);
    encode_le(0x0017000b, 4, &w.props);        /* a boolean takes four bytes */
    encode_le(1, 4, &w.props);
    encode_le(0x00390040, 4, &w.props);        /* a time takes eight */
    encode_le(1, 8, &w.props);
    encode_le(0x10061003, 4, &w.props);        /* three numbers */
    encode_le(3, 4, &w.props);
    encode_le(0, 12, &w.props);
    encode_le(0x8001001e, 4, &w.props);        /* named by a number */
    encode_le(0, 16, &w.props);
    encode_le(0, 4, &w.props);
    encode_le(0x1234, 4, &w.props);
    encode_le(1, 4, &w.props);
    tnef_write_padded(SPAN("x\0"), &w.props);
    encode_le(0x80020102, 4, &w.props);        /* named by a name */
    encode_le(0, 16, &w.props);
    encode_le(1, 4, &w.props);
    tnef_write_padded(SPAN("n\0a\0m\0e\0\0\0"), &w.props);
    encode_le(1, 4, &w.props);
    tnef_write_padded(SPAN("xyz"), &w.props);
    tnef_write_property(0x10090102, SPAN(RTF_PACKED), &w.props);
    tnef_write_property(0x10130102, SPAN("<b>hello</b>"), &w.props);
    tnef_write_property(0x1000001f, SPAN("h\0e\0l\0l\0o\0"), &w.props);
    tnef_write_property(0x3001001e, SPAN("a display name of nobody\0"), &w.props);
    write_props(&w, 1, PROPS);
    assert_true(tnef_start(&r, buf_span(&w.stream)));
    expect(&w, &r, "RTF", TNEF_RTF, SPAN(RTF_PLAIN), "");
    expect(&w, &r, "HTML", TNEF_HTML, SPAN("<b>hello</b>"), "");
    expect(&w, &r, "text", TNEF_TEXT, SPAN("hello"), "");
    expect_end(&w, &r);
    stop(&w);
}

static void test_attached_by_properties(void **state)
{
    struct world w = start();
    struct tnef_reader r;

    (void)state;
    tnef_write(2, RENDER_DATA, SPAN(""), &w.stream);
    encode_le(2, 4, &w.props);
    tnef_write_property(0x37010102, SPAN("MZ by property"), &w.props);
    tnef_write_property(0x3707001f, SPAN("\xfc\0.\0e\0x\0e\0\0\0"), &w.props);
    write_props(&w, 2, ATTACHMENT);
    tnef_write(2, RENDER_DATA, SPAN(""), &w.stream);
    encode_le(1, 4, &w.props);
    tnef_write_property(0x3701000d, SPAN(IID_IMESSAGE "\x78\x9f\x3e\x22 inner"), &w.props);
    write_props(&w, 2, ATTACHMENT);
    tnef_write(2, RENDER_DATA, SPAN(""), &w.stream);
    encode_le(1, 4, &w.props);
    tnef_write_property(0x3701000d, SPAN("0123456789abcdefOLE"), &w.props);
    write_props(&w, 2, ATTACHMENT);
    assert_true(tnef_start(&r, buf_span(&w.stream)));
    expect(&w, &r, "binary", TNEF_FILE, SPAN("MZ by property"), "\xc3\xbc.exe");
    expect(&w, &r, "message", TNEF_MESSAGE, SPAN("\x78\x9f\x3e\x22 inner"), "");
    expect(&w, &r, "object", TNEF_OBJECT, SPAN("OLE"), "");
    expect_end(&w, &r);
    stop(&w);
}

static void test_several_values(void **state)
{
    struct world w = start();
    struct tnef_reader r;

    (void)state;
    encode_le(1, 4, &w.props);
    encode_le(0x37011102, 4, &w.props);
    encode_le(2, 4, &w.props);
    tnef_write_padded(SPAN("one"), &w.props);
    tnef_write_padded(SPAN("two"), &w.props);
    write_props(&w, 2, ATTACHMENT);
    assert_true(tnef_start(&r, buf_span(&w.stream)));
    expect(&w, &r, "first", TNEF_FILE, SPAN("one"), "");
    expect(&w, &r, "second", TNEF_FILE, SPAN("two"), "");
    expect_end(&w, &r);
    stop(&w);
}

/* Cut anywhere: never more than is there, and what was whole stays whole. */
static void test_cut(void **state)
{
    struct world w = start();

    (void)state;
    tnef_write(2, RENDER_DATA, SPAN("12"), &w.stream);
    tnef_write(2, DATA, SPAN("0123456789"), &w.stream);
    encode_le(1, 4, &w.props);
    tnef_write_property(0x37010102, SPAN("abcdefghij"), &w.props);
    write_props(&w, 2, ATTACHMENT);
    for (size_t n = 0; n < w.stream.len; n++) {
        struct tnef_reader r;
        struct tnef_item item;

        if (!tnef_start(&r, span_head(buf_span(&w.stream), n)))
            continue;
        while (tnef_next(&r, &item, &w.out)) {
            bool first = item.bytes.n == 0 || item.bytes.p[0] == '0';

            assert_bytes("a cut item", item.bytes, span_head(first ? SPAN("0123456789") : SPAN("abcdefghij"), item.bytes.n));
            assert_int_equal(item.cut, item.bytes.n < 10);
        }
    }
    stop(&w);
}

static void test_lengths_that_lie(void **state)
{
    static const span streams[] = {
        SPAN("\x78\x9f\x3e\x22\1\0" "\2\x0f\x80\6\0\xff\xff\xff\xff" "abc"),
        SPAN("\x78\x9f\x3e\x22\1\0" "\2\5\x90\6\0\x10\0\0\0" "\xff\xff\xff\xff\2\1\1\x37\xff\xff\xff\xff\xff\xff\xff\xff" "\0\0"),
        SPAN("\x78\x9f\x3e\x22\1\0" "\2\5\x90\6\0\x0c\0\0\0" "\xff\xff\xff\xff\3\x10\1\x37\xff\xff\xff\xff" "\0\0"),
        SPAN("\x78\x9f\x3e\x22\1\0" "\2\5\x90\6\0\x20\0\0\0" "\1\0\0\0\x1e\0\1\x80" "0123456789abcdef" "\1\0\0\0\xff\xff\xff\xff" "\0\0"),
        SPAN("\x78\x9f\x3e\x22"),
    };
    struct buf out;

    (void)state;
    buf_init(&out, ROWS_LIMIT);
    for (size_t i = 0; i < ROWS(streams); i++) {
        struct tnef_reader r;
        struct tnef_item item;
        size_t n = 0;

        assert_true(tnef_start(&r, streams[i]));
        while (tnef_next(&r, &item, &out))
            assert_true(item.cut && ++n < 3);
    }
    buf_free(&out);
}

static void test_start(void **state)
{
    struct tnef_reader r;

    (void)state;
    assert_true(tnef_is(SPAN("\x78\x9f\x3e\x22")));
    assert_false(tnef_is(SPAN("\x78\x9f\x3e")));
    assert_false(tnef_start(&r, SPAN("")));
    assert_false(tnef_start(&r, SPAN("hello, there is nothing")));
    assert_true(tnef_start(&r, SPAN("junk\x78\x9f\x3e\x22\1\0")));
}

static void test_rtf(void **state)
{
    struct decode_result r;
    struct buf out;

    (void)state;
    buf_init(&out, ROWS_LIMIT);
    r = rtf_decompress(SPAN(RTF_PACKED), &out);
    assert_bytes("packed", buf_span(&out), SPAN(RTF_PLAIN));
    assert_int_equal(r.seen, 0);
    assert_true(r.ended);
    buf_reset(&out);
    r = rtf_decompress(SPAN("\x11\0\0\0\5\0\0\0MELA\0\0\0\0hello"), &out);
    assert_bytes("not packed", buf_span(&out), SPAN("hello"));
    assert_true(r.ended);
    buf_reset(&out);
    /* MS-OXRTFCP 3.1.2: a run that overlaps itself */
    r = rtf_decompress(SPAN("\x1a\0\0\0\x1c\0\0\0\x4c\x5a\x46\x75\xe2\xd4\x4b\x51\x41\0\x04\x20\x57\x58\x59\x5a\x0d\x6e\x7d\x01\x0e\xb0"), &out);
    assert_bytes("over itself", buf_span(&out), SPAN("{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}"));
    assert_int_equal(r.seen, 0);
    buf_reset(&out);
    r = rtf_decompress(span_head(SPAN(RTF_PACKED), 25), &out);
    assert_int_equal(r.seen, 1);
    assert_bytes("cut", buf_span(&out), span_head(SPAN(RTF_PLAIN), out.len));
    assert_true(out.len > 10);
    r = rtf_decompress(SPAN("short"), &out);
    assert_int_equal(r.seen, 1);
    buf_free(&out);
    buf_init(&out, 10);
    r = rtf_decompress(SPAN(RTF_PACKED), &out);
    assert_true(r.full);
    assert_int_equal(out.len, 10);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_properties),
        cmocka_unit_test(test_attached_by_properties),
        cmocka_unit_test(test_several_values),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_lengths_that_lie),
        cmocka_unit_test(test_start),
        cmocka_unit_test(test_rtf),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

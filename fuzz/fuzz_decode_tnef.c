/* fuzz_decode_tnef.c - items lie in the stream or the buffer; what is written is read; packed RTF never grows past its bound.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdlib.h>

#include "cfilter/mime/decode_tnef.h"
#include "tests/unit/cfilter/mime/tnef_write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool within(span s, span outer)
{
    return s.n == 0 || (s.p >= outer.p && s.p + s.n <= outer.p + outer.n);
}

static void check_stream(span in)
{
    struct tnef_reader r;
    struct tnef_item item;
    struct buf b;
    size_t n = 0;

    buf_init(&b, 1 << 20);
    if (tnef_start(&r, in))
        while (tnef_next(&r, &item, &b))
            if (++n > in.n || (!within(item.bytes, in) && !within(item.bytes, buf_span(&b))) || memchr(item.name, '\0', sizeof item.name) == NULL)
                abort();
    buf_free(&b);
}

static void check_round_trip(span in)
{
    struct buf stream, props, b;
    struct tnef_reader r;
    struct tnef_item item;

    buf_init(&stream, 1 << 24);
    buf_init(&props, 1 << 24);
    buf_init(&b, 0);
    tnef_write_start(&stream);
    tnef_write(2, 0x00069002, SPAN(""), &stream);
    tnef_write(2, 0x0006800f, in, &stream);
    encode_le(2, 4, &props);
    tnef_write_property(0x37010102, in, &props);
    tnef_write_property(0x3707001e, SPAN("name"), &props);
    tnef_write(2, 0x00069005, buf_span(&props), &stream);
    if (!tnef_start(&r, buf_span(&stream)))
        abort();
    for (int i = 0; i < 2; i++)
        if (!tnef_next(&r, &item, &b) || !span_eq(item.bytes, in) || item.cut || strcmp(item.name, "name") != 0 || item.kind != TNEF_FILE)
            abort();
    if (tnef_next(&r, &item, &b))
        abort();
    buf_free(&stream);
    buf_free(&props);
    buf_free(&b);
}

static void check_rtf(span in)
{
    struct decode_result r;
    struct buf b;

    buf_init(&b, in.n * 9 + 64);       /* 16 tokens of 17 bytes out of 33 */
    r = rtf_decompress(in, &b);
    if (r.full || r.made_bytes != b.len)
        abort();
    buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    span in = { (const char *)data, size };
    struct buf b;

    check_stream(in);
    check_round_trip(in);
    check_rtf(in);
    buf_init(&b, size + 6);            /* the same without having to guess the signature */
    tnef_write_start(&b);
    buf_append(&b, in);
    check_stream(buf_span(&b));
    buf_free(&b);
    return 0;
}

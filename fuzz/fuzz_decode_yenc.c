/* fuzz_decode_yenc.c - what is encoded is decoded; parts follow each other and are never longer than their text.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdlib.h>

#include "cfilter/mime/decode_yenc.h"
#include "tests/unit/cfilter/mime/encode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_round_trip(span in)
{
    struct buf text, back;
    struct yenc_part p;
    size_t at = 0;

    buf_init(&text, 1 << 24);
    buf_init(&back, in.n);
    encode_yenc(in, "a b", in.n % 2 != 0 ? "\r\n" : "\n", &text);
    if (!yenc_next(buf_span(&text), &at, &p, &back) || !span_eq(buf_span(&back), in) || !p.r.ended || p.r.full || at != text.len)
        abort();
    buf_free(&text);
    buf_free(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    span in = { (const char *)data, size };
    size_t at = 0, before = 0;
    struct yenc_part p;
    struct buf b;

    check_round_trip(in);
    buf_init(&b, size);
    while (yenc_next(in, &at, &p, &b)) {
        if (at <= before || at > in.n || p.at < before || p.at + p.r.used_bytes != at || p.r.made_bytes > at - p.at || p.r.full)
            abort();
        before = at;
    }
    if (at != in.n)
        abort();
    buf_free(&b);
    return 0;
}

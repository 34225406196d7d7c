/* fuzz_decode_binhex.c - what is encoded is decoded; files follow each other, and their forks are as long as is said.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdlib.h>

#include "cfilter/mime/decode_binhex.h"
#include "tests/unit/cfilter/mime/encode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROOM = 1 << 20 };

static void check_round_trip(span in)
{
    span data = span_head(in, in.n / 2), resource = span_from(in, in.n / 2);
    struct buf text, back;
    struct binhex_file f;
    size_t at = 0;

    buf_init(&text, 1 << 24);
    buf_init(&back, in.n);
    encode_binhex(SPAN("name"), data, resource, &text);
    if (!binhex_next(buf_span(&text), &at, false, &f, &back) || !span_eq(buf_span(&back), in) || !f.r.ended || f.r.full ||
        f.data_bytes != data.n || !span_eq(span_str(f.name), SPAN("name")))
        abort();
    buf_free(&text);
    buf_free(&back);
}

static void check_text(span in, bool bare)
{
    size_t at = 0, before = 0, made = 0;
    struct binhex_file f;
    struct buf b;

    buf_init(&b, ROOM);
    while (binhex_next(in, &at, bare, &f, &b)) {
        made += f.data_bytes + f.resource_bytes;
        if (at <= before || at > in.n || f.at < before || f.at + f.r.used_bytes != at || made != b.len || strlen(f.name) > 63)
            abort();
        before = at;
    }
    if (b.len > in.n * 64 || (b.overflow && b.len != ROOM))
        abort();
    buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    span in = { (const char *)data, size };

    check_round_trip(in);
    check_text(in, false);
    check_text(in, true);
    return 0;
}

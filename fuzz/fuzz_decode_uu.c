/* fuzz_decode_uu.c - what is encoded is decoded; files follow each other and make no more than they may.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdlib.h>

#include "cfilter/mime/decode_uu.h"
#include "tests/unit/cfilter/mime/encode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_round_trip(span in)
{
    struct buf text, back;
    struct uu_file f;
    size_t at = 0;

    buf_init(&text, 1 << 24);
    buf_init(&back, in.n);
    buf_append(&text, SPAN("words\nbeginning with that\n"));
    encode_uu(in, "a b", in.n % 2 != 0 ? ' ' : '`', in.n % 3 != 0 ? "\r\n" : "\n", &text);
    if (uu_next(buf_span(&text), &at, 0, &f, &back) != (in.n > 0))
        abort();
    if (in.n > 0 && (!span_eq(buf_span(&back), in) || f.r.seen != 0 || !f.r.ended || !span_eq(f.name, SPAN("a b"))))
        abort();
    buf_free(&text);
    buf_free(&back);
}

static void check_text(span in, unsigned policy)
{
    size_t at = 0, before = 0;
    struct uu_file f;
    struct buf b;

    buf_init(&b, 1 << 24);
    while (uu_next(in, &at, policy, &f, &b)) {
        /* 63 bytes for each line, however short */
        if (at <= before || at > in.n || f.at < before || f.at + f.r.used_bytes != at || f.r.made_bytes > (at - f.at) * 63)
            abort();
        if (f.name.n > 0 && (f.name.p < in.p || f.name.p + f.name.n > in.p + in.n))
            abort();
        before = at;
    }
    if (at != in.n)
        abort();
    buf_reset(&b);
    if (uu_decode_bare(in, policy, &b).used_bytes > in.n)
        abort();
    buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    span in = { (const char *)data, size };

    check_round_trip(in);
    for (unsigned policy = UU_SKIP; policy <= UU_TRUST; policy++)
        check_text(in, policy);
    return 0;
}

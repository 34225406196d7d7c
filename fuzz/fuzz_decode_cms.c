/* fuzz_decode_cms.c - what is wrapped comes out, however its lengths are written; signed content is never longer than its wrapping.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdlib.h>

#include "cfilter/mime/decode_cms.h"
#include "tests/unit/cfilter/mime/cms_write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_round_trip(span in, bool compressed, size_t piece, bool indefinite)
{
    struct buf b, packed, to;
    struct decode_result r;

    buf_init(&b, 1 << 24);
    buf_init(&packed, 1 << 24);
    buf_init(&to, in.n);
    if (compressed)
        cms_deflate(in, &packed);
    cms_write_message(compressed, compressed ? buf_span(&packed) : in, piece, indefinite, &b);
    if (cms_open(buf_span(&b), &to, &r) != (compressed ? CMS_COMPRESSED : CMS_SIGNED) || !span_eq(buf_span(&to), in) || r.seen != 0 || r.full)
        abort();
    buf_free(&b);
    buf_free(&packed);
    buf_free(&to);
}

static void check_any(span in)
{
    struct decode_result r = { 0 };
    struct buf to, scratch;
    enum cms_kind kind;

    buf_init(&to, 1 << 20);
    buf_init(&scratch, in.n + 3);
    kind = cms_open(in, &to, &r);
    if (kind != CMS_COMPRESSED && to.len > in.n)
        abort();
    if (kind == CMS_NONE && to.len > 0)
        abort();
    buf_reset(&to);
    cms_open_text(in, &scratch, &to, &r);
    buf_free(&to);
    buf_free(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    span in = { (const char *)data, size };

    for (unsigned i = 0; i < 4 && size < 100000; i++)
        check_round_trip(in, (i & 1) != 0, (i & 2) != 0 ? size % 100 + 1 : 0, (i & 2) != 0);
    check_any(in);
    return 0;
}

/* fuzz_decode_qp.c - what is encoded is decoded; policies differ only where `seen` says so; the room makes no difference.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdlib.h>

#include "cfilter/mime/decode_qp.h"
#include "tests/unit/cfilter/mime/encode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct { unsigned policy, seen; } rules[] = {
    { QP_BAD_COPIED, QP_SAW_BAD }, { QP_BAD_SIGN_DROPPED, QP_SAW_BAD }, { QP_BAD_DROPPED, QP_SAW_BAD }, { QP_SOFT_FIRST, QP_SAW_SPLIT },
    { QP_SOFT_FIRST | QP_SPLIT, QP_SAW_SPLIT }, { QP_BLANKS_STRIPPED, QP_SAW_BLANKS }, { QP_BLANKS_NOT_SOFT, QP_SAW_SOFT_BLANKS },
    { QP_CR_TO_LF, QP_SAW_CR }, { QP_CR_KEPT, QP_SAW_CR }, { QP_UPPER_ONLY, QP_SAW_LOWER }, { QP_DOUBLE, QP_SAW_DOUBLE },
    { QP_LF_CR, QP_SAW_LF_CR },
};

static struct decode_result decode(span in, unsigned policy, struct buf *b)
{
    struct decode_result r;

    buf_init(b, in.n);
    r = qp_decode(in, policy, b);
    if (r.full || r.made_bytes != b->len || r.used_bytes != in.n)
        abort();
    return r;
}

static void check_round_trip(span in)
{
    struct buf text, back;

    buf_init(&text, 1 << 24);
    encode_qp(in, in.n % 2 == 0 ? "\r\n" : "\n", &text);
    if (decode(buf_span(&text), 0, &back).seen != 0 || !span_eq(buf_span(&back), in))
        abort();
    buf_free(&text);
    buf_free(&back);
}

static void check_text(span in)
{
    struct buf first, other;
    unsigned seen = decode(in, 0, &first).seen;

    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        decode(in, rules[i].policy, &other);
        if ((seen & rules[i].seen) == 0 && !span_eq(buf_span(&first), buf_span(&other)))
            abort();
        buf_free(&other);
    }
    for (size_t limit = 0; limit < first.len; limit += 1 + limit / 3) {
        struct decode_result r;

        buf_init(&other, limit);
        r = qp_decode(in, 0, &other);
        if (!r.full || !other.overflow || !span_eq(buf_span(&other), span_head(buf_span(&first), limit)))
            abort();
        buf_free(&other);
    }
    buf_free(&first);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    span in = { (const char *)data, size };

    check_round_trip(in);
    check_text(in);
    return 0;
}

/* fuzz_decode_base64.c - what is encoded is decoded; policies differ only where `seen` says so; the room makes no difference.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdlib.h>

#include "cfilter/mime/decode_base64.h"
#include "tests/unit/cfilter/mime/encode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { POLICIES = 128 };

static struct decode_result decode(span in, unsigned policy, struct buf *b)
{
    struct decode_result r;

    buf_init(b, 1 << 24);
    r = base64_decode(in, policy, b);
    if (r.full || r.made_bytes != b->len || b->len > in.n * 3 / 4 + 3 || r.used_bytes > in.n)
        abort();
    return r;
}

static bool is_policy(unsigned policy)
{
    return (policy & BASE64_JUNK_MASK) <= BASE64_JUNK_DROPS_LINE;
}

static void check_round_trip(span in)
{
    struct buf text, back;

    buf_init(&text, 1 << 24);
    encode_base64(in, in.n % 7 == 0 ? 3 : 76, in.n % 2 == 0 ? "\r\n" : "\n", &text);
    for (unsigned policy = 0; policy < POLICIES; policy++) {
        if (!is_policy(policy))
            continue;
        /* whoever takes "=" for junk sees a short end */
        unsigned seen = decode(buf_span(&text), policy, &back).seen, allowed = (policy & BASE64_PAD_MASK) == BASE64_PAD_IS_JUNK ? BASE64_SAW_SHORT : 0;
        if ((seen & ~allowed) != 0 || !span_eq(buf_span(&back), in))
            abort();
        buf_free(&back);
    }
    buf_free(&text);
}

/* Does any rule of the policy meet what was seen? */
static bool may_differ(unsigned seen, unsigned policy)
{
    unsigned junk = policy & BASE64_JUNK_MASK;

    return ((policy & BASE64_PAD_MASK) != 0 && (seen & (BASE64_SAW_PAD_INSIDE | BASE64_SAW_PAD_ODD)) != 0) ||
           (junk != 0 && (seen & (BASE64_SAW_JUNK | BASE64_SAW_URL)) != 0) ||
           (junk == BASE64_JUNK_DROPS_LINE && (seen & BASE64_SAW_BLANK) != 0) || ((policy & BASE64_URL) != 0 && (seen & BASE64_SAW_URL) != 0);
}

static void check_text(span in)
{
    struct buf first, other;
    unsigned seen = decode(in, 0, &first).seen;

    for (unsigned policy = 1; policy < POLICIES; policy++) {
        if (!is_policy(policy))
            continue;
        decode(in, policy, &other);
        if (!may_differ(seen, policy) && !span_eq(buf_span(&first), buf_span(&other)))
            abort();
        buf_free(&other);
    }
    for (size_t limit = 0; limit < first.len; limit += 1 + limit / 3) {
        struct decode_result r;

        buf_init(&other, limit);
        r = base64_decode(in, 0, &other);
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

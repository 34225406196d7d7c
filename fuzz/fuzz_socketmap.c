/* fuzz_socketmap.c - requests split and join again; every reply of ours is one that a client reads as meant.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdlib.h>

#include "lib/proto/netstring.h"
#include "lib/proto/socketmap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_reply(const struct buf *b, enum socketmap_word word)
{
    struct socketmap_reply r;
    span payload;
    size_t used;

    if (netstring_decode(buf_span(b), SOCKETMAP_REPLY_MAX, &payload, &used) != NS_OK || used != b->len ||
        !socketmap_parse_reply(payload, &r) || r.word != word)
        abort();
    for (size_t i = 0; i < payload.n; i++)
        if ((unsigned char)payload.p[i] < 0x20 || payload.p[i] == 0x7f)
            abort();
    if (word == SOCKETMAP_TEMP && (r.text.n == 0 || r.text.n > SOCKETMAP_REASON_MAX))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    span in = { (const char *)data, size }, payload;
    struct socketmap_request q;
    struct socketmap_reply r;
    struct buf b;
    size_t used;

    buf_init(&b, 1 << 20);
    if (socketmap_parse_request(in, &q)) {
        if (!socketmap_append_request(&b, q.map, q.key) || netstring_decode(buf_span(&b), size, &payload, &used) != NS_OK ||
            !span_eq(payload, in))
            abort();
    }
    buf_reset(&b);
    if (!socketmap_append_temp(&b, in))
        abort();
    check_reply(&b, SOCKETMAP_TEMP);
    buf_reset(&b);
    if (socketmap_append_ok(&b, in))
        check_reply(&b, SOCKETMAP_OK);
    else if (b.len != 0)
        abort();
    if (socketmap_parse_reply(in, &r) && r.word == SOCKETMAP_OK && r.text.n == 0)
        abort();
    buf_free(&b);
    return 0;
}

/* fuzz_dnsc_parse.c - any bytes as a DNS message.
 *
 * The first byte chooses the type.  What is taken lies inside its buffer, is the same when asked again, and is not more when the end of the
 * message is missing.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdlib.h>

#include "lib/net/dnsc_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const enum dnsc_type types[] = { DNSC_A, DNSC_PTR, DNSC_MX, DNSC_TXT, DNSC_AAAA, DNSC_SRV };

static void must(bool fact)
{
    if (!fact)
        abort();
}

static void check(span message, enum dnsc_type type, size_t *n_out)
{
    struct dnsc_record r[DNSC_RECORDS_MAX];
    struct buf text;
    uint32_t ttl;
    span all;

    *n_out = 0;
    buf_init(&text, 64 * 1024);
    if (dnsc_parse_answer(message, SPAN("found.test"), type, r, n_out, &ttl, &text) == DNSC_PARSE_OK) {
        all = buf_span(&text);
        must(*n_out <= DNSC_RECORDS_MAX);
        must(*n_out == 0 || ttl <= INT32_MAX);
        for (size_t i = 0; i < *n_out; i++) {
            must(r[i].ttl_s >= ttl);
            must(r[i].text.n == 0 || (r[i].text.p >= all.p && r[i].text.p + r[i].text.n <= all.p + all.n));
            must(type != DNSC_A || r[i].addr.family == 4);
            must(type != DNSC_AAAA || r[i].addr.family == 6);
        }
    } else {
        *n_out = 0;
    }
    buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    span message;
    size_t n, again, cut;

    if (size < 1)
        return 0;
    message = span_of((const char *)data + 1, size - 1);
    check(message, types[data[0] % 6], &n);
    check(message, types[data[0] % 6], &again);
    must(n == again);
    check(span_head(message, message.n / 2), types[data[0] % 6], &cut);
    must(cut <= n);
    if (dnsc_parse_negative_ttl(message) > 0)
        must(!dnsc_parse_is_referral(message));
    return 0;
}

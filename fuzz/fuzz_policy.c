/* fuzz_policy.c - a request is read alike whole and byte by byte; no text makes an answer that is not one.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdlib.h>

#include "lib/proto/oneline.h"
#include "lib/proto/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LIMIT = 4096 };

/* The same bytes, one more each time, as a slow client sends them. */
static enum policy_status parse_dripping(span in, struct policy_request *q, size_t *used)
{
    struct policy_parser p;

    policy_parser_init(&p);
    for (size_t n = 1; n <= in.n; n++) {
        enum policy_status s = policy_parse(&p, span_head(in, n), LIMIT, in.p, q, used);

        if (s != POLICY_MORE)
            return s;
    }
    return POLICY_MORE;
}

static void check_request(span in)
{
    struct policy_parser p;
    struct policy_request whole, drip;
    size_t used = 0, used_drip = 0;
    enum policy_status s, d;

    policy_parser_init(&p);
    s = policy_parse(&p, in, LIMIT, in.p, &whole, &used);
    d = parse_dripping(in, &drip, &used_drip);
    if ((s == POLICY_OK) != (d == POLICY_OK) || (s == POLICY_MORE) != (d == POLICY_MORE))
        abort();
    if (s != POLICY_OK)
        return;
    if (used != used_drip || used > LIMIT || in.p[used - 1] != '\n' || in.p[used - 2] != '\n')
        abort();
    for (int a = 0; a < POLICY_ATTRS; a++)
        if (!span_eq(whole.v[a], drip.v[a]) || span_find(whole.v[a], '\n') < whole.v[a].n)
            abort();
}

/* Exactly "action=" + a known word (or a code and an enhanced code) + a blank and text, or nothing behind DUNNO and OK. */
static void check_reply(span in, enum policy_verb verb, int code)
{
    struct policy_reply r = { .verb = verb, .code = code, .header = SPAN("X-Test"), .text = in };
    struct buf b;
    span action;
    size_t used;

    buf_init(&b, 1 << 20);
    if (!policy_append_reply(&b, &r)) {
        if (verb != POLICY_SAY_PREPEND || b.len != 0)
            abort();
        return;
    }
    if (policy_parse_reply(buf_span(&b), 1 << 20, &action, &used) != POLICY_OK || used != b.len || !oneline_is_utf8(action) || action.n == 0)
        abort();
    if (action.p[0] >= '0' && action.p[0] <= '9' && (action.n < 11 || action.p[3] != ' ' || action.p[9] != ' '))
        abort();
    if (verb == POLICY_SAY_REJECT && !span_starts(action, SPAN("REJECT 5.7.1 ")))
        abort();
    for (size_t i = 0; i < action.n; i++)
        if ((unsigned char)action.p[i] < 0x20 && action.p[i] != '\t')
            abort();
    buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    span in = { (const char *)data, size };

    if (size > 8192)
        return 0;
    check_request(in);
    for (int v = POLICY_SAY_DUNNO; v <= POLICY_SAY_INFO; v++)
        check_reply(in, (enum policy_verb)v, 450);
    check_reply(in, POLICY_SAY_CODE, 599);
    return 0;
}

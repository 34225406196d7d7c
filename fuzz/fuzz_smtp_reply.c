/* fuzz_smtp_reply.c - a reply is read alike however it is cut; what is passed on and what is written reads back as one clean reply.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdlib.h>

#include "lib/proto/smtp_reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    enum smtp_reply_status status;
    int code;
    unsigned lines;
    bool cut;
};

static struct seen run(span in, size_t step, struct buf *relayed)
{
    struct smtp_reply_parser p;
    struct seen seen = { SMTP_REPLY_MORE, 0, 0, false };
    struct smtp_reply r;
    struct buf b;

    smtp_reply_parser_init(&p);
    buf_init(&b, SMTP_REPLY_CAP + 8 + step);
    for (size_t at = 0; at < in.n && seen.status == SMTP_REPLY_MORE; at += step) {
        size_t used;

        if (!buf_append(&b, span_head(span_from(in, at), step)))
            abort();   /* the parser kept more than its cap */
        seen.status = smtp_reply_parse(&p, buf_span(&b), &r, &used);
        if (seen.status == SMTP_REPLY_OK) {
            seen.code = r.code;
            seen.lines = r.lines;
            seen.cut = r.cut;
            if (!smtp_reply_append_relayed(relayed, &r))
                abort();
        }
        buf_consume(&b, used);
    }
    buf_free(&b);
    return seen;
}

/* `text` must be whole clean lines that are one reply. */
static void check_clean(span text, int code, bool ascii)
{
    struct smtp_reply_parser p;
    struct smtp_reply r;
    span line, rest = text;
    size_t used;

    smtp_reply_parser_init(&p);
    if (smtp_reply_parse(&p, text, &r, &used) != SMTP_REPLY_OK || (used != text.n && !r.cut) || r.code != code)
        abort();
    while (rest.n > 0 && span_next(&rest, '\n', &line)) {
        if (line.n < 4 || line.n > SMTP_REPLY_LINE_MAX - 1 || line.p[line.n - 1] != '\r')
            abort();
        for (size_t i = 0; i + 1 < line.n; i++)
            if ((unsigned char)line.p[i] < 0x20 || line.p[i] == 0x7f || (ascii && (unsigned char)line.p[i] > 0x7e))
                abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t steps[] = { 1, 3, 700 };
    span in = { (const char *)data, size };
    struct buf whole, pieces;
    struct seen w, s;

    buf_init(&whole, 1 << 20);
    w = run(in, size + 1, &whole);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        buf_init(&pieces, 1 << 20);
        s = run(in, steps[i], &pieces);
        if (s.status != w.status || s.code != w.code || s.lines != w.lines || s.cut != w.cut || !span_eq(buf_span(&whole), buf_span(&pieces)))
            abort();
        buf_free(&pieces);
    }
    if (w.status == SMTP_REPLY_OK)
        check_clean(buf_span(&whole), w.code, false);
    buf_reset(&whole);
    if (!smtp_reply_append(&whole, 554, "5.7.1", in))
        abort();
    check_clean(buf_span(&whole), 554, true);
    buf_free(&whole);
    return 0;
}

/* fuzz_smtp_line.c - lines come out alike however the input is cut, and only CR LF ends one.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdlib.h>

#include "lib/base/buf.h"
#include "lib/proto/smtp_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LIMIT = 40 };

/* Reads all of `in`, `step` bytes at a time, and writes down what came out. */
static void run(span in, size_t step, struct buf *story)
{
    struct smtp_line l;
    struct buf b;

    smtp_line_init(&l);
    buf_init(&b, LIMIT + 2 + step);
    for (size_t at = 0; at < in.n; at += step) {
        enum smtp_line_status s;
        span line = { NULL, 0 };
        size_t used;

        if (!buf_append(&b, span_head(span_from(in, at), step)))
            abort();   /* more than limit + 2 bytes were kept */
        while ((s = smtp_line_next(&l, buf_span(&b), LIMIT, &line, &used)) != SMTP_LINE_MORE) {
            if (s == SMTP_LINE_OK && (line.n > LIMIT || span_find(line, '\n') < line.n || span_find(line, '\r') < line.n))
                abort();
            buf_printf(story, "%d:", (int)s);
            if (s != SMTP_LINE_LONG)
                buf_append(story, line);
            buf_append_char(story, '|');
            buf_consume(&b, used);
        }
        buf_consume(&b, used);
    }
    buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    span in = { (const char *)data, size };
    struct buf whole, pieces;

    buf_init(&whole, 1 << 20);
    run(in, size + 1, &whole);
    for (size_t step = 1; step <= 7; step += 2) {
        buf_init(&pieces, 1 << 20);
        run(in, step, &pieces);
        if (!span_eq(buf_span(&whole), buf_span(&pieces)))
            abort();
        buf_free(&pieces);
    }
    buf_free(&whole);
    return 0;
}

/* fuzz_smtp_dot.c - decode(encode(x)) is x with clean line ends; decoding keeps every byte; one end only; the cuts make no difference.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdlib.h>

#include "lib/base/alloc.h"
#include "lib/proto/smtp_dot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct buf fresh(void)
{
    struct buf b;

    buf_init(&b, 1 << 24);
    return b;
}

/* The rules, written down a second time, without states: a CR LF stays, any other CR, LF and NUL becomes a blank. */
static struct buf clean(span in, bool complete)
{
    struct buf b = fresh();

    for (size_t i = 0; i < in.n; i++) {
        char c = in.p[i];

        if (c == '\r' && i + 1 < in.n && in.p[i + 1] == '\n') {
            buf_append(&b, SPAN("\r\n"));
            i++;
        } else {
            buf_append_char(&b, c == '\r' || c == '\n' || c == '\0' ? ' ' : c);
        }
    }
    if (complete && in.n > 0 && !(in.n >= 2 && in.p[in.n - 2] == '\r' && in.p[in.n - 1] == '\n'))
        buf_append(&b, SPAN("\r\n"));
    return b;
}

static struct buf encode(span in, size_t step)
{
    struct buf b = fresh();
    struct smtp_dot_encoder e;

    smtp_dot_encode_init(&e);
    for (size_t at = 0; at < in.n; at += step)
        if (!smtp_dot_encode(&e, span_head(span_from(in, at), step), &b))
            abort();
    if (!smtp_dot_encode_end(&e, &b))
        abort();
    return b;
}

static enum smtp_dot_status decode(span in, size_t step, struct buf *to, size_t *used_out, uint64_t *dot_lines_out)
{
    enum smtp_dot_status s = SMTP_DOT_MORE;
    struct smtp_dot_decoder d;
    size_t used, at;

    smtp_dot_decode_init(&d);
    for (at = 0; at < in.n && s == SMTP_DOT_MORE; at += used)
        if ((s = smtp_dot_decode(&d, span_head(span_from(in, at), step), to, &used)) == SMTP_DOT_E_ROOM)
            abort();
    if (d.out_bytes != to->len)
        abort();
    *used_out = at;
    *dot_lines_out = d.dot_lines;
    return s;
}

/* No CR without LF, no LF without CR, no NUL; and the end of data once, at the end. */
static void check_encoded(span s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\0' || (s.p[i] == '\r' && (i + 1 == s.n || s.p[i + 1] != '\n')) || (s.p[i] == '\n' && (i == 0 || s.p[i - 1] != '\r')))
            abort();
    }
    if (s.n == 3) {
        if (!span_eq(s, SPAN(".\r\n")))
            abort();
    } else if (span_starts(s, SPAN(".\r\n")) || span_find_span(s, SPAN("\r\n.\r\n")) != s.n - 5) {
        abort();
    }
}

static uint64_t count_dot_lines(span s)
{
    uint64_t n = s.n > 0 && s.p[0] == '.';

    for (size_t i = 2; i < s.n; i++)
        n += s.p[i] == '.' && s.p[i - 1] == '\n';
    return n;
}

static void check_round_trip(span in)
{
    struct buf want = clean(in, true), encoded = encode(in, in.n + 1), back = fresh();
    uint64_t dot_lines;
    size_t used;

    check_encoded(buf_span(&encoded));
    if (decode(buf_span(&encoded), encoded.len, &back, &used, &dot_lines) != SMTP_DOT_END || used != encoded.len)
        abort();
    if (!span_eq(buf_span(&back), buf_span(&want)) || dot_lines != count_dot_lines(buf_span(&want)))
        abort();
    for (size_t step = 1; step <= 5; step++) {
        struct buf again = encode(in, step);

        if (!span_eq(buf_span(&again), buf_span(&encoded)))
            abort();
        buf_free(&again);
    }
    buf_free(&want);
    buf_free(&encoded);
    buf_free(&back);
}

/* The rules of unstuffing, written down a second time: a dot at the start of a line goes, and nothing else. */
static struct buf unstuffed(span in)
{
    struct buf b = fresh();

    for (size_t i = 0; i < in.n; i++)
        if (in.p[i] != '.' || !(i == 0 || (i >= 2 && in.p[i - 1] == '\n' && in.p[i - 2] == '\r')))
            buf_append_char(&b, in.p[i]);
    return b;
}

static void check_wash(span in)
{
    struct buf want = clean(in, false);
    char *washed = xmalloc(in.n + 1);

    smtp_dot_wash(in, washed);
    if (!span_eq(span_of(washed, in.n), buf_span(&want)))
        abort();
    free(washed);
    buf_free(&want);
}

/* The input as a DATA stream: the end is where a plain search finds it. */
static void check_stream(span in)
{
    size_t end = span_starts(in, SPAN(".\r\n")) ? 3 : span_find_span(in, SPAN("\r\n.\r\n")) + 5, used;
    struct buf whole = fresh();
    uint64_t dot_lines;
    enum smtp_dot_status s = decode(in, in.n, &whole, &used, &dot_lines);
    struct buf want = unstuffed(span_head(in, s == SMTP_DOT_END ? end - 3 : in.n));

    if ((s == SMTP_DOT_END) != (end <= in.n) || (s == SMTP_DOT_END && used != end))
        abort();
    /* Without an end the last CR, and a dot and CR, may still be held back. */
    if (s == SMTP_DOT_END ? !span_eq(buf_span(&whole), buf_span(&want)) : !span_starts(buf_span(&want), buf_span(&whole)) || want.len - whole.len > 1)
        abort();
    for (size_t step = 1; step <= 5; step++) {
        struct buf again = fresh();
        size_t used_again;

        if (decode(in, step, &again, &used_again, &dot_lines) != s || used_again != used || !span_eq(buf_span(&again), buf_span(&whole)))
            abort();
        buf_free(&again);
    }
    buf_free(&whole);
    buf_free(&want);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    span in = { (const char *)data, size };

    check_round_trip(in);
    check_wash(in);
    if (size > 0)
        check_stream(in);
    return 0;
}

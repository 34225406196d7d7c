/* smtp_reply_write.c - writes SMTP replies in clean lines of at most 512 bytes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/proto/smtp_reply.h"

#include <stdio.h>

#include "lib/proto/oneline.h"

enum { LINES_MAX = 20, LINE_TEXT_MAX = SMTP_REPLY_LINE_MAX - 2 /* CR LF */ };

/* A reply being written; `last_sep` is where the separator of its last line stands, to be made a blank at the end. */
struct writer {
    struct buf *to;
    size_t start, last_sep;
    unsigned lines;
    bool full;
};

static void put_line(struct writer *w, int code, span prefix, span text)
{
    const char *between = prefix.n > 0 && text.n > 0 ? " " : "";
    char line[SMTP_REPLY_LINE_MAX + 1];
    int n;

    if (w->full || w->lines == LINES_MAX)
        return;
    n = snprintf(line, sizeof(line), "%03d-%.*s%s%.*s\r\n", code, SPAN_ARG(prefix), between, SPAN_ARG(text));
    w->last_sep = w->to->len + 3;
    w->full = !buf_append(w->to, span_of(line, (size_t)n));
    w->lines++;
}

static bool finish(struct writer *w)
{
    if (w->full) {
        buf_truncate(w->to, w->start);
        return false;
    }
    w->to->base[w->to->head + w->last_sep] = ' ';
    return true;
}

/* Length of the first piece of `text` that fits into max bytes, cut at a blank if there is one in its second half. */
static size_t piece_length(span text, size_t max)
{
    size_t n = max;

    if (text.n <= max)
        return text.n;
    while (n > max / 2 && text.p[n] != ' ')
        n--;
    return n > max / 2 ? n : max;
}

static void put_wrapped(struct writer *w, int code, span prefix, span text)
{
    char clean[SMTP_REPLY_LINE_MAX];
    size_t max = LINE_TEXT_MAX - 4 - prefix.n - (prefix.n > 0);

    do {
        size_t n = piece_length(text, max);

        put_line(w, code, prefix, span_of(clean, oneline_ascii(span_head(text, n), clean, max)));
        text = span_from(text, n);
    } while (text.n > 0 && w->lines < LINES_MAX);
}

bool smtp_reply_append(struct buf *to, int code, const char *enhanced, span text)
{
    struct writer w = { .to = to, .start = to->len };
    span prefix = SPAN(""), rest = span_trim(text), line;

    if (rest.p == NULL)
        rest = SPAN("");   /* one line without text */

    if (code < 200 || code > 599)
        return false;
    if (enhanced != NULL) {
        if (!smtp_enhanced_parse(span_str(enhanced), &prefix) || prefix.n != strlen(enhanced) || enhanced[0] - '0' != code / 100)
            return false;
    }
    while (w.lines < LINES_MAX && span_next(&rest, '\n', &line))
        put_wrapped(&w, code, prefix, line);
    return finish(&w);
}

bool smtp_reply_append_relayed(struct buf *to, const struct smtp_reply *r)
{
    struct writer w = { .to = to, .start = to->len };
    char clean[LINE_TEXT_MAX - 4];
    span rest = r->raw, text;

    while (smtp_reply_next_line(&rest, &text)) {
        w.lines = 0;   /* their lines are all passed on: the reader has bounded them */
        put_line(&w, r->code, SPAN(""), span_of(clean, oneline_utf8(text, clean, sizeof(clean))));
    }
    if (w.lines == 0)
        return false;
    return finish(&w);
}

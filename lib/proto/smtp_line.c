/* smtp_line.c - cuts the client's side of an SMTP dialogue into command lines.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/proto/smtp_line.h"

/* Offset of the next CR LF at or after `at`; in.n when there is none. */
static size_t find_crlf(span in, size_t at)
{
    const char *lf;

    while (at < in.n && (lf = memchr(in.p + at, '\n', in.n - at)) != NULL) {
        size_t i = (size_t)(lf - in.p);

        if (i > 0 && in.p[i - 1] == '\r')
            return i - 1;
        at = i + 1;
    }
    return in.n;
}

static bool has_stray(span line)
{
    return line.n > 0 && (memchr(line.p, '\r', line.n) != NULL || memchr(line.p, '\n', line.n) != NULL ||
                          memchr(line.p, '\0', line.n) != NULL);
}

/* No line end in sight: keep the input, or, over the limit, drop all but a last CR that may be the first half of it. */
static enum smtp_line_status wait_for_more(struct smtp_line *l, span in, size_t limit, size_t *used_out)
{
    size_t keep = in.n > 0 && in.p[in.n - 1] == '\r' ? 1 : 0;

    if (l->dropped == 0 && in.n - keep <= limit) {
        l->at = in.n;
        *used_out = 0;
        return SMTP_LINE_MORE;
    }
    *used_out = in.n - keep;
    l->dropped += *used_out;
    l->at = keep;
    return SMTP_LINE_MORE;
}

enum smtp_line_status smtp_line_next(struct smtp_line *l, span in, size_t limit, span *line_out, size_t *used_out)
{
    size_t end = find_crlf(in, l->at);
    bool was_long;
    span line;

    if (end == in.n)
        return wait_for_more(l, in, limit, used_out);
    was_long = l->dropped > 0 || end > limit;
    line = span_head(in, end);
    *used_out = end + 2;
    smtp_line_init(l);
    if (was_long)
        return SMTP_LINE_LONG;
    *line_out = line;
    return has_stray(line) ? SMTP_LINE_BAD : SMTP_LINE_OK;
}

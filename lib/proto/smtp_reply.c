/* smtp_reply.c - reads SMTP replies: incremental, bounded.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/proto/smtp_reply.h"

enum { CODE_DIGITS = 3, HEAD = 4 /* code and separator */ };

void smtp_reply_parser_init(struct smtp_reply_parser *p)
{
    memset(p, 0, offsetof(struct smtp_reply_parser, first));
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* A number of 1..3 digits at s.p[*i]; moves *i behind it. */
static bool skip_number(span s, size_t *i)
{
    size_t start = *i;

    while (*i < s.n && *i - start < 3 && is_digit(s.p[*i]))
        ++*i;
    return *i > start;
}

bool smtp_enhanced_parse(span text, span *enhanced_out)
{
    size_t i = 2;

    if (text.n < 5 || (text.p[0] != '2' && text.p[0] != '4' && text.p[0] != '5') || text.p[1] != '.')
        return false;
    if (!skip_number(text, &i) || i == text.n || text.p[i++] != '.' || !skip_number(text, &i))
        return false;
    if (i < text.n && text.p[i] != ' ' && text.p[i] != '\t' && text.p[i] != '\r' && text.p[i] != '\n')
        return false;
    *enhanced_out = span_head(text, i);
    return true;
}

/* "NNN", "NNN text" or "NNN-text" without its line end; the separator, or 0 when it is no reply line. */
static char line_separator(span line, int *code_out)
{
    int code = 0;

    if (line.n < CODE_DIGITS)
        return 0;
    for (size_t i = 0; i < CODE_DIGITS; i++) {
        if (!is_digit(line.p[i]))
            return 0;
        code = code * 10 + (line.p[i] - '0');
    }
    if (code < 200 || code > 599)
        return 0;
    *code_out = code;
    if (line.n == CODE_DIGITS)
        return ' ';
    return line.p[CODE_DIGITS] == ' ' || line.p[CODE_DIGITS] == '-' ? line.p[CODE_DIGITS] : 0;
}

/* The separator of a line that fits to the lines before, else 0. */
static char accept_head(struct smtp_reply_parser *p, span line)
{
    int code = 0;
    char sep = line_separator(line, &code);

    if (sep == 0 || (p->code != 0 && p->code != code))
        return 0;
    p->code = code;
    return sep;
}

static span without_line_end(span line)
{
    if (line.n > 0 && line.p[line.n - 1] == '\n')
        line.n--;
    if (line.n > 0 && line.p[line.n - 1] == '\r')
        line.n--;
    return line;
}

static bool has_garbage(span line)
{
    return line.n > 0 && (memchr(line.p, '\0', line.n) != NULL || memchr(line.p, '\r', line.n) != NULL);
}

/* Keeps the first line, before the input it lies in goes. */
static void keep_first(struct smtp_reply_parser *p, span in)
{
    span line = without_line_end(span_head(in, span_find(in, '\n')));

    if (p->cut)
        return;
    p->cut = true;
    p->first_n = (uint16_t)(line.n < sizeof(p->first) - 2 ? line.n : sizeof(p->first) - 2);
    memcpy(p->first, line.p, p->first_n);
    if (p->first_n > CODE_DIGITS)
        p->first[CODE_DIGITS] = ' ';
}

/* Judges the piece of a line that is about to be thrown away; a CR at its end is kept, it may be half of the line end. */
static bool skip_piece(struct smtp_reply_parser *p, span piece)
{
    if (p->skipping == 0)
        p->skipping = accept_head(p, piece);
    return p->skipping != 0 && !has_garbage(piece);
}

/* The line under way has no end yet.  Over the cap everything goes but what is needed to judge it. */
static enum smtp_reply_status wait_for_more(struct smtp_reply_parser *p, span in, size_t *used_out)
{
    span line = span_from(in, p->at);

    p->seen = line.n;
    if (p->dropped + in.n > SMTP_REPLY_TOTAL_MAX)
        return SMTP_REPLY_E_ENDLESS;
    if (!p->cut && in.n <= SMTP_REPLY_CAP)
        return SMTP_REPLY_MORE;
    keep_first(p, in);
    *used_out = p->at;
    if (p->skipping != 0 || line.n > HEAD) {
        line = span_head(line, line.n > 0 && line.p[line.n - 1] == '\r' ? line.n - 1 : line.n);
        if (!skip_piece(p, line))
            return SMTP_REPLY_E_SYNTAX;
        *used_out = p->at + line.n;
    }
    p->dropped += *used_out;
    p->at = 0;
    p->seen = in.n - *used_out;
    return SMTP_REPLY_MORE;
}

static void fill_reply(const struct smtp_reply_parser *p, span raw, struct smtp_reply *out)
{
    span text = span_from(without_line_end(span_head(raw, span_find(raw, '\n'))), HEAD), enhanced;

    *out = (struct smtp_reply){ .code = p->code, .text = text, .raw = raw, .lines = p->lines, .cut = p->cut };
    if (smtp_enhanced_parse(text, &enhanced) && enhanced.p[0] == raw.p[0]) {
        out->enhanced = enhanced;
        text = span_from(text, enhanced.n);
        out->text = text.n > 0 ? span_from(text, 1) : text;
    }
}

static void finish(struct smtp_reply_parser *p, span in, struct smtp_reply *out, size_t *used_out)
{
    if (p->dropped + p->at > SMTP_REPLY_CAP)
        keep_first(p, in);
    fill_reply(p, p->cut ? span_of(p->first, p->first_n) : span_head(in, p->at), out);
    *used_out = p->at;
    smtp_reply_parser_init(p);
}

bool smtp_reply_begun(const struct smtp_reply_parser *p, span in)
{
    return in.n > 0 || p->code != 0 || p->dropped > 0;
}

enum smtp_reply_status smtp_reply_parse(struct smtp_reply_parser *p, span in, struct smtp_reply *out, size_t *used_out)
{
    const char *lf;

    *used_out = 0;
    while (p->at + p->seen < in.n && (lf = memchr(in.p + p->at + p->seen, '\n', in.n - p->at - p->seen)) != NULL) {
        size_t next = (size_t)(lf - in.p) + 1;
        span line = without_line_end(span_of(in.p + p->at, next - p->at));
        char sep = p->skipping != 0 ? p->skipping : accept_head(p, line);

        if (sep == 0 || has_garbage(line))
            return SMTP_REPLY_E_SYNTAX;
        if (p->dropped + next > SMTP_REPLY_TOTAL_MAX)
            return SMTP_REPLY_E_ENDLESS;
        p->skipping = 0;
        p->lines++;
        p->at = next;
        p->seen = 0;
        if (sep == ' ') {
            finish(p, in, out, used_out);
            return SMTP_REPLY_OK;
        }
    }
    return wait_for_more(p, in, used_out);
}

bool smtp_reply_next_line(span *rest, span *text_out)
{
    span line;

    if (rest->n == 0 || !span_next(rest, '\n', &line))
        return false;
    *text_out = span_from(without_line_end(line), HEAD);
    return true;
}

/* param_values.c - what the bytes of one value may mean.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/mime/param_private.h"

static bool ends_token(char c)
{
    return strchr("()<>@,;:\\\"[]?=", c) != NULL;      /* NUL too; "/" belongs to media types and boundaries */
}

static span unescape(struct arena *a, span s, bool *any_out)
{
    size_t n = 0;
    char *to;

    *any_out = span_find(s, '\\') < s.n;
    if (!*any_out)
        return s;
    to = arena_alloc(a, s.n);
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\\' && i + 1 < s.n)
            i++;
        to[n++] = s.p[i];
    }
    return (span){ to, n };
}

static span without(struct arena *a, span s, bool (*goes)(char c))
{
    char *to = arena_alloc(a, s.n);
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++)
        if (!goes(s.p[i]))
            to[n++] = s.p[i];
    return (span){ to, n };
}

static bool is_quote(char c)
{
    return c == '"';
}

static void add(struct param_reader *r, span name, span value, unsigned how)
{
    if (name.n > 0 && span_find(name, '*') < name.n)
        param_extended(r, name, value, how);
    param_add_word(r, name, value, how);
    r->plainest = false;
}

/* "a" "b": a" "b for those who take off the first and last sign only; the same for <a> and 'a'. */
static void add_inside(struct param_reader *r, span name, span raw, unsigned how)
{
    static const char pairs[][2] = { { '"', '"' }, { '<', '>' }, { '\'', '\'' } };

    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        if (raw.n >= 2 && raw.p[0] == pairs[i][0] && raw.p[raw.n - 1] == pairs[i][1])
            add(r, name, (span){ raw.p + 1, raw.n - 2 }, how | PARAM_LITERAL);
}

/* Ends with a quote that no backslash stands before. */
static bool is_closed(span s)
{
    size_t slashes = 0;

    if (s.n < 2 || s.p[s.n - 1] != '"')
        return false;
    while (slashes + 2 < s.n && s.p[s.n - 2 - slashes] == '\\')
        slashes++;
    return slashes % 2 == 0;
}

/* A value that begins with a quoted-string. */
static void quoted(struct param_reader *r, span name, span raw)
{
    size_t end = param_quote_end(raw, 0);
    bool closed = is_closed(span_head(raw, end)), escaped;
    unsigned how = PARAM_QUOTED | (closed ? 0 : PARAM_UNCLOSED);
    span inner = span_head(span_from(raw, 1), closed ? end - 2 : raw.n - 1), plain = unescape(r->arena, inner, &escaped);
    span behind = span_trim(span_from(raw, end)), trimmed;

    add(r, name, plain, how | (escaped ? PARAM_ESCAPED : 0));
    if (escaped) {
        add(r, name, inner, how);
        add(r, name, span_trim(inner), how | PARAM_CUT);
    }
    trimmed = span_trim(plain);
    if (trimmed.n != plain.n)
        add(r, name, trimmed, how | PARAM_CUT);
    if (behind.n > 0) {        /* "a"b: ab for some */
        add(r, name, raw, how | PARAM_LITERAL);
        add(r, name, without(r->arena, raw, is_quote), how | PARAM_LITERAL);
        add_inside(r, name, raw, how);
    }
    add_inside(r, name, trimmed, how);
}

static void unquoted(struct param_reader *r, span name, span raw, unsigned how)
{
    size_t end = 0;
    bool escaped;
    span plain;

    add(r, name, raw, how);
    if (span_find(raw, '"') < raw.n)
        add(r, name, without(r->arena, raw, is_quote), how | PARAM_LITERAL);
    add_inside(r, name, raw, how);
    plain = unescape(r->arena, raw, &escaped);
    if (escaped)
        add(r, name, plain, how | PARAM_ESCAPED);
    while (end < raw.n && !param_is_blank(raw.p[end]))
        end++;
    if (end < raw.n) {
        add(r, name, span_head(raw, end), how | PARAM_CUT);
        add(r, name, without(r->arena, raw, param_is_blank), how | PARAM_CUT);
    }
    for (end = 0; end < raw.n && !param_is_blank(raw.p[end]) && !ends_token(raw.p[end]);)
        end++;
    if (end > 0 && end < raw.n)
        add(r, name, span_head(raw, end), how | PARAM_CUT);
    for (end = 0; end < raw.n && raw.p[end] == '=';)
        end++;
    if (end > 0)
        add(r, name, span_trim(span_from(raw, end)), how | PARAM_CUT);
}

void param_values(struct param_reader *r, span name, span raw)
{
    span text = raw;
    unsigned how = 0;

    if ((r->reading & READ_COMMENTS) != 0) {
        text = param_without_comments(r->arena, raw);
        how = text.n != raw.n ? PARAM_COMMENT : 0;
    }
    text = span_trim(text);
    r->plainest = true;
    if (text.n == 0 || text.p[0] != '"') {
        unquoted(r, name, text, how);
    } else if ((r->reading & READ_QUOTES) != 0) {
        quoted(r, name, text);
    } else {                   /* quotes that do not hide a ";" may still be quotes; alone they are nothing */
        if (is_closed(text))
            quoted(r, name, text);
        unquoted(r, name, text, how);
        if (!is_closed(text))
            quoted(r, name, text);
    }
    if (how != 0)              /* comments taken for text, in a field whose names have some as well */
        unquoted(r, name, span_trim(raw), PARAM_LITERAL);
}

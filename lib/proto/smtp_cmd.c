/* smtp_cmd.c - reads SMTP commands as leniently as Postfix does.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/proto/smtp_cmd.h"

static const span verb_names[SMTP_VERBS] = {
    [SMTP_OTHER] = SPAN("?"),     [SMTP_HELO] = SPAN("HELO"), [SMTP_EHLO] = SPAN("EHLO"),         [SMTP_LHLO] = SPAN("LHLO"),
    [SMTP_MAIL] = SPAN("MAIL"),   [SMTP_RCPT] = SPAN("RCPT"), [SMTP_DATA] = SPAN("DATA"),         [SMTP_BDAT] = SPAN("BDAT"),
    [SMTP_RSET] = SPAN("RSET"),   [SMTP_NOOP] = SPAN("NOOP"), [SMTP_QUIT] = SPAN("QUIT"),         [SMTP_VRFY] = SPAN("VRFY"),
    [SMTP_EXPN] = SPAN("EXPN"),   [SMTP_HELP] = SPAN("HELP"), [SMTP_ETRN] = SPAN("ETRN"),         [SMTP_AUTH] = SPAN("AUTH"),
    [SMTP_STARTTLS] = SPAN("STARTTLS"), [SMTP_XFORWARD] = SPAN("XFORWARD"), [SMTP_XCLIENT] = SPAN("XCLIENT"),
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static span skip_blanks(span s)
{
    while (s.n > 0 && is_blank(s.p[0])) {
        s.p++;
        s.n--;
    }
    return s;
}

static span trim_blanks(span s)
{
    while (s.n > 0 && is_blank(s.p[s.n - 1]))
        s.n--;
    return skip_blanks(s);
}

/* Length up to the first blank. */
static size_t word_length(span s)
{
    size_t i = 0;

    while (i < s.n && !is_blank(s.p[i]))
        i++;
    return i;
}

bool smtp_cmd_parse(span line, struct smtp_cmd *out)
{
    span s = trim_blanks(line);
    size_t n = word_length(s);

    for (size_t i = 0; i < line.n; i++)
        if (((unsigned char)line.p[i] < 0x20 && line.p[i] != '\t') || line.p[i] == 0x7f)
            return false;
    if (n == 0)
        return false;
    *out = (struct smtp_cmd){ SMTP_OTHER, line, span_head(s, n), skip_blanks((span){ s.p + n, s.n - n }) };
    for (int v = SMTP_OTHER + 1; v < SMTP_VERBS; v++) {
        if (span_eq_nocase(out->word, verb_names[v])) {
            out->verb = (enum smtp_verb)v;
            break;
        }
    }
    return true;
}

const char *smtp_verb_name(enum smtp_verb v)
{
    return (unsigned)v < SMTP_VERBS ? verb_names[v].p : "?";
}

/* Offset of the first byte of `stop` outside quoted strings and quoted pairs; s.n when there is none, *open_out: inside of one of them. */
static size_t find_unquoted(span s, const char *stop, bool *open_out)
{
    bool quoted = false;
    size_t i;

    for (i = 0; i < s.n; i++) {
        if (s.p[i] == '\\' && i + 1 < s.n)
            i++;
        else if (s.p[i] == '"')
            quoted = !quoted;
        else if (!quoted && s.p[i] != '\0' && strchr(stop, s.p[i]) != NULL)
            break;
    }
    *open_out = quoted;
    return i;
}

/* RFC 5321 4.1.2: "@a,@b:mailbox" means the mailbox (appendix C: the route is to be ignored).  The colons of an IPv6 literal do not end it. */
static span without_route(span path, bool *routed_out)
{
    bool literal = false;

    *routed_out = false;
    if (path.n == 0 || path.p[0] != '@')
        return path;
    for (size_t i = 0; i < path.n; i++) {
        if (path.p[i] == '[' || path.p[i] == ']') {
            literal = path.p[i] == '[';
        } else if (path.p[i] == '"') {
            return path;
        } else if (path.p[i] == ':' && !literal) {
            *routed_out = true;
            return skip_blanks((span){ path.p + i + 1, path.n - i - 1 });
        }
    }
    return path;
}

static bool split_bracketed(span s, struct smtp_path *path)
{
    span inner = span_of(s.p + 1, s.n - 1);
    bool open;
    size_t end = find_unquoted(inner, "<>", &open);
    span after;

    if (end == inner.n || inner.p[end] == '<')   /* an open quote runs to the end too */
        return false;
    after = span_of(inner.p + end + 1, inner.n - end - 1);
    if (after.n > 0 && !is_blank(after.p[0]))
        return false;
    path->bracketed = true;
    path->raw = span_head(s, end + 2);
    path->mailbox = without_route(trim_blanks(span_head(inner, end)), &path->routed);
    path->params = skip_blanks(after);
    return true;
}

static bool split_bare(span s, struct smtp_path *path)
{
    bool open;
    size_t end = find_unquoted(s, " \t<>", &open);

    if (end == 0 || open || (end < s.n && !is_blank(s.p[end])))
        return false;
    path->bracketed = false;
    path->raw = span_head(s, end);
    path->mailbox = without_route(path->raw, &path->routed);
    path->params = skip_blanks(span_of(s.p + end, s.n - end));
    return true;
}

bool smtp_cmd_path(const struct smtp_cmd *c, struct smtp_path *out)
{
    span keyword = c->verb == SMTP_MAIL ? SPAN("FROM") : SPAN("TO"), s = c->args;
    struct smtp_path path;

    if ((c->verb != SMTP_MAIL && c->verb != SMTP_RCPT) || !span_starts_nocase(s, keyword))
        return false;
    s = skip_blanks((span){ s.p + keyword.n, s.n - keyword.n });
    if (s.n == 0 || s.p[0] != ':')
        return false;
    s = skip_blanks((span){ s.p + 1, s.n - 1 });
    if (s.n == 0 || !(s.p[0] == '<' ? split_bracketed(s, &path) : split_bare(s, &path)))
        return false;
    *out = path;
    return true;
}

bool smtp_param_next(span *rest, struct smtp_param *out)
{
    span s = skip_blanks(*rest), word;
    size_t eq;

    if (s.n == 0)
        return false;
    word = span_head(s, word_length(s));
    eq = span_find(word, '=');
    out->name = span_head(word, eq);
    out->value = eq < word.n ? span_of(word.p + eq + 1, word.n - eq - 1) : span_of(NULL, 0);
    *rest = span_of(s.p + word.n, s.n - word.n);
    return true;
}

bool smtp_param_find(span params, const char *name, struct smtp_param *out)
{
    struct smtp_param p;

    while (smtp_param_next(&params, &p)) {
        if (span_eq_nocase(p.name, span_str(name))) {
            *out = p;
            return true;
        }
    }
    return false;
}

static enum smtp_body body_of(span value)
{
    if (span_eq_nocase(value, SPAN("7BIT")))
        return SMTP_BODY_7BIT;
    if (span_eq_nocase(value, SPAN("8BITMIME")))
        return SMTP_BODY_8BITMIME;
    return span_eq_nocase(value, SPAN("BINARYMIME")) ? SMTP_BODY_BINARYMIME : SMTP_BODY_BAD;
}

void smtp_mail_params(span params, struct smtp_mail_params *out)
{
    struct smtp_param p;

    *out = (struct smtp_mail_params){ .body = SMTP_BODY_NONE };
    while (smtp_param_next(&params, &p)) {
        if (span_eq_nocase(p.name, SPAN("SIZE"))) {
            out->bad |= !span_to_u64(p.value, &out->size);
        } else if (span_eq_nocase(p.name, SPAN("BODY"))) {
            out->body = body_of(p.value);
            out->bad |= out->body == SMTP_BODY_BAD;
        } else if (span_eq_nocase(p.name, SPAN("SMTPUTF8"))) {
            out->smtputf8 = true;
            out->bad |= p.value.p != NULL;
        }
    }
}

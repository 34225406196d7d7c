/* param.c - cuts a field into parameters, in every way in which readers do.
 *
 * A field of ordinary make is cut once or twice; each oddity that stands in it adds the ways that treat it otherwise.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/mime/param_private.h"

/* Each reading copies what it changes, so the longest field costs some megabytes of the arena. */
enum { BODY_BYTES_MAX = 16 * 1024 };

static bool is_known(span name)
{
    static const span known[] = { SPAN(""), SPAN("boundary"), SPAN("charset"), SPAN("name"), SPAN("filename"), SPAN("type"), SPAN("start"),
                                  SPAN("protocol"), SPAN("smime-type"), SPAN("access-type"), SPAN("number"), SPAN("total"), SPAN("id") };

    name = span_head(name, span_find(name, '*'));
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (span_eq_nocase(name, known[i]))
            return true;
    return false;
}

void param_add(struct param_reader *r, span name, span value, unsigned how)
{
    struct param_list *l = r->out;

    for (size_t i = 0; i < l->n; i++)
        if (span_eq(l->v[i].value, value) && span_eq_nocase(l->v[i].name, name))
            return;
    if (!is_known(name)) {
        if (l->others == PARAM_OTHERS_MAX)
            return;
        l->others++;
    }
    if (l->n == PARAM_LIST_MAX) {
        l->full = true;
        return;
    }
    if (l->n == l->cap) {
        size_t cap = l->cap == 0 ? 16 : l->cap * 2;
        struct param *v = arena_alloc(r->arena, cap * sizeof *v);

        if (l->n > 0)
            memcpy(v, l->v, l->n * sizeof *v);
        l->v = v;
        l->cap = cap;
    }
    l->v[l->n++] = (struct param){ name, value, how | r->how };
}

size_t param_comment_end(span s, size_t at)
{
    unsigned depth = 0;

    for (; at < s.n; at++) {
        if (s.p[at] == '\\')
            at++;
        else if (s.p[at] == '(')
            depth++;
        else if (s.p[at] == ')' && --depth == 0)
            return at + 1;
    }
    return s.n;
}

size_t param_quote_end(span s, size_t at)
{
    for (at++; at < s.n; at++) {
        if (s.p[at] == '\\')
            at++;
        else if (s.p[at] == '"')
            return at + 1;
    }
    return s.n;
}

span param_without_comments(struct arena *a, span s)
{
    size_t n = 0, at = 0;
    char *to;

    if (span_find(s, '(') == s.n)
        return s;
    to = arena_alloc(a, s.n);
    while (at < s.n) {
        size_t end;

        if (s.p[at] == '(') {
            at = param_comment_end(s, at);
            continue;
        }
        end = s.p[at] == '"' ? param_quote_end(s, at) : at + 1;
        memcpy(to + n, s.p + at, end - at);
        n += end - at;
        at = end;
    }
    return (span){ to, n };
}

static size_t skip_blanks(span s, size_t at)
{
    while (at < s.n && param_is_blank(s.p[at]))
        at++;
    return at;
}

/* A blank that stands where a ";" belongs: something follows that is no "=", and none is before. */
static bool blank_separates(span s, size_t start, size_t at)
{
    size_t next = skip_blanks(s, at), before = at;

    while (before > start && param_is_blank(s.p[before - 1]))
        before--;
    return before > start && s.p[before - 1] != '=' && next < s.n && s.p[next] != '=' && s.p[next] != ';';
}

/* Offset of the separator that ends the piece at `at`, and of the "=" in it (or the separator's when it has none). */
static size_t piece_end(span s, size_t at, unsigned reading, size_t *equals_out)
{
    size_t start = at;

    *equals_out = SIZE_MAX;
    while (at < s.n) {
        char c = s.p[at];

        if (c == '(' && (reading & READ_COMMENTS) != 0) {
            at = param_comment_end(s, at);
            continue;
        }
        if (c == '"' && (reading & READ_QUOTES) != 0) {
            at = param_quote_end(s, at);
            continue;
        }
        if (c == ';' || (c == ',' && (reading & READ_COMMA) != 0))
            break;
        if (param_is_blank(c) && (reading & READ_BLANK) != 0) {
            if (blank_separates(s, start, at))
                break;
            at = skip_blanks(s, at);   /* once: a long run of blanks must not be looked through again and again */
            continue;
        }
        if (c == '=' && *equals_out == SIZE_MAX)
            *equals_out = at;
        at++;
    }
    if (*equals_out == SIZE_MAX)
        *equals_out = at;
    return at;
}

/* No "=": a name alone, a media type behind a stray separator, or a value behind a ":", or right behind the name. */
static void bare_piece(struct param_reader *r, span name, span whole)
{
    size_t colon = span_find(whole, ':'), quote = span_find(whole, '"');

    param_add(r, name, SPAN(""), PARAM_BARE);
    if (span_find(name, '/') < name.n)
        param_add(r, SPAN(""), name, PARAM_BARE | PARAM_ODD_SEPARATOR);
    if (colon < quote)
        param_values(r, span_trim(span_head(whole, colon)), span_from(whole, colon + 1));
    else if (quote > 0 && quote < whole.n)
        param_values(r, span_trim(span_head(whole, quote)), span_from(whole, quote));
}

static void one_piece(struct param_reader *r, span piece, size_t equals, bool first)
{
    span name = span_head(piece, equals), whole = span_trim(piece);

    if ((r->reading & READ_COMMENTS) != 0)
        name = param_without_comments(r->arena, name);
    name = span_trim(name);
    if (first) {
        param_values(r, SPAN(""), piece);
        if (equals == piece.n)
            return;
    }
    if (whole.n == 0)
        return;
    if (equals == piece.n) {
        bare_piece(r, name, whole);
        return;
    }
    param_values(r, name, span_from(piece, equals + 1));
    if ((r->reading & READ_COMMENTS) == 0 && span_find(name, '(') < name.n)        /* an open comment elsewhere does not undo those in names */
        param_values(r, span_trim(param_without_comments(r->arena, name)), span_from(piece, equals + 1));
}

static void read_pieces(struct param_reader *r, span text)
{
    size_t at = 0;
    bool first = true;

    do {
        size_t equals, end = piece_end(text, at, r->reading, &equals);

        one_piece(r, span_head(span_from(text, at), end - at), equals - at, first);
        first = false;
        at = end < text.n && !param_is_blank(text.p[end]) ? end + 1 : skip_blanks(text, end);
    } while (at < text.n && !r->out->full);
    param_join(r);
}

static void read_as(struct param_reader *r, span text, unsigned reading, unsigned how)
{
    r->reading = reading;
    r->how = how;
    r->n_pieces = 0;
    read_pieces(r, text);
}

static bool has(span s, char c)
{
    return span_find(s, c) < s.n;
}

/* A blank within what a ";" would end, with more behind. */
static bool has_inner_blank(span s)
{
    span rest = s, piece;

    while (span_next(&rest, ';', &piece)) {
        piece = span_trim(piece);
        for (size_t i = 0; i < piece.n; i++)
            if (param_is_blank(piece.p[i]))
                return true;
    }
    return false;
}

static void read_text(struct param_reader *r, span text, unsigned how)
{
    bool comments = has(text, '('), quotes = has(text, '"');

    read_as(r, text, READ_COMMENTS | READ_QUOTES, how);
    if (comments)
        read_as(r, text, READ_QUOTES, how | PARAM_LITERAL);
    if (quotes)
        read_as(r, text, READ_COMMENTS, how | PARAM_LITERAL);
    if (comments && quotes)
        read_as(r, text, 0, how | PARAM_LITERAL);
    if (has(text, ','))
        read_as(r, text, READ_COMMENTS | READ_QUOTES | READ_COMMA, how | PARAM_ODD_SEPARATOR);
    if (has_inner_blank(text))
        read_as(r, text, READ_COMMENTS | READ_QUOTES | READ_BLANK | READ_COMMA, how | PARAM_ODD_SEPARATOR);
}

/* Folded lines in one: line ends go, and the blanks behind them if `blanks_too`. */
static span unfold(struct arena *a, span s, bool blanks_too)
{
    bool behind = false;
    size_t n = 0;
    char *to;

    if (!has(s, '\r') && !has(s, '\n'))
        return s;
    to = arena_alloc(a, s.n);
    for (size_t i = 0; i < s.n; i++) {
        bool end = s.p[i] == '\r' || s.p[i] == '\n';

        behind = end || (behind && param_is_blank(s.p[i]));
        if (!end && !(behind && blanks_too))
            to[n++] = s.p[i];
    }
    return (span){ to, n };
}

/* A fold that does not follow a ";": readers differ over what it leaves behind. */
static bool has_odd_fold(span s)
{
    char last = ';';

    s = span_trim(s);
    for (size_t i = 0; i < s.n; i++) {
        if ((s.p[i] == '\r' || s.p[i] == '\n') && last != ';')
            return true;
        if (!param_is_blank(s.p[i]))
            last = s.p[i];
    }
    return false;
}

static span without_nul(struct arena *a, span s)
{
    char *to = arena_alloc(a, s.n);
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != '\0')
            to[n++] = s.p[i];
    return (span){ to, n };
}

void param_parse(span body, struct arena *a, struct param_list *out)
{
    struct param_reader r = { .arena = a, .out = out };
    span text, decoded;

    if (body.n > BODY_BYTES_MAX) {
        out->full = true;
        body = span_head(body, BODY_BYTES_MAX);
    }
    text = unfold(a, body, false);
    read_text(&r, text, 0);
    if (has(text, '\0')) {
        read_text(&r, without_nul(a, text), PARAM_CUT);
        read_text(&r, span_head(text, span_find(text, '\0')), PARAM_CUT);
    }
    if (param_decode_words(a, text, &decoded))
        read_text(&r, decoded, PARAM_WORD);
    if (has_odd_fold(body)) {
        read_text(&r, body, 0);                        /* line ends as blanks, for what was folded without one */
        read_text(&r, unfold(a, body, true), 0);
    }
}

bool param_next(const struct param_list *l, span name, size_t *i, struct param *out)
{
    while (*i < l->n) {
        const struct param *p = &l->v[(*i)++];

        if (span_eq_nocase(p->name, name)) {
            *out = *p;
            return true;
        }
    }
    return false;
}

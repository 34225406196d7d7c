/* fields.c - the header of an entity under every reading.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/mime/fields.h"

enum { NAME_MAX_BYTES = 80, EXTRA_ENDS_MAX = 4, LOOK_AHEAD = 3, ODD_BEFORE_MAX = 4, ODD_BETWEEN_MAX = 24 };

struct reader {
    span in;
    enum line_ends how;
    struct arena *arena;
    struct header *out;
    struct field *last;        /* the MIME field that continuation lines belong to */
    bool any;                  /* a field of any name was met */
    unsigned behind_end;       /* ends that were passed over */
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\0';
}

static span skip_blanks(span s)
{
    while (s.n > 0 && is_blank(*s.p))
        s = span_from(s, 1);
    return s;
}

/* The bytes before the colon, as they stand; false: no field. */
static bool split(span line, span *name_out, span *body_out)
{
    size_t n = 0, used;

    while (n < line.n && n < NAME_MAX_BYTES && line.p[n] != ':' && line.p[n] != ' ' && line.p[n] != '\t' &&
           (line.p[n] > ' ' || line.p[n] == '\0') && line.p[n] != 127)
        n++;
    for (used = n; used < line.n && used < NAME_MAX_BYTES && is_blank(line.p[used]);)
        used++;
    if (n == 0 || used >= line.n || line.p[used] != ':')
        return false;
    *name_out = span_of(line.p, used);
    *body_out = span_from(line, used + 1);
    return true;
}

bool field_at(span line)
{
    span name, body;

    return split(line, &name, &body);
}

/* Without NULs and blanks, lower case. */
static size_t plain_name(span name, char out[NAME_MAX_BYTES + 1])
{
    size_t n = 0;

    for (size_t i = 0; i < name.n && n < NAME_MAX_BYTES; i++)
        if (!is_blank(name.p[i]))
            out[n++] = ascii_lower(name.p[i]);
    out[n] = '\0';
    return n;
}

static bool mime_kind(span name, enum field_kind *out)
{
    static const struct { const char *name; enum field_kind kind; } known[] = {
        { "content-type", FIELD_TYPE }, { "content-transfer-encoding", FIELD_ENCODING }, { "content-disposition", FIELD_DISPOSITION },
        { "mime-version", FIELD_VERSION },
    };
    char plain[NAME_MAX_BYTES + 1];
    span s = span_of(plain, plain_name(name, plain));

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (span_eq(s, span_str(known[i].name))) {
            *out = known[i].kind;
            return true;
        }
    *out = FIELD_OTHER;
    return span_starts(s, SPAN("content-"));
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The name of a MIME field with junk before it, between it and its colon, or another sign in place of the colon.  Readers that search for the name
 * take it; for the others the header ends here. */
static bool split_odd(span line, span *name_out, span *body_out)
{
    static const span names[] = { { "content-type", 12 }, { "content-transfer-encoding", 25 }, { "content-disposition", 19 } };
    size_t from = 0, at;

    while (from < line.n && from < ODD_BEFORE_MAX && !is_letter(line.p[from])) {
        if (line.p[from] == '>' || line.p[from] == '|')
            return false;      /* is quoted */
        from++;
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!span_starts_nocase(span_from(line, from), names[i]))
            continue;
        at = from + names[i].n;
        while (at < line.n && at - from < names[i].n + ODD_BETWEEN_MAX && line.p[at] != ':' && line.p[at] != '/')
            at++;
        if (at == line.n || line.p[at] != ':')
            at = from + names[i].n;
        if (at == line.n || is_letter(line.p[at]) || line.p[at] == '-')
            return false;
        *name_out = span_of(line.p + from, names[i].n);
        *body_out = span_from(line, at + 1);
        return true;
    }
    return false;
}

bool field_is_mime(span line)
{
    span name, body;
    enum field_kind kind;

    line = skip_blanks(line);
    return (split(line, &name, &body) && mime_kind(name, &kind)) || split_odd(line, &name, &body);
}

static void add_body(struct header *h, size_t at)
{
    for (size_t i = 0; i < h->n_bodies; i++)
        if (h->body[i] == at)
            return;
    if (h->n_bodies < BODIES_MAX)
        h->body[h->n_bodies++] = at;
}

static unsigned oddities(const struct reader *r, const struct line *l, span name, span body)
{
    unsigned odd = r->behind_end > 0 ? FIELD_AFTER_END : 0;

    if (is_blank(name.p[name.n - 1]))
        odd |= FIELD_COLON_BLANK;
    if (memchr(name.p, '\0', name.n) != NULL || (body.n > 0 && memchr(body.p, '\0', body.n) != NULL))
        odd |= FIELD_NUL;
    if (l->at > 0 && r->in.p[l->at - 1] == '\r')
        odd |= FIELD_AFTER_CR;
    return odd;
}

/* Takes the line as a field if it is one. */
static bool take_field(struct reader *r, const struct line *l, bool indented)
{
    struct header *h = r->out;
    span line = span_of(r->in.p + l->at, l->end - l->at), name, body;
    enum field_kind kind;
    unsigned odd = 0;

    if (indented)
        line = skip_blanks(line);
    bool plain = split(line, &name, &body);
    if ((!plain || !mime_kind(name, &kind)) && split_odd(line, &name, &body)) {
        mime_kind(name, &kind);
        odd = FIELD_ODD_NAME;
        add_body(h, l->at);
    } else if (!plain)
        return false;
    if (odd == 0 && !mime_kind(name, &kind)) {
        if (!indented)
            r->last = NULL;
        h->n_lines += !indented;
        return true;
    }
    h->n_lines++;
    if (h->n >= FIELDS_MAX) {
        h->full = true;
        return true;
    }
    if (h->v == NULL)
        h->v = arena_alloc(r->arena, FIELDS_MAX * sizeof h->v[0]);
    r->last = &h->v[h->n++];
    *r->last = (struct field){ kind, oddities(r, l, name, body) | odd | (indented ? FIELD_INDENTED : 0U), name, body };
    return true;
}

/* What has blanks at its start continues the field before, and may be a field all the same. */
static void take_continuation(struct reader *r, const struct line *l)
{
    struct field *before = r->last;

    if (before != NULL) {
        const char *end = r->in.p + l->end;
        before->body = before->body.p != NULL ? span_of(before->body.p, (size_t)(end - before->body.p)) : span_of(r->in.p + l->at, l->end - l->at);
        if (memchr(r->in.p + l->at, '\0', l->end - l->at) != NULL)
            before->odd |= FIELD_NUL;
    }
    if (field_is_mime(span_of(r->in.p + l->at, l->end - l->at))) {
        take_field(r, l, true);
        if (before != NULL)
            r->last = before;
    }
}

/* Whether the header goes on behind an end: a MIME field within the next lines, nothing but blank lines and continuations before it. */
static bool goes_on(const struct reader *r, size_t at)
{
    for (int i = 0; i < LOOK_AHEAD && at < r->in.n; i++) {
        struct line l = line_at(r->in, at, r->how);
        span line = span_of(r->in.p + l.at, l.end - l.at);
        if (field_is_mime(line))
            return true;
        if (!line_blank(line) && !is_blank(line.p[0]))
            return false;
        at = l.next;
    }
    return false;
}

/* Readers that pass over a line that is no field have the body begin behind the next empty line. */
static void body_behind(const struct reader *r, size_t at)
{
    for (int i = 0; i <= LOOK_AHEAD && at < r->in.n; i++) {
        struct line l = line_at(r->in, at, r->how);
        if (l.end == l.at) {
            add_body(r->out, l.next);
            return;
        }
        at = l.next;
    }
}

static bool is_mbox_line(span line)
{
    return span_starts(line, SPAN("From ")) || span_starts(line, SPAN(">From "));
}

/* Returns whether there is more of the header. */
static bool take_line(struct reader *r, const struct line *l)
{
    struct header *h = r->out;
    span line = span_of(r->in.p + l->at, l->end - l->at);

    if (line.n == 0) {
        h->ended |= h->n_bodies == 0;
        add_body(h, l->next);
        if (!r->any && r->behind_end < EXTRA_ENDS_MAX && field_at(span_from(r->in, l->next))) {
            r->behind_end++;       /* empty lines before a header */
            return true;
        }
    } else if (line_blank(line)) {
        add_body(h, l->next);
        if (l->next < r->in.n && (is_blank(r->in.p[l->next]) || field_at(span_from(r->in, l->next))))
            return true;
    } else if (is_blank(line.p[0])) {
        take_continuation(r, l);
        return true;
    } else if (take_field(r, l, false)) {
        r->any = true;
        return true;
    } else if (l->at == 0 && (is_mbox_line(line) || field_at(span_from(r->in, l->next)))) {
        if (!is_mbox_line(line))
            add_body(h, 0);        /* whatever it is, a header follows */
        return true;
    } else {
        add_body(h, l->at);
        if (r->any)
            body_behind(r, l->next);
        if (r->any && l->next < r->in.n && !line_blank(line) && field_at(span_from(r->in, l->next)) && r->behind_end < EXTRA_ENDS_MAX) {
            r->behind_end++;
            r->last = NULL;
            return true;
        }
    }
    if (!goes_on(r, l->next) || r->behind_end >= EXTRA_ENDS_MAX)
        return false;
    r->behind_end++;
    return true;
}

void header_read(span in, enum line_ends how, struct arena *a, struct header *out)
{
    struct reader r = { .in = in, .how = how, .arena = a, .out = out };
    size_t at = 0;

    *out = (struct header){ 0 };
    while (at < in.n) {
        struct line l = line_at(in, at, how);
        if (!take_line(&r, &l))
            return;
        at = l.next;
    }
    add_body(out, in.n);
}

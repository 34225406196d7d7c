/* edit.c - what is cut out of a message and put into it, as a list beside the untouched bytes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/edit.h"

#include "lib/app/handover.h"
#include "lib/base/buf.h"
#include "lib/proto/header.h"
#include "lib/proto/smtp_dot.h"

enum {
    LINE_MAX_BYTES = 998,      /* RFC 5322 2.1.1 */
    FOLD_AT = 76,
    PUT_MAX = 16 * 1024,       /* all added fields together */
};

struct maker {
    struct edits list;
    size_t cap;
    struct arena *a;
};

static void add(struct maker *m, size_t at, size_t cut, span put)
{
    if (m->list.n == m->cap) {
        size_t cap = m->cap == 0 ? 8 : m->cap * 2;
        struct edit *v = arena_alloc(m->a, cap * sizeof(*v));

        if (m->list.n > 0)
            memcpy(v, m->list.v, m->list.n * sizeof(*v));
        m->list.v = v;
        m->cap = cap;
    }
    m->list.v[m->list.n++] = (struct edit){ at, cut, put };
}

static bool is_spam_field(span name)
{
    return span_eq_nocase(name, SPAN("X-Spam-Score")) || span_eq_nocase(name, SPAN("X-Spam-Report")) ||
           span_eq_nocase(name, SPAN("X-Spam-Flag"));
}

/* "Name: text", folded between words; bytes that have no place in a header field become '?'. */
static void put_field(struct buf *to, const char *name, const char *text)
{
    size_t column = strlen(name) + 1;
    span rest = span_str(text), word;

    buf_printf(to, "%s:", name);
    while (span_next(&rest, ' ', &word)) {
        if (word.n == 0)
            continue;
        if (column + 1 + word.n > FOLD_AT && column > strlen(name) + 1) {
            buf_append_str(to, "\r\n\t");
            column = 8;
        } else {
            buf_append_char(to, ' ');
            column++;
        }
        for (size_t i = 0; i < word.n; i++)
            buf_append_char(to, word.p[i] > ' ' && word.p[i] < 127 ? word.p[i] : '?');
        column += word.n;
    }
    buf_append_str(to, "\r\n");
}

static span clean_tag(const char *tag, struct arena *a)
{
    span all = span_head(span_trim(span_str(tag)), 64);
    char *copy = arena_str(a, all);

    for (size_t i = 0; i < all.n; i++)
        if (copy[i] < ' ' || copy[i] > 126)
            copy[i] = '?';
    return span_of(copy, all.n);
}

/* A stray CR, LF or NUL is a blank when it goes on. */
static bool blank_at(span s, size_t at)
{
    return s.p[at] == ' ' || s.p[at] == '\t' || smtp_dot_is_stray(s, at);
}

/* The first byte that is neither blank nor part of a fold; body.n when there is none. */
static size_t text_begin(span body)
{
    size_t n = 0;

    while (n < body.n && (blank_at(body, n) || body.p[n] == '\r' || body.p[n] == '\n'))
        n++;
    return n;
}

/* Puts the tag before the subject's first word.  An encoded-word stays one: blanks or a fold part it from the tag (RFC 2047 5). */
static void tag_subject(struct maker *m, const struct header_field *f, span tag)
{
    size_t body_at = f->at + (size_t)(f->body.p - f->whole.p);
    size_t blanks = 0, first_line;

    if (span_starts_nocase(span_from(f->body, text_begin(f->body)), tag))
        return;
    while (blanks < f->body.n && blank_at(f->body, blanks))
        blanks++;
    first_line = (size_t)(f->body.p - f->whole.p) + span_find_span(f->body, SPAN("\r\n"));
    if (blanks == f->body.n || f->body.p[blanks] == '\r')          /* empty, or the text begins on the next line */
        add(m, body_at, blanks, span_str(arena_printf(m->a, " %.*s", SPAN_ARG(tag))));
    else
        add(m, body_at, blanks,
            span_str(arena_printf(m->a, " %.*s%s", SPAN_ARG(tag), first_line + tag.n + 2 > LINE_MAX_BYTES ? "\r\n " : " ")));
}

/* Our own fields, in one piece at the top. */
static span make_top(const struct edit_wish *wish, bool subject_there, span tag, struct arena *a)
{
    struct buf b;
    span out;

    buf_init(&b, PUT_MAX);
    if (wish->score != NULL)
        put_field(&b, "X-Spam-Score", wish->score);
    if (wish->report != NULL)
        put_field(&b, "X-Spam-Report", wish->report);
    if (tag.n > 0 && !subject_there)
        buf_printf(&b, "Subject: %.*s\r\n", SPAN_ARG(tag));
    out = arena_span(a, buf_span(&b));
    buf_free(&b);
    return out;
}

/* "From " or ">From ", as mbox files have it before a message. */
static bool is_mbox_line(const struct header_field *f)
{
    span line = span_from(f->whole, span_starts(f->whole, SPAN(">")) ? 1 : 0);

    return f->name.n == 0 && line.n > 4 && span_starts(line, SPAN("From")) && line.p[4] != '\t' && blank_at(line, 4);
}

/* The header section ends for us where Postfix' cleanup(8) ends it: at the empty line or the first line that is no field; an mbox
 * "From " line on top is passed over. */
static bool next_field(span message, size_t *at, struct header_field *out)
{
    if (!header_next(message, at, out))
        return false;
    if (out->at == 0 && is_mbox_line(out))
        return next_field(message, at, out);
    return out->name.n > 0;
}

/* Where a new field can be put: a true line start that no fold reaches over. */
static size_t top_of(span message)
{
    struct header_field f;
    size_t at = 0;

    if (header_next(message, &at, &f) && is_mbox_line(&f))
        return f.whole.n;
    return 0;
}

static bool has_subject(span message)
{
    struct header_field f;

    for (size_t at = 0; next_field(message, &at, &f);)
        if (span_eq_nocase(f.name, SPAN("Subject")))
            return true;
    return false;
}

struct edits edits_make(span message, const struct edit_wish *wish, struct arena *a)
{
    struct maker m = { .a = a };
    struct header_field f;
    span tag = wish->subject_tag != NULL ? clean_tag(wish->subject_tag, a) : (span){ NULL, 0 };
    span top = make_top(wish, tag.n > 0 && has_subject(message), tag, a);
    size_t at = top_of(message), look = at;

    if (top.n > 0) {
        /* A message without a header of its own (it begins with a blank, with text, or is empty): an empty line keeps what
         * we add from swallowing its first line as a fold, and that line from being read as a field. */
        if (!next_field(message, &look, &f) && !span_starts(span_from(message, at), SPAN("\r\n")))
            top = span_str(arena_printf(a, "%.*s\r\n", SPAN_ARG(top)));
        add(&m, at, 0, top);
    }
    while (next_field(message, &at, &f)) {
        if (span_eq_nocase(f.name, SPAN(HANDOVER_FIELD)) || (wish->strip_spam_fields && is_spam_field(f.name)))
            add(&m, f.at, f.whole.n, (span){ NULL, 0 });
        else if (tag.n > 0 && span_eq_nocase(f.name, SPAN("Subject")))
            tag_subject(&m, &f, tag);
    }
    return m.list;
}

bool edits_next(const struct edits *e, span message, struct edit_cursor *c, span *piece_out)
{
    for (;;) {
        const struct edit *next = c->next_edit < e->n ? &e->v[c->next_edit] : NULL;
        size_t until = next != NULL ? next->at : message.n;

        if (c->at < until) {
            *piece_out = span_of(message.p + c->at, until - c->at);
            c->at = until;
            return true;
        }
        if (next == NULL)
            return false;
        c->next_edit++;
        c->at += next->cut;
        if (next->put.n > 0) {
            *piece_out = next->put;
            return true;
        }
    }
}

size_t edits_size(const struct edits *e, span message)
{
    size_t size = message.n;

    for (size_t i = 0; i < e->n; i++)
        size = size - e->v[i].cut + e->v[i].put.n;
    return size;
}

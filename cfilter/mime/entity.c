/* entity.c - what the MIME fields of an entity say.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/mime/entity.h"

#include "cfilter/mime/charset.h"
#include "cfilter/mime/param.h"

enum { STRAY_MAX = 4 };

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Without what stands around the word: quotes, brackets, blanks, dots. */
static span core(span v)
{
    while (v.n > 0 && !is_word(v.p[0]))
        v = span_from(v, 1);
    while (v.n > 0 && !is_word(v.p[v.n - 1]))
        v.n--;
    return v;
}

/* Compares letters and digits alone: "quoted printable", "base-64", "x_uuencode". */
static bool begins(span v, const char *word)
{
    for (size_t i = 0; *word != '\0'; i++) {
        if (i == v.n)
            return false;
        if (!is_word(v.p[i]))
            continue;
        if (ascii_lower(v.p[i]) != *word++)
            return false;
    }
    return true;
}

static unsigned encoding_of(span value)
{
    static const struct { const char *word; unsigned bit; } known[] = {
        { "base64", ENCODED_BASE64 }, { "xbase64", ENCODED_BASE64 }, { "b64", ENCODED_BASE64 },
        { "quotedprintable", ENCODED_QP }, { "xquotedprintable", ENCODED_QP }, { "qp", ENCODED_QP },
        { "xuu", ENCODED_UU }, { "uu", ENCODED_UU }, { "yenc", ENCODED_YENC }, { "xyenc", ENCODED_YENC },
        { "binhex", ENCODED_BINHEX }, { "xbinhex", ENCODED_BINHEX }, { "macbinhex", ENCODED_BINHEX }, { "xmacbinhex", ENCODED_BINHEX },
        { "7bit", ENCODED_NOT }, { "8bit", ENCODED_NOT }, { "binary", ENCODED_NOT }, { "none", ENCODED_NOT },
    };
    span v = core(value);

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (begins(v, known[i].word))
            return known[i].bit;
    return ENCODED_UNKNOWN;
}

static unsigned type_of(span value, bool *inline_text)
{
    static const struct { const char *word; unsigned bits; } known[] = {
        { "multipart/", TYPE_MULTIPART }, { "message/partial", TYPE_MESSAGE | TYPE_PARTIAL }, { "message/", TYPE_MESSAGE },
        { "text/", TYPE_TEXT }, { "application/ms-tnef", TYPE_TNEF }, { "application/vnd.ms-tnef", TYPE_TNEF },
        { "application/pkcs7-mime", TYPE_CMS }, { "application/x-pkcs7-mime", TYPE_CMS },
        { "application/mac-binhex", TYPE_BINHEX }, { "application/applefile", TYPE_BINHEX }, { "application/x-binhex", TYPE_BINHEX },
    };
    span v = core(value);

    *inline_text &= span_starts_nocase(v, SPAN("text/plain")) || span_starts_nocase(v, SPAN("text/html")) || v.n == 0;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (span_starts_nocase(v, span_str(known[i].word)))
            return known[i].bits;
    return TYPE_OTHER;
}

static void add_boundary(struct entity *e, span value)
{
    for (size_t i = 0; i < e->n_boundaries; i++)
        if (span_eq(e->boundary[i], value))
            return;
    if (e->n_boundaries == BOUNDARIES_MAX)
        e->full = true;
    else
        e->boundary[e->n_boundaries++] = value;
}

static void take_boundaries(struct entity *e, const struct param_list *l)
{
    struct param p;

    for (size_t i = 0; param_next(l, SPAN("boundary"), &i, &p);) {
        add_boundary(e, p.value);
        add_boundary(e, span_trim(p.value));
    }
}

static void take_params(struct entity *e, const struct param_list *l)
{
    struct param p;

    take_boundaries(e, l);
    for (size_t i = 0; param_next(l, SPAN("charset"), &i, &p);)
        e->charsets |= charset_by_name(span_trim(p.value));
    for (size_t i = 0; i < l->n; i++)
        if (span_eq_nocase(l->v[i].name, SPAN("name")) || span_eq_nocase(l->v[i].name, SPAN("filename")))
            e->attached = true;
}

static void take_type(struct entity *e, const struct param_list *l, bool plain)
{
    unsigned types = 0;

    for (size_t i = 0; i < l->n; i++)
        if (l->v[i].name.n == 0)
            types |= type_of(l->v[i].value, &e->inline_text);
    /* Literal readings of a value that other readings understand are no type of their own. */
    if ((types & ~(unsigned)TYPE_OTHER) != 0)
        types &= ~(unsigned)TYPE_OTHER;
    e->types |= types;
    e->plain_types |= plain ? types : 0;
    take_params(e, l);
}

static void take_encoding(struct entity *e, const struct field *f, const struct param_list *l)
{
    unsigned bits = 0;

    for (size_t i = 0; i < l->n; i++)
        bits |= encoding_of(l->v[i].name.n == 0 ? l->v[i].value : l->v[i].name);
    bits |= encoding_of(f->body);
    if ((bits & ~(unsigned)ENCODED_UNKNOWN) != 0)
        bits &= ~(unsigned)ENCODED_UNKNOWN;
    e->encodings |= bits;
}

static void take_field(struct entity *e, const struct field *f, struct arena *a)
{
    struct param_list l = { 0 };

    if (f->kind != FIELD_TYPE && f->kind != FIELD_ENCODING && f->kind != FIELD_DISPOSITION)
        return;
    param_parse(f->body, a, &l);
    e->full |= l.full;
    if (f->kind == FIELD_TYPE)
        take_type(e, &l, (f->odd & FIELD_NOT_PLAIN) == 0);
    else if (f->kind == FIELD_ENCODING)
        take_encoding(e, f, &l);
    else {
        e->attached |= l.n > 0 && span_starts_nocase(span_trim(l.v[0].value), SPAN("attachment"));
        take_params(e, &l);
    }
}

/* A boundary that stands somewhere in the header, where no Content-Type is made of it. */
static void stray_boundary(struct entity *e, span head, struct arena *a)
{
    static const span word = { "boundary", 8 };
    int found = 0;

    for (size_t at = 0; at < head.n && found < STRAY_MAX; at++) {
        const char *p = memchr(head.p + at, '=', head.n - at);
        if (p == NULL)
            return;
        size_t end = at = (size_t)(p - head.p);
        while (end > 0 && (head.p[end - 1] == ' ' || head.p[end - 1] == '\t'))
            end--;
        if (!span_ends_nocase(span_head(head, end), word))
            continue;
        struct param_list l = { 0 };
        span rest = span_from(head, end - word.n);
        param_parse(span_head(span_head(rest, span_find(rest, '\n')), span_find(rest, '\r')), a, &l);
        take_boundaries(e, &l);
        found++;
    }
}

void entity_read(span in, enum line_ends how, struct arena *a, struct entity *out)
{
    *out = (struct entity){ .inline_text = true };
    struct header *h = &out->header;

    header_read(in, how, a, h);
    for (size_t i = 0; i < h->n; i++)
        take_field(out, &h->v[i], a);
    if (out->n_boundaries == 0 && h->n_lines > 0)
        stray_boundary(out, span_head(in, h->body[h->n_bodies - 1]), a);
    out->inline_text &= !out->attached;
    out->full |= h->full;
}

/* page.c - one page: its entities, and every way to split them into parts.
 *
 * Regions of the page wait in a list.  Each is read as an entity; every boundary that its header may name splits it, once as RFC 2046 has it and once
 * as the most lenient reader does.  At the end the page is split flat, at every line that opens a part whoever declared it.  All regions are
 * ranges of one page, and each range is read once, so contradicting readings do not multiply.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdlib.h>

#include "cfilter/mime/reading.h"
#include "lib/base/alloc.h"

static span page_span(const struct reading *r, size_t at, size_t end)
{
    return span_of(r->page->bytes.p + at, end - at);
}

static void region_later(struct reading *r, size_t at, size_t end, unsigned flags)
{
    struct regions *g = &r->regions;

    if (at >= end || r->stop || !once_add(&r->regions_seen, once_mix(at, end, r->limits->key.k0)))
        return;
    if (g->n - g->at >= r->limits->max_parts) {
        reading_limit(r, "parts");
        return;
    }
    if (g->n == g->cap) {
        g->cap = g->cap != 0 ? g->cap * 2 : 64;
        g->v = xreallocarray(g->v, g->cap, sizeof g->v[0]);
    }
    g->v[g->n++] = (struct region){ at, end, flags };
}

void boundary_known(struct reading *r, span boundary)
{
    enum { KNOWN_MAX = 4096, LONG = 1000 };
    char closing[LONG + 2];

    boundary = span_head(span_trim(boundary), LONG);
    if (boundary.n == 0 || r->boundaries.n >= 2 * KNOWN_MAX)
        return;
    memcpy(closing, boundary.p, boundary.n);
    memcpy(closing + boundary.n, "--", 2);
    once_add(&r->boundaries, siphash(boundary, &r->limits->key));
    once_add(&r->boundaries, siphash(span_of(closing, boundary.n + 2), &r->limits->key));
}

/* ---- splitting ---- */

/* Without the line end that belongs to the delimiter behind it (RFC 2046 5.1.1). */
static size_t end_of_part(const struct reading *r, size_t at, size_t delimiter_at)
{
    return at < delimiter_at ? at + line_end_off(page_span(r, at, delimiter_at)).n : at;
}

struct split {
    size_t from, to;           /* the multipart's body */
    span boundary;             /* p NULL: any, and what is before the first delimiter has been read */
    unsigned flags;            /* of its parts */
    bool keep_closes;          /* "--b--" is a delimiter too; else it is content */
};

/* Returns whether there was a part between two delimiters or behind one. */
static bool split_at(struct reading *r, const struct mark_list *l, const struct split *s)
{
    size_t at = s->from;
    bool outside = true, any = false;
    unsigned flags = s->flags;

    if (l->n == 0)
        return false;
    for (size_t i = 0; i < l->n; i++) {
        const struct mark *k = &r->marks.v[l->v[i]];
        bool closes = s->boundary.p != NULL && mark_closes(&r->marks, l->v[i], s->boundary);

        if (closes && !s->keep_closes)
            continue;
        if (i > 0 || s->boundary.p != NULL)
            region_later(r, at, end_of_part(r, at, k->at), outside ? OUTSIDE : flags);
        if ((s->flags & TOP) != 0 && k->at > 0 && r->page->bytes.p[k->at - 1] == '\r')
            r->report->shapes |= SHAPE_LONE_CR;
        at = k->next;
        outside = closes;
        any = true;
        if (closes)
            flags &= ~(unsigned)(DECLARED | TOP);
    }
    region_later(r, at, s->to, outside ? OUTSIDE : flags);
    return any;
}

/* Whether a "--b--" comes before other delimiters of that boundary. */
static bool closes_early(const struct reading *r, const struct mark_list *l, span boundary)
{
    for (size_t i = 0; i + 1 < l->n; i++)
        if (mark_closes(&r->marks, l->v[i], boundary))
            return true;
    return false;
}

/* A delimiter that only some readers take, and that is no boundary with the other one as its beginning. */
static bool is_odd(const struct reading *r, const struct mark_list *l, span boundary)
{
    for (size_t i = 0; i < l->n; i++) {
        span rest = span_from(mark_text(&r->marks, l->v[i]), boundary.n);
        if (r->marks.v[l->v[i]].junk || (rest.n > 0 && (memchr(rest.p, ' ', rest.n) != NULL || memchr(rest.p, '\t', rest.n) != NULL)))
            return true;
    }
    return false;
}

static bool split_by(struct reading *r, struct split s)
{
    struct mark_list *l = &r->found;
    size_t exact;
    bool any = false;

    if (!reading_work(r, marks_of(&r->marks, s.boundary, MARK_EXACT, s.from, s.to, l)))
        return false;
    exact = l->n;
    any |= split_at(r, l, &s);
    if (closes_early(r, l, s.boundary)) {
        s.flags &= ~(unsigned)(DECLARED | TOP);
        s.keep_closes = false;
        split_at(r, l, &s);
        s.keep_closes = true;
    }
    if (s.boundary.n == 0 || !reading_work(r, marks_of(&r->marks, s.boundary, MARK_LENIENT, s.from, s.to, l)) || l->n == exact)
        return any;
    if (is_odd(r, l, s.boundary) && (s.flags & DECLARED) != 0)
        r->report->disagreements |= DISAGREE_BOUNDARY;
    s.flags &= ~(unsigned)(DECLARED | TOP);
    return split_at(r, l, &s) || any;
}

/* Every line that opens a part, or names a boundary that was declared anywhere. */
static void split_flat(struct reading *r)
{
    struct split s = { .from = 0, .to = r->page->bytes.n, .keep_closes = true };
    struct mark_list *l = &r->found;

    l->n = 0;
    for (size_t i = 0; i < r->marks.n; i++)
        if (mark_opens(&r->marks, (uint32_t)i))
            boundary_known(r, mark_text(&r->marks, (uint32_t)i));
    for (size_t i = 0; i < r->marks.n; i++) {
        uint32_t k = (uint32_t)i;
        span text = mark_text(&r->marks, k);
        if (!once_has(&r->boundaries, siphash(span_head(text, 1002), &r->limits->key)))
            continue;
        if (l->n == l->cap) {
            l->cap = l->cap != 0 ? l->cap * 2 : 32;
            l->v = xreallocarray(l->v, l->cap, sizeof l->v[0]);
        }
        l->v[l->n++] = k;
    }
    if (l->n > 0)
        split_at(r, l, &s);
}

/* ---- entities ---- */

static span body_at(const struct reading *r, const struct region *g, const struct entity *e, size_t i)
{
    return page_span(r, g->at + e->header.body[i], g->end);
}

static bool multiparts(struct reading *r, const struct region *g, const struct entity *e)
{
    bool any = false;

    for (size_t i = 0; i < e->n_boundaries; i++) {
        struct split s = {
            .from = g->at + e->header.body[0], .to = g->end, .boundary = e->boundary[i],
            .flags = g->flags & (DECLARED | TOP), .keep_closes = true,
        };
        if (i > 0 || (e->types & TYPE_MULTIPART) == 0)
            s.flags &= ~(unsigned)(DECLARED | TOP);
        boundary_known(r, e->boundary[i]);
        any |= split_by(r, s);
    }
    return any;
}

/* The first line that is not blank is a field. */
static bool begins_with_field(span body)
{
    while (body.n > 0 && line_blank(span_head(body, 1)))
        body = span_from(body, 1);
    return body.n > 0 && field_at(body);
}

/* What is declared to be a message, and what begins as one does, is read as an entity of its own. */
static bool inner_messages(struct reading *r, const struct region *g, const struct entity *e)
{
    bool declared = (e->types & TYPE_MESSAGE) != 0, any = false;

    for (size_t i = 0; i < e->header.n_bodies; i++) {
        size_t at = g->at + e->header.body[i];
        span body = page_span(r, at, g->end);
        if (!begins_with_field(body) || (!declared && !look_mime(span_head(body, 4096))))
            continue;
        region_later(r, at, g->end, i == 0 && declared ? g->flags & DECLARED : 0U);
        any |= declared;
    }
    return any;
}

/* Where the next line that begins with a dash, or with the closing of a word by two, begins; without the line end before it. */
static size_t end_of_dashes(const struct reading *r, span in, size_t at)
{
    while (at < in.n) {
        struct line l = line_at(in, at, r->page->how);
        if (in.p[at] == '-')
            return line_end_off(span_head(in, at)).n;
        at = l.next;
    }
    return in.n;
}

/* MIME fields in the middle of a text, behind a delimiter that is none or behind nothing: a part may begin there, and end at a line of dashes. */
static void hidden_parts(struct reading *r, size_t from, size_t to)
{
    enum { HIDDEN_MAX = 16, SHORT = 64 * 1024, LONG = 128 * 1024 };
    span in = page_span(r, from, to);
    bool inside = false;
    int n = 0;

    if (memmem(in.p, in.n, "ontent-", 7) == NULL && memmem(in.p, in.n, "ONTENT-", 7) == NULL)
        return;
    for (size_t at = 0; at < in.n && n < HIDDEN_MAX;) {
        struct line l = line_at(in, at, r->page->how);
        bool mime = field_is_mime(span_of(in.p + at, l.end - at));
        if (mime && !inside && at > 0) {
            if (in.n <= SHORT)
                region_later(r, from + at, to, HIDDEN);
            region_later(r, from + at, from + end_of_dashes(r, span_head(in, at + LONG), l.next), HIDDEN);
            n++;
        }
        inside = mime || (inside && (in.p[at] == ' ' || in.p[at] == '\t'));
        at = l.next;
    }
}

static void note(struct reading *r, const struct entity *e, unsigned flags)
{
    unsigned types = e->plain_types & (TYPE_MULTIPART | TYPE_MESSAGE | TYPE_TEXT | TYPE_OTHER);

    if ((flags & OUTSIDE) != 0 && e->header.n > 0)
        r->report->disagreements |= DISAGREE_OUTSIDE;
    if ((flags & DECLARED) == 0)
        return;
    for (size_t i = 0; i < e->header.n; i++)
        if ((e->header.v[i].odd & (FIELD_AFTER_END | FIELD_INDENTED)) != 0)
            r->report->disagreements |= DISAGREE_HEADER_END;
    if ((types & (types - 1)) != 0)
        r->report->disagreements |= DISAGREE_TYPE;
}

static void read_region(struct reading *r, const struct region *g)
{
    struct entity e;
    unsigned flags = g->flags;

    arena_reset(r->arena);
    entity_read(page_span(r, g->at, g->end), r->page->how, r->arena, &e);
    if (!reading_work(r, e.header.body[e.header.n_bodies - 1]))
        return;
    if (++r->report->parts > r->limits->max_parts) {
        reading_limit(r, "parts");
        return;
    }
    if (e.full && r->report->limit == NULL)
        r->report->limit = "fields";       /* what was read of it is looked at all the same */
    note(r, &e, flags);
    shapes_entity(r, &e, flags);
    if (e.attached || (e.types & (TYPE_OTHER | TYPE_TNEF | TYPE_CMS | TYPE_BINHEX)) != 0)
        flags |= ATTACHED;
    bool split = multiparts(r, g, &e), inner = inner_messages(r, g, &e);
    if (split || inner)
        flags |= CONTAINER;
    for (size_t i = 0; i < e.header.n_bodies && !r->stop; i++) {
        span body = body_at(r, g, &e, i);
        if (once_add(&r->bodies_seen, once_mix((uint64_t)(body.p - r->page->bytes.p), body.n * 512 + e.encodings * 2 + split, r->limits->key.k1)))
            leaf_read(r, body, &e, i == 0 ? flags : flags & ~(unsigned)DECLARED);
    }
    if ((flags & (CONTAINER | HIDDEN)) == 0 && reading_work(r, g->end - g->at))
        hidden_parts(r, g->at + e.header.body[0], g->end);
}

/* ---- a page ---- */

static void read_regions(struct reading *r)
{
    for (; r->regions.at < r->regions.n && !r->stop; r->regions.at++) {
        struct region g = r->regions.v[r->regions.at];
        read_region(r, &g);
    }
}

static void forget_page(struct reading *r)
{
    marks_free(&r->marks);
    free(r->found.v);
    r->found = (struct mark_list){ 0 };
    free(r->regions.v);
    r->regions = (struct regions){ 0 };
    once_free(&r->regions_seen);
    once_free(&r->bodies_seen);
    once_free(&r->decoded);
}

void page_read(struct reading *r, const struct page *p)
{
    if (!reading_work(r, p->bytes.n))
        return;
    if ((p->flags & RUNS_ONLY) == 0) {
        marks_find(p->bytes, p->how, &r->marks);
        region_later(r, 0, p->bytes.n, p->flags);
        read_regions(r);
        split_flat(r);
        read_regions(r);
        if (r->marks.full)
            reading_limit(r, "parts");
    }
    containers_open(r, p->bytes, p->flags);
    runs_read(r, p->bytes, 0);
    forget_page(r);
}

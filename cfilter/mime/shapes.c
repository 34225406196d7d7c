/* shapes.c - the short list: what real mail does not do, and what only serves to make readers differ.
 *
 * Only MIME fields of the message's own entities count; what is quoted or attached may be as odd as it likes.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/mime/param.h"
#include "cfilter/mime/reading.h"

static bool differ(span a, span b)
{
    return !span_eq_nocase(span_trim(a), span_trim(b));
}

/* Two Content-Transfer-Encodings that do not say the same; the same one twice is mere clumsiness. */
static bool encoding_twice(const struct entity *e)
{
    const struct field *first = NULL;

    for (size_t i = 0; i < e->header.n; i++) {
        const struct field *f = &e->header.v[i];
        if (f->kind != FIELD_ENCODING || (f->odd & FIELD_NOT_PLAIN) != 0)
            continue;
        if (first != NULL && differ(first->body, f->body))
            return true;
        first = first != NULL ? first : f;
    }
    return false;
}

/* "; boundary=" twice in one field with different values, read plainly: quotes and comments respected. */
static bool boundary_twice_in(struct arena *a, span body)
{
    struct param_list l = { 0 };
    struct param p, first = { 0 };

    param_parse(body, a, &l);
    for (size_t i = 0; param_next(&l, SPAN("boundary"), &i, &p);) {
        if ((p.how & ~(unsigned)(PARAM_QUOTED | PARAM_ESCAPED)) != 0)
            continue;
        if (first.value.p != NULL && differ(first.value, p.value))
            return true;
        first = p;
    }
    return false;
}

/* A CR that neither ends a line nor stands before one that does. */
static bool has_bare_cr(span s)
{
    for (size_t at = 0; at + 1 < s.n; at++) {
        const char *p = memchr(s.p + at, '\r', s.n - 1 - at);
        if (p == NULL)
            return false;
        if (p[1] != '\n' && p[1] != '\r')
            return true;
        at = (size_t)(p - s.p);
    }
    return false;
}

static unsigned field_shapes(const struct field *f)
{
    unsigned shapes = 0;

    if ((f->odd & FIELD_NOT_PLAIN) != 0)
        return 0;
    if ((f->odd & FIELD_NUL) != 0)
        shapes |= SHAPE_NUL_IN_FIELD;
    if (has_bare_cr(f->body) || memchr(f->name.p, '\r', f->name.n) != NULL)
        shapes |= SHAPE_CR_IN_FIELD;
    if ((f->odd & FIELD_AFTER_CR) != 0)
        shapes |= SHAPE_LONE_CR;
    return shapes;
}

void shapes_entity(struct reading *r, const struct entity *e, unsigned flags)
{
    if ((flags & TOP) == 0)
        return;
    for (size_t i = 0; i < e->header.n; i++) {
        const struct field *f = &e->header.v[i];
        r->report->shapes |= field_shapes(f);
        if (f->kind == FIELD_TYPE && (f->odd & FIELD_NOT_PLAIN) == 0 && boundary_twice_in(r->arena, f->body))
            r->report->shapes |= SHAPE_BOUNDARY_TWICE;
    }
    if ((e->plain_types & TYPE_PARTIAL) != 0)
        r->report->shapes |= SHAPE_PARTIAL;
    if (encoding_twice(e))
        r->report->shapes |= SHAPE_ENCODING_TWICE;
}

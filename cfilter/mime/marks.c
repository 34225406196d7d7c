/* marks.c - lines that may be delimiters, sorted by what they say.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/mime/marks.h"

#include <stdlib.h>

#include "cfilter/mime/fields.h"
#include "lib/base/alloc.h"

enum { JUNK_MAX = 16, BLANK_LINES_MAX = 2 };

/* Offset of "--" within the first bytes of a line, or -1. */
static int dashes(span line)
{
    for (size_t i = 0; i + 1 < line.n && i <= JUNK_MAX; i++)
        if (line.p[i] == '-' && line.p[i + 1] == '-')
            return (int)i;
    return -1;
}

static void add(struct marks *m, const struct line *l, size_t text)
{
    size_t end = l->end;

    if (m->n == MARKS_MAX) {
        m->full = true;
        return;
    }
    if (m->n == m->cap) {
        m->cap = m->cap != 0 ? m->cap * 2 : 32;
        m->v = xreallocarray(m->v, m->cap, sizeof m->v[0]);
    }
    while (end > text && (m->in.p[end - 1] == ' ' || m->in.p[end - 1] == '\t' || m->in.p[end - 1] == '\r' || m->in.p[end - 1] == '\0'))
        end--;
    m->v[m->n++] = (struct mark){ (uint32_t)l->at, (uint32_t)text, (uint32_t)end, (uint32_t)l->next, text > l->at + 2 };
}

static int compare(span a, span b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int r = n > 0 ? memcmp(a.p, b.p, n) : 0;

    return r != 0 ? r : a.n < b.n ? -1 : a.n > b.n;
}

static int by_text(const void *a, const void *b, void *arg)
{
    const struct marks *m = arg;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    int r = compare(mark_text(m, x), mark_text(m, y));

    return r != 0 ? r : x < y ? -1 : x > y;
}

void marks_find(span in, enum line_ends how, struct marks *out)
{
    *out = (struct marks){ .in = in, .how = how };
    for (size_t at = 0; at < in.n && !out->full;) {
        struct line l = line_at(in, at, how);
        int d = dashes(span_of(in.p + at, l.end - at));
        if (d >= 0)
            add(out, &l, at + (size_t)d + 2);
        at = l.next;
    }
    out->by_text = xreallocarray(NULL, out->n + 1, sizeof out->by_text[0]);
    for (size_t i = 0; i < out->n; i++)
        out->by_text[i] = (uint32_t)i;
    if (out->n > 0)
        qsort_r(out->by_text, out->n, sizeof out->by_text[0], by_text, out);
}

void marks_free(struct marks *m)
{
    free(m->v);
    free(m->by_text);
    *m = (struct marks){ 0 };
}

span mark_text(const struct marks *m, uint32_t number)
{
    const struct mark *k = &m->v[number];

    return span_of(m->in.p + k->text, k->end - k->text);
}

/* The first in the order of texts that does not come before `boundary`. */
static size_t lower_bound(const struct marks *m, span boundary)
{
    size_t lo = 0, hi = m->n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (compare(mark_text(m, m->by_text[mid]), boundary) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

bool mark_closes(const struct marks *m, uint32_t number, span boundary)
{
    span rest = span_from(mark_text(m, number), boundary.n);

    return rest.n >= 2 && rest.p[0] == '-' && rest.p[1] == '-';
}

static bool fits(const struct marks *m, uint32_t number, span boundary, enum mark_match how)
{
    span text = mark_text(m, number);

    if (how == MARK_LENIENT)
        return true;
    return !m->v[number].junk && (text.n == boundary.n || (text.n == boundary.n + 2 && mark_closes(m, number, boundary)));
}

size_t marks_of(const struct marks *m, span boundary, enum mark_match how, size_t from, size_t to, struct mark_list *out)
{
    size_t work = 0;

    out->n = 0;
    while (boundary.n > 0 && (boundary.p[boundary.n - 1] == ' ' || boundary.p[boundary.n - 1] == '\t'))
        boundary.n--;          /* marks have no blanks at their ends */
    for (size_t i = lower_bound(m, boundary); i < m->n && span_starts(mark_text(m, m->by_text[i]), boundary); i++, work++) {
        uint32_t k = m->by_text[i];
        if (m->v[k].at < from || m->v[k].at >= to || !fits(m, k, boundary, how))
            continue;
        if (out->n == out->cap) {
            out->cap = out->cap != 0 ? out->cap * 2 : 32;
            out->v = xreallocarray(out->v, out->cap, sizeof out->v[0]);
        }
        out->v[out->n++] = k;
    }
    if (out->n > 1)
        qsort(out->v, out->n, sizeof out->v[0], by_number);
    return work;
}

bool mark_opens(const struct marks *m, uint32_t number)
{
    size_t at = m->v[number].next;

    for (int i = 0; i <= BLANK_LINES_MAX && at < m->in.n; i++) {
        struct line l = line_at(m->in, at, m->how);
        span line = span_of(m->in.p + at, l.end - at);
        if (!line_blank(line))
            return field_is_mime(line);
        at = l.next;
    }
    return false;
}

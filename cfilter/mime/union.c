/* union.c - the list of pages that our own reader has still to read, and what ends it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/mime/union.h"

#include <stdlib.h>

#include "cfilter/mime/charset.h"
#include "cfilter/mime/reading.h"
#include "lib/base/alloc.h"

/* ---- budget ---- */

void reading_limit(struct reading *r, const char *which)
{
    if (r->report->limit == NULL)
        r->report->limit = which;
    r->stop = true;
}

bool reading_work(struct reading *r, size_t bytes)
{
    if (r->stop)
        return false;
    if (bytes > reading_room(r)) {
        reading_limit(r, "bytes");
        return false;
    }
    r->work += bytes;
    return true;
}

size_t reading_room(const struct reading *r)
{
    size_t spent = r->work + r->report->decoded_bytes;

    return spent < r->limits->max_decoded_bytes ? r->limits->max_decoded_bytes - spent : 0;
}

struct buf reading_buffer(const struct reading *r, size_t wanted)
{
    size_t room = reading_room(r);
    struct buf b;

    buf_init(&b, wanted < room ? wanted : room);
    return b;
}

/* A decoder met its buffer's end: that is the budget's end, but for decoders that were given no more than they can need. */
void reading_full(struct reading *r)
{
    reading_limit(r, "bytes");
}

/* ---- pages ---- */

static void put_page(struct reading *r, struct page *p)
{
    struct page ***last = (p->flags & DECLARED) != 0 ? &r->last : &r->later_last;

    **last = p;
    *last = &p->next;
}

static struct page *take_page(struct reading *r)
{
    struct page *p = r->first != NULL ? r->first : r->later;

    if (p == NULL)
        return NULL;
    if (p == r->first && (r->first = p->next) == NULL)
        r->last = &r->first;
    else if (p == r->later && (r->later = p->next) == NULL)
        r->later_last = &r->later;
    return p;
}

static void add_page(struct reading *r, span bytes, char *owned, enum line_ends how, unsigned flags)
{
    uint64_t digest = siphash(bytes, &r->limits->key);

    if (!once_add(&r->pages_seen, once_mix(digest, (uint64_t)how * 2 + ((flags & RUNS_ONLY) != 0), r->limits->key.k0))) {
        free(owned);
        return;
    }
    struct page *p = xcalloc(1, sizeof *p);
    *p = (struct page){ .bytes = bytes, .owned = owned, .how = how, .flags = flags, .depth = r->depth };
    put_page(r, p);
}

static char *copy(span bytes)
{
    char *p = xmalloc(bytes.n > 0 ? bytes.n : 1);

    if (bytes.n > 0)
        memcpy(p, bytes.p, bytes.n);
    return p;
}

/* The same bytes under every idea of line ends that makes a difference. */
static void add_readings(struct reading *r, span bytes, const struct stray *stray, unsigned flags)
{
    enum line_ends how[LINE_ENDS];
    size_t n = line_readings(stray, how);

    for (size_t i = 0; i < n; i++) {
        char *own = copy(bytes);
        add_page(r, span_of(own, bytes.n), own, how[i], flags);
    }
}

void page_later(struct reading *r, span bytes, unsigned flags)
{
    if (r->stop || bytes.n == 0)
        return;
    if (r->depth + 1 > r->limits->max_depth) {
        reading_limit(r, "depth");
        return;
    }
    if (!reading_work(r, bytes.n))
        return;
    r->depth++;
    if ((flags & RUNS_ONLY) != 0) {
        char *own = copy(bytes);
        add_page(r, span_of(own, bytes.n), own, LINES_ANY, flags);
    } else {
        struct stray stray = stray_count(bytes);
        add_readings(r, bytes, &stray, flags);
    }
    r->depth--;
}

/* ---- the message itself ---- */

/* What delivery makes of strays: blanks, as lib/proto/smtp_dot.h writes them. */
static char *washed(span in)
{
    char *out = copy(in);

    for (size_t i = 0; i < in.n; i++)
        if (in.p[i] == '\0' || (in.p[i] == '\r' && (i + 1 == in.n || in.p[i + 1] != '\n')) ||
            (in.p[i] == '\n' && (i == 0 || in.p[i - 1] != '\r')))
            out[i] = ' ';
    return out;
}

static char *without_nul(span in, size_t *n_out)
{
    char *out = xmalloc(in.n);
    size_t n = 0;

    for (size_t i = 0; i < in.n; i++)
        if (in.p[i] != '\0')
            out[n++] = in.p[i];
    *n_out = n;
    return out;
}

static void start(struct reading *r, span message)
{
    struct stray s = stray_count(message);
    enum line_ends how[LINE_ENDS];
    size_t n = line_readings(&s, how), left;

    for (size_t i = 0; i < n; i++)
        add_page(r, message, NULL, how[i], DECLARED | TOP);
    if (s.crlf && s.cr + s.lf + s.nul > 0) {
        char *own = washed(message);
        add_page(r, span_of(own, message.n), own, LINES_CRLF, 0);
    }
    if (s.nul > 0) {
        char *own = without_nul(message, &left);
        struct stray t = stray_count(span_of(own, left));
        add_readings(r, span_of(own, left), &t, 0);
        free(own);
    }
}

static void free_page(struct page *p)
{
    free(p->owned);
    free(p);
}

static void begin(struct reading *r, const struct union_limits *limits, union_sink *sink, void *arg, struct union_report *out)
{
    *out = (struct union_report){ 0 };
    *r = (struct reading){ .limits = limits, .sink = sink, .arg = arg, .report = out, .arena = arena_new(16 * 1024) };
    r->last = &r->first;
    r->later_last = &r->later;
}

static void read_pages(struct reading *r)
{
    for (struct page *p; (p = take_page(r)) != NULL; free_page(p)) {
        if (r->stop)
            continue;
        r->report->pages++;
        r->depth = p->depth;
        r->page = p;
        page_read(r, p);
    }
    r->report->work_bytes = r->work;
    once_free(&r->outputs);
    once_free(&r->pages_seen);
    once_free(&r->boundaries);
    arena_free(&r->arena);
}

void union_read(span message, const struct union_limits *limits, union_sink *sink, void *arg, struct union_report *out)
{
    struct reading r;

    begin(&r, limits, sink, arg, out);
    if (message.n > UINT32_MAX / 2)
        reading_limit(&r, "bytes");
    else if (message.n > 0)
        start(&r, message);
    read_pages(&r);
}

void union_read_file(span file, const struct union_limits *limits, union_sink *sink, void *arg, struct union_report *out)
{
    unsigned flags = DECLARED | ATTACHED;
    struct reading r;

    begin(&r, limits, sink, arg, out);
    if (file.n <= UINT32_MAX / 2 && product_is_read_again(file, &flags))
        page_later(&r, file, flags);
    read_pages(&r);
}

/* ---- names ---- */

static const char *name_of(const char *const names[], size_t n, unsigned bit)
{
    for (size_t i = 0; i < n; i++)
        if (bit == 1u << i)
            return names[i];
    return "";
}

const char *union_shape_name(unsigned bit)
{
    static const char *const names[] = { "partial", "transfer-encoding-twice", "boundary-twice", "nul-in-field", "cr-in-field", "lone-cr" };

    return name_of(names, sizeof names / sizeof names[0], bit);
}

const char *union_disagreement_name(unsigned bit)
{
    static const char *const names[] = { "header-end", "type", "encoding", "boundary", "outside-parts", "decoder", "line-ends" };

    return name_of(names, sizeof names / sizeof names[0], bit);
}

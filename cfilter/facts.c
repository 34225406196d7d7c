/* facts.c - the record of findings: made in the cage, read by the front as foreign input.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/facts.h"

#include <math.h>
#include <stdio.h>

#include "cfilter/wire.h"

static const char magic[4] = { 'G', 'P', 'F', '1' };
#define POINTS_MAX 1e6f

enum { INCOMPLETE, COMPLETE, CROWDED };    /* on the wire */

const char *fact_kind_name(enum fact_kind k)
{
    static const char *const names[FACT_KINDS] = { "", "virus", "heuristic", "unchecked", "spam", "note" };

    return names[k];
}

const char *fact_class_name(enum fact_class c)
{
    static const char *const names[FACT_CLASSES] = {
        "", "encrypted_archive", "encrypted_document", "encrypted_mail", "unreadable_archive", "macro", "phishing", "pua", "limit", "budget", "timeout",
        "ambiguous", "shape", "other",
    };

    return names[c];
}

void facts_init(struct facts *f)
{
    f->generation = 0;
    f->signatures = 0;
    f->engine_calls = 0;
    f->cache_hits = 0;
    f->scanned_bytes = 0;
    f->took_us = 0;
    f->complete = true;
    f->incomplete_why[0] = '\0';
    f->crowded = false;
    f->n_clean = 0;
    f->n = 0;
}

static bool printable(char c, bool blank_too)
{
    return (c > ' ' && c <= '~') || (blank_too && c == ' ');
}

/* Copies what fits; what is not printable becomes '?'. */
static void clean_copy(char *to, size_t size, const char *from, bool blank_too)
{
    size_t n = 0;

    for (; from != NULL && from[n] != '\0' && n + 1 < size; n++)
        to[n] = printable(from[n], blank_too) ? from[n] : '?';
    to[n] = '\0';
}

void facts_incomplete(struct facts *f, const char *why)
{
    f->complete = false;
    if (f->incomplete_why[0] == '\0')     /* the first reason is the one that explains the others */
        clean_copy(f->incomplete_why, sizeof f->incomplete_why, why, true);
}

/* Where the next fact goes: a virus is never lost for lack of room as long as anything lesser is there. */
static struct fact *room_for(struct facts *f, enum fact_kind kind)
{
    if (f->n < FACTS_MAX)
        return &f->v[f->n++];
    facts_incomplete(f, "too many findings");
    for (size_t i = f->n; kind == FACT_VIRUS && i-- > 0;)
        if (f->v[i].kind != FACT_VIRUS)
            return &f->v[i];
    return NULL;
}

void facts_add(struct facts *f, const char *scanner, enum fact_kind kind, enum fact_class klass, double points, const char *name,
               const char *detail)
{
    struct fact *x = room_for(f, kind);

    if (x == NULL)
        return;
    x->kind = (uint8_t)kind;
    x->klass = (uint8_t)klass;
    x->points = kind == FACT_SPAM && isfinite(points) ? fmaxf(-POINTS_MAX, fminf(POINTS_MAX, (float)points)) : 0;
    clean_copy(x->scanner, sizeof x->scanner, scanner, false);
    clean_copy(x->name, sizeof x->name, name, false);
    if (x->name[0] == '\0')
        memcpy(x->name, "?", 2);
    clean_copy(x->detail, sizeof x->detail, detail, true);
}

bool facts_are_clean(const struct facts *f)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->v[i].kind != FACT_SPAM && f->v[i].kind != FACT_NOTE)
            return false;
    return f->complete;
}

bool facts_have_virus(const struct facts *f)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->v[i].kind == FACT_VIRUS)
            return true;
    return false;
}

void facts_add_clean(struct facts *f, const struct digest *keys, size_t n)
{
    for (size_t i = 0; i < n && f->n_clean < FACTS_CLEAN_MAX && facts_are_clean(f); i++)
        f->clean[f->n_clean++] = keys[i];
}

/* ---- encoding ---- */

static void put_fact(struct buf *to, const struct fact *x)
{
    uint32_t bits;

    memcpy(&bits, &x->points, sizeof bits);
    wire_put_u8(to, x->kind);
    wire_put_u8(to, x->klass);
    wire_put_u32(to, bits);
    wire_put_str(to, span_str(x->scanner));
    wire_put_str(to, span_str(x->name));
    wire_put_str(to, span_str(x->detail));
}

static size_t fact_size(const struct fact *x)
{
    return 6 + 2 + strlen(x->scanner) + 2 + strlen(x->name) + 2 + strlen(x->detail);
}

enum { HEAD_MAX = sizeof magic + 4 + 8 + 4 + 4 + 8 + 8 + 1 + 2 + FACT_DETAIL_MAX + 2 };

/* How many facts the buffer has room for beside the head of the record. */
static size_t facts_fitting(const struct facts *f, const struct buf *to)
{
    size_t used = to->len + HEAD_MAX + 2 + f->n_clean * sizeof f->clean[0], n = 0;

    while (n < f->n && used + fact_size(&f->v[n]) <= to->limit)
        used += fact_size(&f->v[n++]);
    return n;
}

void facts_encode(const struct facts *f, struct buf *to)
{
    size_t n = facts_fitting(f, to);
    bool all = n == f->n;
    const char *why = f->complete && !all ? "the findings do not fit the record" : f->incomplete_why;

    buf_append(to, span_of(magic, sizeof magic));
    wire_put_u32(to, f->generation);
    wire_put_u64(to, f->signatures);
    wire_put_u32(to, f->engine_calls);
    wire_put_u32(to, f->cache_hits);
    wire_put_u64(to, f->scanned_bytes);
    wire_put_u64(to, (uint64_t)f->took_us);
    wire_put_u8(to, f->complete && all ? COMPLETE : f->crowded ? CROWDED : INCOMPLETE);
    wire_put_str(to, span_str(why));
    wire_put_u16(to, (uint16_t)n);
    for (size_t i = 0; i < n; i++)
        put_fact(to, &f->v[i]);
    size_t n_clean = all && facts_are_clean(f) ? f->n_clean : 0;
    wire_put_u16(to, (uint16_t)n_clean);
    for (size_t i = 0; i < n_clean; i++)
        buf_append(to, span_of((const char *)f->clean[i].b, sizeof f->clean[i].b));
}

/* ---- decoding ---- */

static bool get_text(struct wire_in *in, char *to, size_t size, bool blank_too)
{
    span s = wire_get_str(in, size - 1);

    for (size_t i = 0; i < s.n; i++)
        if (!printable(s.p[i], blank_too))
            return false;
    if (s.n > 0)
        memcpy(to, s.p, s.n);
    to[s.n] = '\0';
    return !in->bad;
}

static const char *get_fact(struct wire_in *in, struct fact *x)
{
    uint32_t bits;

    x->kind = wire_get_u8(in);
    x->klass = wire_get_u8(in);
    bits = wire_get_u32(in);
    memcpy(&x->points, &bits, sizeof x->points);
    if (x->kind == 0 || x->kind >= FACT_KINDS || x->klass >= FACT_CLASSES)
        return "unknown kind or class";
    if (!isfinite(x->points) || fabsf(x->points) > POINTS_MAX || (x->kind != FACT_SPAM && bits != 0))
        return "points out of range";
    if (!get_text(in, x->scanner, sizeof x->scanner, false) || x->scanner[0] == '\0')
        return "bad scanner name";
    if (!get_text(in, x->name, sizeof x->name, false) || x->name[0] == '\0')
        return "bad name";
    if (!get_text(in, x->detail, sizeof x->detail, true))
        return "bad detail";
    return NULL;
}

static const char *get_head(struct wire_in *in, struct facts *f, size_t *n_out)
{
    if (!span_starts(in->rest, span_of(magic, sizeof magic)))
        return "not a record";
    in->rest = span_from(in->rest, sizeof magic);
    f->generation = wire_get_u32(in);
    f->signatures = wire_get_u64(in);
    f->engine_calls = wire_get_u32(in);
    f->cache_hits = wire_get_u32(in);
    f->scanned_bytes = wire_get_u64(in);
    uint64_t took_us = wire_get_u64(in);
    uint8_t complete = wire_get_u8(in);
    if (complete > CROWDED || took_us > INT64_MAX)
        return "bad number";
    f->took_us = (int64_t)took_us;
    f->complete = complete == COMPLETE;
    f->crowded = complete == CROWDED;
    if (!get_text(in, f->incomplete_why, sizeof f->incomplete_why, true) || (f->complete && f->incomplete_why[0] != '\0'))
        return "bad reason";
    *n_out = wire_get_u16(in);
    if (in->bad || *n_out > FACTS_MAX)
        return "too many findings";
    return NULL;
}

static const char *get_clean(struct wire_in *in, struct facts *f)
{
    size_t n = wire_get_u16(in);

    if (in->bad || n > FACTS_CLEAN_MAX || in->rest.n < n * sizeof f->clean[0])
        return "too many clean parts";
    if (n > 0 && !facts_are_clean(f))
        return "clean parts of a message that is not";
    if (n > 0)
        memcpy(f->clean, in->rest.p, n * sizeof f->clean[0]);
    in->rest = span_from(in->rest, n * sizeof f->clean[0]);
    f->n_clean = n;
    return NULL;
}

bool facts_decode(span bytes, struct facts *out, struct errtext *err)
{
    struct wire_in in = { .rest = bytes };
    size_t n = 0;
    const char *why = get_head(&in, out, &n);

    out->n = out->n_clean = 0;
    while (why == NULL && out->n < n)
        if ((why = get_fact(&in, &out->v[out->n])) == NULL)
            out->n++;
    if (why == NULL)
        why = get_clean(&in, out);
    if (why == NULL && in.rest.n > 0)
        why = "bytes after the record";
    if (why != NULL) {
        errtext_set(err, "worker's answer: %s (at byte %zu of %zu)", why, bytes.n - in.rest.n, bytes.n);
        facts_init(out);           /* takes back what was read of clean parts, too */
        facts_incomplete(out, "no valid answer");
        return false;
    }
    return true;
}

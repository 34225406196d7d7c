/* rcpt_merge.c - from the set in force and a proposal to the next set in force.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "socketmapd/rcpt_merge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/alloc.h"
#include "lib/base/map.h"

enum { DIFF_LINES_MAX = 20000 };

struct merge {
    const struct merge_order *order;
    struct merge_result *result;
    struct rcpt_set *old, *neu;              /* old may be NULL: there is none yet */
    struct map *domains;                     /* name -> struct plausible_domain, of the old set */
    struct plausible_domain *list;
    size_t n_list;
};

static bool is_there(const struct rcpt_set *s, span address)
{
    struct rcpt_set_entry e;

    return s != NULL && rcpt_set_find(s, address, &e) && (e.flags & RCPT_SET_MISSING) == 0;
}

static bool is_missing(const struct rcpt_set_entry *e)
{
    return (e->flags & RCPT_SET_MISSING) != 0;
}

/* ---- what changes ---- */

static struct plausible_domain *domain_of(struct merge *m, span address)
{
    span name = span_from(address, span_rfind(address, '@') + 1);
    struct plausible_domain *d = map_get(m->domains, name);

    if (d == NULL) {
        d = xcalloc(1, sizeof(*d));
        d->name = name;
        map_put(m->domains, name, d);
    }
    return d;
}

static void count_removals(struct merge *m)
{
    static const struct hash_key fixed = { 0x6761746570, 0x6f7374 };
    struct rcpt_set_entry e;

    for (uint64_t cursor = 0; m->old != NULL && rcpt_set_next(m->old, &cursor, &e);) {
        struct plausible_domain *d;

        if (is_missing(&e))
            continue;
        d = domain_of(m, e.address);
        d->had++;
        m->result->had++;
        if (is_there(m->neu, e.address))
            continue;
        d->removed++;
        m->result->removed++;
        m->result->removed_digest += siphash(e.address, &fixed);
    }
}

static void count_additions(struct merge *m)
{
    struct rcpt_set_entry e;

    for (uint64_t cursor = 0; rcpt_set_next(m->neu, &cursor, &e);) {
        m->result->has++;
        m->result->added += !is_there(m->old, e.address);
    }
}

static bool into_list(span key, void *value, void *arg)
{
    struct merge *m = arg;

    (void)key;
    m->list[m->n_list++] = *(struct plausible_domain *)value;
    return true;
}

static span missing_canary(const struct merge *m)
{
    span rest = m->order->canaries, canary;

    while (span_next(&rest, '\n', &canary)) {
        if (canary.n > 0 && !is_there(m->neu, canary))
            return canary;
    }
    return span_of(NULL, 0);
}

/* Whether the proposal is to be held, with the reason. */
static bool held(struct merge *m)
{
    struct plausible_change c = { .old = m->old != NULL ? rcpt_set_about(m->old) : NULL, .neu = rcpt_set_about(m->neu), .had = m->result->had,
                                  .removed = m->result->removed, .added = m->result->added, .has = m->result->has,
                                  .missing_canary = missing_canary(m) };
    struct errtext why = { "" };
    const struct merge_word *word = &m->order->word;
    bool hold;

    m->list = xcalloc(map_count(m->domains) + 1, sizeof(*m->list));
    map_each(m->domains, into_list, m);
    c.domains = m->list;
    c.n_domains = m->n_list;
    m->result->drastic = plausible_is_drastic(&c);
    m->result->by_word = word->given && word->removed_digest == m->result->removed_digest;
    hold = !m->result->by_word && (m->order->mode == MERGE_HOLD || !plausible(&c, &m->order->limits, &why));
    if (m->order->mode == MERGE_HOLD)
        errtext_set(&why, "held by gatepostctl recipient sync hold");
    snprintf(m->result->why, sizeof(m->result->why), "%s", hold ? why.text : "");
    return hold;
}

/* ---- the next set ---- */

struct objects {                             /* numbers of the next set by those of another */
    uint32_t *number;
    size_t n;
    const struct rcpt_set *from;
};

static uint32_t object_of(struct rcpt_set_writer *w, struct objects *o, uint32_t object)
{
    if (object >= o->n) {
        size_t n = (size_t)object + (size_t)object / 2 + 64;

        o->number = xreallocarray(o->number, n, sizeof(*o->number));
        memset(o->number + o->n, 0xff, (n - o->n) * sizeof(*o->number));
        o->n = n;
    }
    if (o->number[object] == UINT32_MAX)
        o->number[object] = rcpt_set_add_object(w, rcpt_set_object(o->from, object));
    return o->number[object];
}

static void take_proposal(struct merge *m, struct rcpt_set_writer *w)
{
    struct objects numbers = { .from = m->neu };
    struct rcpt_set_entry e;

    for (uint64_t cursor = 0; rcpt_set_next(m->neu, &cursor, &e);) {
        e.object = object_of(w, &numbers, e.object);
        rcpt_set_add(w, &e);
    }
    free(numbers.number);
}

/* Attributes are told apart by name: their order may have changed. */
static unsigned attr_in_new(const struct merge *m, unsigned attr)
{
    const struct rcpt_set_about *old = rcpt_set_about(m->old), *neu = rcpt_set_about(m->neu);

    for (unsigned i = 0; i < RCPT_SET_ATTRS_MAX; i++) {
        if (strcmp(old->attr[attr], neu->attr[i]) == 0)
            return i;
    }
    return attr;
}

static void mark_missing(const struct merge *m, struct rcpt_set_entry *e)
{
    if (!is_missing(e)) {
        e->flags |= RCPT_SET_MISSING;
        e->since_ms = m->order->now_ms;
        e->missed = 0;
        e->missed_by = m->result->generation;
    }
    e->missed++;
}

/* What the proposal does not name. */
static void keep_old(struct merge *m, struct rcpt_set_writer *w, bool hold)
{
    struct objects numbers = { .from = m->old };
    struct rcpt_set_entry e;

    for (uint64_t cursor = 0; m->old != NULL && rcpt_set_next(m->old, &cursor, &e);) {
        if (rcpt_set_added(w, e.address) || (is_missing(&e) && m->order->now_ms - e.since_ms > m->order->keep_missing_ms))
            continue;
        if (!hold)
            mark_missing(m, &e);
        e.object = object_of(w, &numbers, e.object);
        e.attr = attr_in_new(m, e.attr);
        rcpt_set_add(w, &e);
    }
    free(numbers.number);
}

/* What the set is measured against next time stays that of the last one that was believed. */
static struct rcpt_set_about about_of(const struct merge *m, bool hold)
{
    struct rcpt_set_about a = *rcpt_set_about(m->neu);

    a.generation = m->result->generation;
    if (hold && m->old != NULL) {
        const struct rcpt_set_about *old = rcpt_set_about(m->old);

        memcpy(a.context, old->context, sizeof(a.context));
        a.complete_ms = old->complete_ms;
    }
    return a;
}

static bool write_next(struct merge *m, bool hold, struct errtext *err)
{
    struct rcpt_set_writer *w = rcpt_set_writer_new();
    struct rcpt_set_about about;
    bool ok;

    m->result->generation = m->old != NULL ? rcpt_set_about(m->old)->generation + 1 : 1;
    take_proposal(m, w);
    keep_old(m, w, hold);
    about = about_of(m, hold);
    ok = rcpt_set_write(w, &about, m->order->set_path.p, err) == 0;
    rcpt_set_writer_free(&w);
    return ok;
}

/* ---- what a person is shown before she accepts ---- */

static void write_diff(const struct merge *m)
{
    char *beside = xasprintf("%s.new", m->order->diff_path.p);
    FILE *f = fopen(beside, "we");
    struct rcpt_set_entry e;
    int lines = 0;

    if (f == NULL) {
        free(beside);
        return;
    }
    for (uint64_t cursor = 0; m->old != NULL && lines < DIFF_LINES_MAX && rcpt_set_next(m->old, &cursor, &e);) {
        if (!is_missing(&e) && !is_there(m->neu, e.address))
            lines += fprintf(f, "- %.*s (%.*s)\n", SPAN_ARG(e.address), SPAN_ARG(rcpt_set_dn(m->old, e.object))) > 0;
    }
    for (uint64_t cursor = 0; lines < DIFF_LINES_MAX && rcpt_set_next(m->neu, &cursor, &e);) {
        if (!is_there(m->old, e.address))
            lines += fprintf(f, "+ %.*s (%.*s)\n", SPAN_ARG(e.address), SPAN_ARG(rcpt_set_dn(m->neu, e.object))) > 0;
    }
    if (fclose(f) != 0 || rename(beside, m->order->diff_path.p) != 0)
        unlink(beside);
    free(beside);
}

/* ---- one order ---- */

static bool open_both(struct merge *m, struct errtext *err)
{
    enum rcpt_set_status st = rcpt_set_open(m->order->set_path.p, true, &m->old, err);

    /* A set of something else that was asked for (another base, another filter) is nothing to be measured against, nor is a broken one. */
    if (st == RCPT_SET_E_SYSTEM || rcpt_set_open(m->order->proposal_path.p, true, &m->neu, err) != RCPT_SET_OK)
        return false;
    if (m->old != NULL && strcmp(rcpt_set_about(m->old)->asked, rcpt_set_about(m->neu)->asked) != 0)
        rcpt_set_close(&m->old);
    return true;
}

/* With no set yet there is nothing to add to and nothing to keep. */
static void decide(struct merge *m, struct errtext *err)
{
    bool hold;

    count_removals(m);
    count_additions(m);
    hold = held(m);
    m->result->held = hold;
    if (hold)
        write_diff(m);
    else
        unlink(m->order->diff_path.p);
    if (hold && m->old == NULL) {
        m->result->ok = true;
        return;
    }
    m->result->changed = true;
    m->result->ok = write_next(m, hold, err);
}

void merge_run(const struct merge_order *o, struct merge_result *r)
{
    struct merge m = { .order = o, .result = r, .domains = map_new() };
    struct errtext err = { "" };

    *r = (struct merge_result){ .ok = false };
    if (open_both(&m, &err))
        decide(&m, &err);
    if (!r->ok)
        snprintf(r->why, sizeof(r->why), "%s", err.text);
    map_free(&m.domains, free);
    free(m.list);
    rcpt_set_close(&m.old);
    rcpt_set_close(&m.neu);
}

/* lookup.c - does this recipient exist?  The way of a question: quick sources, cache, memory of the store, walk.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "socketmapd/lookup.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/app/log.h"
#include "lib/base/alloc.h"
#include "lib/base/map.h"
#include "socketmapd/lookup_private.h"

enum { FLUSH_BYTES_MAX = 1 << 30 };

static struct source_set *source_set_open(struct loop *l, struct settings *set, bool serving, struct errtext *err)
{
    struct source_set *ss = xcalloc(1, sizeof(*ss));
    const struct set_recipients *r = &set->recipients;
    struct errtext broken = { "" };

    if (sources_open(&(struct source_env){ l, set, serving }, &ss->sources, err) != 0) {
        free(ss);
        return NULL;
    }
    ss->overrides = rcpt_overrides_open(l, set, &broken);
    if (broken.text[0] != '\0')
        log_warning("overrides of recipients: %s", broken.text);
    ss->refs = 1;
    ss->set = settings_ref(set);
    ss->life = (struct rcpt_lifetimes){ .positive_ms = r->positive_ttl_ms,
                                        .negative_ms = r->negative_ttl_ms,
                                        .refresh_ms = r->refresh_after_ms > 0 ? r->refresh_after_ms : r->positive_ttl_ms / 2,
                                        .stale_ms = r->stale_ttl_ms,
                                        .negatives_since_ms = loop_now_ms(l) };
    return ss;
}

struct source_set *source_set_ref(struct source_set *ss)
{
    ss->refs++;
    return ss;
}

void source_set_unref(struct source_set **ss)
{
    struct source_set *gone = *ss;

    *ss = NULL;
    if (--gone->refs > 0)
        return;
    sources_close(&gone->sources);
    rcpt_overrides_close(&gone->overrides);
    settings_unref(&gone->set);
    free(gone);
}

static void unref_now(void *arg)
{
    struct source_set *ss = arg;

    source_set_unref(&ss);
}

void source_set_unref_later(struct loop *l, struct source_set **ss)
{
    struct source_set *gone = *ss;

    *ss = NULL;
    if (gone->refs > 1)
        gone->refs--;
    else
        loop_defer(l, &gone->gone, unref_now, gone);
}

static void make_counters(struct lookup *k, struct stats *st)
{
    static const char name[] = "lookups", help[] = "answers to socketmap requests by outcome";

    k->stats.valid = stats_counter(st, name, help, "answer", "valid");
    k->stats.invalid = stats_counter(st, name, help, "answer", "invalid");
    k->stats.tempfail = stats_counter(st, name, help, "answer", "tempfail");
    k->stats.cached = stats_counter(st, "lookups_known", "answers given from what was known", NULL, NULL);
    k->stats.walks = stats_counter(st, "lookup_walks", "questions that went to the sources", NULL, NULL);
    k->stats.joined = stats_counter(st, "lookup_joined", "questions that joined a walk under way", NULL, NULL);
    k->stats.stale = stats_counter(st, "lookups_stale", "known yes given while no source could answer", NULL, NULL);
}

struct lookup *lookup_new(struct loop *l, struct settings *set, bool serving, struct store *store, struct stats *stats, struct errtext *err)
{
    struct source_set *ss = source_set_open(l, set, serving, err);
    struct lookup *k;

    if (ss == NULL)
        return NULL;
    ss->life.negatives_since_ms = INT64_MIN;     /* what an earlier process remembered may be used */
    k = xcalloc(1, sizeof(*k));
    k->loop = l;
    k->serving = serving;
    k->store = store;
    k->in_force = ss;
    k->walks = map_new();
    k->cache = rcpt_cache_new((size_t)set->recipients.cache_entries);
    make_counters(k, stats);
    return k;
}

void lookup_free(struct lookup **k)
{
    struct lookup *gone = *k;

    if (gone == NULL)
        return;
    *k = NULL;
    while (gone->all_walks != NULL)
        walk_abandon(gone->all_walks);
    map_free(&gone->walks, NULL);
    rcpt_cache_free(&gone->cache);
    source_set_unref(&gone->in_force);
    free(gone);
}

int lookup_reconfigure(struct lookup *k, struct settings *set, struct errtext *err)
{
    struct source_set *neu = source_set_open(k->loop, set, k->serving, err);

    if (neu == NULL)
        return -1;
    source_set_unref(&k->in_force);      /* walks under way keep the old one until they end */
    k->in_force = neu;
    return 0;
}

void lookup_count(struct lookup *k, enum rcpt_answer answer)
{
    uint64_t *const counters[] = { [RCPT_VALID] = k->stats.valid, [RCPT_INVALID] = k->stats.invalid, [RCPT_TEMPFAIL] = k->stats.tempfail };

    ++*counters[answer];
}

static void answer_now(struct lookup *k, const struct lookup_result *r, lookup_fn *fn, void *arg)
{
    lookup_count(k, r->answer);
    fn(r, arg);
}

/* VALID of any candidate, by what a source knows by itself; false: it would have to ask for one of them. */
static bool peek_all(const struct source *s, const struct address *a, struct source_result *out)
{
    bool all = true;

    for (size_t c = 0; c < a->n; c++) {
        if (!source_peek(s, a->candidate[c], out) || out->answer == RCPT_TEMPFAIL)
            all = false;                 /* the walk weighs it against what others say */
        else if (out->answer == RCPT_VALID)
            return true;
    }
    out->answer = RCPT_INVALID;
    return all;
}

/* The sources that know by themselves, as far as they stand before all others.  true: that was the whole answer. */
static bool ask_quick_sources(struct lookup *k, const struct address *a, struct lookup_result *r)
{
    const struct sources *s = &k->in_force->sources;
    bool any = false;

    *r = (struct lookup_result){ RCPT_INVALID, "sources", "no source covers this domain", -1, false, false, false };
    for (size_t i = 0; i < s->n; i++) {
        struct source_result got;

        if (!source_covers(&s->v[i], a->domain))
            continue;
        any = true;
        if (!peek_all(&s->v[i], a, &got))
            return false;
        if (got.answer == RCPT_VALID) {
            *r = (struct lookup_result){ RCPT_VALID, s->v[i].set->name, got.detail, -1, false, got.internal, false };
            return true;
        }
        if (s->v[i].set->authoritative)
            break;
    }
    if (any)
        r->detail = "no source knows it";
    return true;
}

static bool source_still_there(const struct source_set *ss, const char *name, span domain)
{
    for (size_t i = 0; i < ss->sources.n; i++)
        if (strcmp(ss->sources.v[i].set->name, name) == 0 && source_covers(&ss->sources.v[i], domain))
            return true;
    return false;
}

/* The whole address first; for the address without its sub-address only a yes counts. */
enum rcpt_freshness lookup_known_answer(struct lookup *k, const struct source_set *ss, const struct address *a, struct rcpt_known *out)
{
    for (size_t c = 0; c < a->n; c++) {
        enum rcpt_freshness f = rcpt_cache_get(k->cache, a->candidate[c], loop_now_ms(k->loop), &ss->life, out);

        if (f == RCPT_UNKNOWN || (c > 0 && out->answer != RCPT_VALID) || !source_still_there(ss, out->source, a->domain))
            continue;
        return f;
    }
    return RCPT_UNKNOWN;
}

static bool answer_from_known(struct lookup *k, const struct address *a, lookup_fn *fn, void *arg)
{
    struct rcpt_known known;
    enum rcpt_freshness f = lookup_known_answer(k, k->in_force, a, &known);

    if (f != RCPT_FRESH && f != RCPT_AGEING)
        return false;
    ++*k->stats.cached;
    if (f == RCPT_AGEING)
        walk_join(k, a, NULL, NULL);
    answer_now(k, &(struct lookup_result){ known.answer, known.source, known.detail, known.age_ms, false, known.internal, false }, fn, arg);
    return true;
}

bool lookup_override(const struct source_set *ss, const struct address *a, struct lookup_result *r)
{
    for (size_t c = 0; c < a->n; c++) {
        const char *by;
        enum rcpt_override what = rcpt_override_of(ss->overrides, a->candidate[c], a->domain, &by);

        if (what == OVERRIDE_NONE)
            continue;
        *r = (struct lookup_result){ what == OVERRIDE_ALWAYS ? RCPT_VALID : RCPT_INVALID, "overrides", by, -1, false, false, false };
        return true;
    }
    return false;
}

void lookup_ask(struct lookup *k, span key, lookup_fn *fn, void *arg, struct lookup_ask **ask_out)
{
    struct lookup_result r;
    struct address a;
    enum address_status st = address_resolve(k->in_force->set, key, &a);

    *ask_out = NULL;
    if (st != ADDRESS_OK) {
        enum rcpt_answer answer = st == ADDRESS_ALIAS_LOOP ? RCPT_TEMPFAIL : RCPT_INVALID;

        answer_now(k, &(struct lookup_result){ answer, "address", address_status_text(st), -1, false, false,
                                                 st == ADDRESS_NOT_OURS }, fn, arg);
        return;
    }
    if (lookup_override(k->in_force, &a, &r) || ask_quick_sources(k, &a, &r)) {
        answer_now(k, &r, fn, arg);
        return;
    }
    if (answer_from_known(k, &a, fn, arg))
        return;
    *ask_out = walk_join(k, &a, fn, arg);
}

size_t lookup_known(const struct lookup *k)
{
    return rcpt_cache_count(k->cache);
}

bool lookup_resolve(const struct lookup *k, span key, struct address *out)
{
    return address_resolve(k->in_force->set, key, out) == ADDRESS_OK;
}

struct rcpt_overrides *lookup_overrides(const struct lookup *k)
{
    return k->in_force->overrides;
}

const struct sources *lookup_sources(const struct lookup *k)
{
    return &k->in_force->sources;
}

static void sources_forget(struct lookup *k, span address)
{
    const struct sources *s = &k->in_force->sources;

    for (size_t i = 0; i < s->n; i++) {
        if (s->v[i].type->forget != NULL)
            s->v[i].type->forget(s->v[i].state, address);
    }
}

/* What the store remembers, for all hosts that share it: its keys first, then they go. */
struct flush { struct store *store; struct buf keys; };

static void on_remembered(const struct store_scan_item *item, enum store_outcome outcome, bool done, void *arg)
{
    struct flush *f = arg;
    span rest, key;

    (void)outcome;
    if (item != NULL) {
        buf_append(&f->keys, item->key);
        buf_append_char(&f->keys, '\0');
    }
    if (!done)
        return;
    rest = buf_span(&f->keys);
    while (rest.n > 0 && span_next(&rest, '\0', &key))
        store_forget(f->store, "rcpt", key, NULL, NULL);
    buf_free(&f->keys);
    free(f);
}

static void flush_store(struct store *store)
{
    struct flush *f = xcalloc(1, sizeof(*f));

    f->store = store;
    buf_init(&f->keys, FLUSH_BYTES_MAX);
    store_scan(store, "rcpt", SPAN(""), SIZE_MAX, on_remembered, f);
}

size_t lookup_flush(struct lookup *k, span key)
{
    struct address a;
    size_t n = rcpt_cache_count(k->cache);

    if (key.n == 0) {
        sources_forget(k, span_of(NULL, 0));
        rcpt_cache_clear(k->cache);
        if (k->store != NULL)
            flush_store(k->store);
        return n;
    }
    if (address_resolve(k->in_force->set, key, &a) != ADDRESS_OK)
        return 0;
    sources_forget(k, a.whole);
    if (k->store != NULL)
        store_forget(k->store, "rcpt", a.whole, NULL, NULL);
    return rcpt_cache_forget(k->cache, a.whole) ? 1 : 0;
}

struct store *lookup_store(const struct lookup *k)
{
    return k->store;
}

int64_t lookup_stale_ms(const struct lookup *k)
{
    return k->in_force->life.stale_ms;
}

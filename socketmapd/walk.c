/* walk.c - one question on its way along the sources of a domain, for all who wait for it.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/alloc.h"
#include "lib/base/map.h"
#include "socketmapd/lookup_private.h"

struct lookup_ask {                  /* one who waits */
    struct walk *walk;
    struct lookup_ask *next;
    lookup_fn *fn;
    void *arg;
};

struct walk {
    struct lookup *lookup;
    struct walk *next, **link;
    struct source_set *set;
    struct address address;
    struct lookup_ask *waiters;
    struct loop_timer start;
    struct store_call *recall;
    struct source_ask *ask;
    int64_t deadline_ms;
    size_t candidate, source;        /* to be asked next */
    bool in_ask, answered;           /* a source that answers from inside ask() must not recurse */
    bool ended;                      /* an authoritative source has spoken */
    bool worth_keeping;
    bool internal;
    enum rcpt_answer answer;         /* the strongest so far */
    char source_name[32], detail[512];
    lookup_explain_fn *explain;      /* not NULL: tells each step, uses and changes nothing that is known */
    void *explain_arg;
};

static void walk_ask_next(struct walk *w);

static void walk_unlink(struct walk *w)
{
    *w->link = w->next;
    if (w->next != NULL)
        w->next->link = w->link;
    if (w->explain == NULL)
        map_remove(w->lookup->walks, w->address.whole);
}

static void walk_free(struct walk *w)
{
    source_set_unref_later(w->lookup->loop, &w->set);
    free(w);
}

static void keep_answer(struct walk *w)
{
    struct lookup *k = w->lookup;
    const struct rcpt_lifetimes *life = &w->set->life;
    char value[LOOKUP_VALUE_MAX + 1];
    int n;

    if (w->answer == RCPT_TEMPFAIL || !w->worth_keeping || w->explain != NULL)
        return;
    rcpt_cache_put(k->cache, w->address.whole, w->answer, w->internal, w->source_name, w->detail, loop_now_ms(k->loop));
    if (k->store == NULL)
        return;
    n = snprintf(value, sizeof(value), "%s %s %s", w->internal ? "INTERNAL" : rcpt_answer_name(w->answer), w->source_name, w->detail);
    store_remember(k->store, "rcpt", w->address.whole, span_of(value, (size_t)n),
                   w->answer == RCPT_VALID ? life->stale_ms : life->negative_ms, 0, NULL, NULL);
}

/* A TEMPFAIL gives way to a known yes. */
static struct lookup_result outcome(struct walk *w, struct rcpt_known *known)
{
    struct lookup_result r = { w->answer, w->source_name, w->detail, -1, false, w->internal, false };

    if (w->answer != RCPT_TEMPFAIL || lookup_known_answer(w->lookup, w->set, &w->address, known) == RCPT_UNKNOWN ||
        known->answer != RCPT_VALID)
        return r;
    ++*w->lookup->stats.stale;
    return (struct lookup_result){ RCPT_VALID, known->source, known->detail, known->age_ms, true, known->internal, false };
}

static void walk_finish(struct walk *w)
{
    struct rcpt_known known;
    struct lookup_result r;

    keep_answer(w);
    r = outcome(w, &known);
    walk_unlink(w);
    while (w->waiters != NULL) {
        struct lookup_ask *a = w->waiters;
        lookup_fn *fn = a->fn;
        void *arg = a->arg;

        w->waiters = a->next;
        free(a);
        lookup_count(w->lookup, r.answer);
        fn(&r, arg);
    }
    walk_free(w);
}

static void explain_step(struct walk *w, const struct source *s, const struct source_result *r)
{
    char line[900];

    if (w->explain == NULL)
        return;
    snprintf(line, sizeof(line), "source %s (%s) asked for <%.*s>: %s, %s", s->set->name, s->type->name,
             SPAN_ARG(w->address.candidate[w->candidate]), rcpt_answer_name(r->answer), r->detail);
    w->explain(line, w->explain_arg);
}

static void on_source(const struct source_result *r, void *arg)
{
    struct walk *w = arg;
    const struct source *s = &w->set->sources.v[w->source];

    w->ask = NULL;
    w->answered = true;
    explain_step(w, s, r);
    w->worth_keeping = w->worth_keeping || (s->type->remembers && !r->fleeting);
    if (r->answer > w->answer || w->source_name[0] == '\0') {
        w->answer = r->answer;
        w->internal = r->internal;
        snprintf(w->source_name, sizeof(w->source_name), "%s", s->set->name);
        snprintf(w->detail, sizeof(w->detail), "%s", r->detail);
    }
    if (r->answer == RCPT_VALID)
        w->worth_keeping = s->type->remembers && !r->fleeting;
    w->ended = r->answer == RCPT_VALID || (r->answer == RCPT_INVALID && s->set->authoritative && w->candidate + 1 == w->address.n);
    if (r->answer == RCPT_INVALID && s->set->authoritative)
        w->source = w->set->sources.n;       /* the next candidate, from the first source */
    else
        w->source++;
    if (!w->in_ask)
        walk_ask_next(w);
}

/* The next source that covers the domain; false when all candidates have been everywhere. */
static bool find_next(struct walk *w)
{
    for (; w->candidate < w->address.n; w->candidate++, w->source = 0)
        for (; w->source < w->set->sources.n; w->source++)
            if (source_covers(&w->set->sources.v[w->source], w->address.domain))
                return true;
    return false;
}

static void walk_ask_next(struct walk *w)
{
    while (!w->ended && find_next(w)) {
        const struct source *s = &w->set->sources.v[w->source];
        int64_t left_ms = w->deadline_ms - loop_now_ms(w->lookup->loop);

        if (left_ms <= 0) {
            if (w->answer != RCPT_VALID) {
                w->answer = RCPT_TEMPFAIL;
                snprintf(w->source_name, sizeof(w->source_name), "%s", s->set->name);
                snprintf(w->detail, sizeof(w->detail), "no time was left to ask (recipients.timeout)");
            }
            break;
        }
        w->in_ask = true;
        w->answered = false;
        source_ask(s, w->address.candidate[w->candidate], left_ms, on_source, w, &w->ask);
        w->in_ask = false;
        if (!w->answered)
            return;
    }
    walk_finish(w);
}

/* "VALID source detail" (INTERNAL: valid, but not for mail from outside), as keep_answer wrote it: foreign input, another version may have written it. */
static void learn_remembered(struct walk *w, const struct store_value_result *r)
{
    span rest = r->value, word, source;
    char name[32], detail[256];
    enum rcpt_answer answer = RCPT_INVALID;
    bool internal;

    if (!span_next(&rest, ' ', &word) || !span_next(&rest, ' ', &source))
        return;
    internal = span_eq(word, SPAN("INTERNAL"));
    if (internal || span_eq(word, SPAN("VALID")))
        answer = RCPT_VALID;
    else if (!span_eq(word, SPAN("INVALID")))
        return;
    snprintf(name, sizeof(name), "%.*s", SPAN_ARG(source));
    snprintf(detail, sizeof(detail), "%.*s", SPAN_ARG(rest));
    rcpt_cache_put(w->lookup->cache, w->address.whole, answer, internal, name, detail, loop_now_ms(w->lookup->loop) - r->age_ms);
}

static void on_recall(const struct store_value_result *r, void *arg)
{
    struct walk *w = arg;
    struct rcpt_known known;

    w->recall = NULL;
    if (r->outcome == STORE_HIT)
        learn_remembered(w, r);
    if (r->outcome == STORE_HIT && lookup_known_answer(w->lookup, w->set, &w->address, &known) == RCPT_FRESH) {
        w->answer = known.answer;
        w->internal = known.internal;
        w->worth_keeping = false;
        snprintf(w->source_name, sizeof(w->source_name), "%s", known.source);
        snprintf(w->detail, sizeof(w->detail), "%s", known.detail);
        walk_finish(w);
        return;
    }
    walk_ask_next(w);
}

/* Whether any source that covers the domain leaves the remembering to us. */
static bool anything_remembered(const struct walk *w)
{
    const struct sources *s = &w->set->sources;

    for (size_t i = 0; i < s->n; i++) {
        if (s->v[i].type->remembers && source_covers(&s->v[i], w->address.domain))
            return true;
    }
    return false;
}

static void walk_start(void *arg)
{
    struct walk *w = arg;

    if (w->lookup->store != NULL && w->explain == NULL && anything_remembered(w))
        store_recall(w->lookup->store, "rcpt", w->address.whole, 0, on_recall, w, &w->recall);
    else
        walk_ask_next(w);
}

/* The walk begins in the loop's next step, so that nobody is answered from inside the call that started it. */
static struct walk *walk_new(struct lookup *k, const struct address *a)
{
    struct walk *w = xcalloc(1, sizeof(*w));

    w->lookup = k;
    w->set = source_set_ref(k->in_force);
    address_copy(a, &w->address);
    w->deadline_ms = loop_now_ms(k->loop) + w->set->set->recipients.timeout_ms;
    w->answer = RCPT_INVALID;
    snprintf(w->detail, sizeof(w->detail), "no source covers this domain");
    w->next = k->all_walks;
    w->link = &k->all_walks;
    if (w->next != NULL)
        w->next->link = &w->next;
    k->all_walks = w;
    loop_timer_start(k->loop, &w->start, 0, walk_start, w);
    return w;
}

static struct lookup_ask *walk_wait(struct walk *w, lookup_fn *fn, void *arg)
{
    struct lookup_ask *ask = xcalloc(1, sizeof(*ask));

    *ask = (struct lookup_ask){ w, w->waiters, fn, arg };
    w->waiters = ask;
    return ask;
}

struct lookup_ask *walk_join(struct lookup *k, const struct address *a, lookup_fn *fn, void *arg)
{
    struct walk *w = map_get(k->walks, a->whole);

    if (w == NULL) {
        w = walk_new(k, a);
        map_put(k->walks, w->address.whole, w);
        ++*k->stats.walks;
    } else {
        ++*k->stats.joined;
    }
    return fn != NULL ? walk_wait(w, fn, arg) : NULL;
}

void lookup_cancel(struct lookup_ask **a)
{
    struct lookup_ask *gone = *a, **at;

    if (gone == NULL)
        return;
    *a = NULL;
    for (at = &gone->walk->waiters; *at != gone; at = &(*at)->next)
        ;
    *at = gone->next;
    free(gone);              /* the walk goes on: its answer will be known */
}

void walk_abandon(struct walk *w)
{
    loop_timer_stop(&w->start);
    if (w->recall != NULL)
        store_cancel(&w->recall);
    if (w->ask != NULL)
        w->set->sources.v[w->source].type->cancel(&w->ask);
    walk_unlink(w);
    while (w->waiters != NULL) {
        struct lookup_ask *a = w->waiters;

        w->waiters = a->next;
        free(a);
    }
    walk_free(w);
}

/* What the sources keep themselves. */
static void explain_kept(struct lookup *k, const struct address *a, lookup_explain_fn *line, void *arg)
{
    const struct sources *s = &k->in_force->sources;

    for (size_t i = 0; i < s->n; i++) {
        for (size_t c = 0; s->v[i].type->describe != NULL && source_covers(&s->v[i], a->domain) && c < a->n; c++) {
            struct buf text;

            buf_init(&text, 2048);
            buf_printf(&text, "kept: source %s on <%.*s>: ", s->v[i].set->name, SPAN_ARG(a->candidate[c]));
            s->v[i].type->describe(s->v[i].state, a->candidate[c], &text);
            line(buf_cstr(&text), arg);
            buf_free(&text);
        }
    }
}

static void explain_known(struct lookup *k, const struct address *a, lookup_explain_fn *line, void *arg)
{
    static const char *const words[] = { [RCPT_FRESH] = "fresh", [RCPT_AGEING] = "ageing, asked again when next used",
                                         [RCPT_STALE] = "stale, used only while no source can answer" };
    struct rcpt_known known;
    enum rcpt_freshness f = lookup_known_answer(k, k->in_force, a, &known);
    char text[600];

    if (f == RCPT_UNKNOWN)
        snprintf(text, sizeof(text), "known: nothing");
    else
        snprintf(text, sizeof(text), "known: %s from %s (%s), %llds old, %s", rcpt_answer_name(known.answer), known.source, known.detail,
                 (long long)(known.age_ms / 1000), words[f]);
    line(text, arg);
}

void lookup_explain(struct lookup *k, span key, lookup_explain_fn *line, lookup_fn *done, void *arg)
{
    struct address a;
    enum address_status st = address_resolve(k->in_force->set, key, &a);
    char text[ADDRESS_MAX + 100];
    struct lookup_result said;
    struct walk *w;

    if (st != ADDRESS_OK) {
        snprintf(text, sizeof(text), "address: %s", address_status_text(st));
        line(text, arg);
        done(&(struct lookup_result){ st == ADDRESS_ALIAS_LOOP ? RCPT_TEMPFAIL : RCPT_INVALID, "address", address_status_text(st), -1,
                                      false, false, st == ADDRESS_NOT_OURS }, arg);
        return;
    }
    snprintf(text, sizeof(text), "address: <%.*s>%s%s", SPAN_ARG(a.whole), a.alias_of != NULL ? ", by the alias domain " : "",
             a.alias_of != NULL ? a.alias_of : "");
    line(text, arg);
    for (size_t i = 1; i < a.n; i++) {
        snprintf(text, sizeof(text), "address: without its sub-address <%.*s>", SPAN_ARG(a.candidate[i]));
        line(text, arg);
    }
    if (lookup_override(k->in_force, &a, &said)) {
        snprintf(text, sizeof(text), "override: %s, by %s", rcpt_answer_name(said.answer), said.detail);
        line(text, arg);
        done(&said, arg);
        return;
    }
    explain_known(k, &a, line, arg);
    explain_kept(k, &a, line, arg);
    w = walk_new(k, &a);
    w->explain = line;
    w->explain_arg = arg;
    walk_wait(w, done, arg);
}

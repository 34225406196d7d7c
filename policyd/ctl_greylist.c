/* ctl_greylist.c - gatepostctl greylist: who waits, who is known, and what an administrator does about it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "policyd/ctl_greylist.h"

#include <stdlib.h>

#include "lib/base/alloc.h"
#include "policyd/ctl_store.h"
#include "policyd/marks.h"

enum { SHOW_MAX = 1000, STATS_MAX = 50000000 };

/* "{...}" alone: an authority, whose entries begin with it. */
static bool is_authority(span key)
{
    return key.n > 2 && key.p[0] == '{' && key.p[key.n - 1] == '}';
}

/* ---- show and stats ---- */

struct walk {
    struct ctl_request *request;
    bool stats;
    size_t shown;
    uint64_t waiting, passed, authorities, automatic;
};

static void show_one(struct walk *w, const struct store_scan_item *item)
{
    if (++w->shown > SHOW_MAX)
        return;
    ctl_print(w->request, "%.*s %.*s age=%llds", SPAN_ARG(item->key), SPAN_ARG(item->value), (long long)(item->age_ms / 1000));
    if (item->ttl_left_ms >= 0)
        ctl_print(w->request, " forgotten_in=%llds", (long long)(item->ttl_left_ms / 1000));
    ctl_print(w->request, "\n");
}

static void count_one(struct walk *w, const struct store_scan_item *item)
{
    bool passes = span_starts(item->value, SPAN("answer=pass"));

    if (is_authority(item->key)) {
        w->authorities++;
        w->automatic += passes;
    } else if (passes) {
        w->passed++;
    } else {
        w->waiting++;
    }
}

static void walk_end(struct walk *w, enum store_outcome outcome)
{
    if (w->stats)
        ctl_print(w->request, "waiting: %llu\npassed: %llu\nclients with passes: %llu\nclients that pass by themselves: %llu\n",
                  (unsigned long long)w->waiting, (unsigned long long)w->passed, (unsigned long long)w->authorities,
                  (unsigned long long)w->automatic);
    else if (w->shown == 0)
        ctl_print(w->request, "no entry begins like this\n");
    else if (w->shown > SHOW_MAX)
        ctl_complain(w->request, "only the first %d: name more of the key\n", SHOW_MAX);
    ctl_store_walked(&w->request, outcome);
    free(w);
}

static void on_item(const struct store_scan_item *item, enum store_outcome outcome, bool done, void *arg)
{
    struct walk *w = arg;

    if (done)
        walk_end(w, outcome);
    else if (w->stats)
        count_one(w, item);
    else
        show_one(w, item);
}

static void walk_start(struct policyd *p, struct ctl_request *q, bool stats, span prefix)
{
    struct walk *w = xcalloc(1, sizeof(*w));

    w->request = q;
    w->stats = stats;
    store_scan(p->services.store, "grey", prefix, stats ? STATS_MAX : SHOW_MAX + 1, on_item, w);
}

/* ---- pass and forget ---- */

static void on_pass(const struct store_value_result *r, void *arg)
{
    struct ctl_request *q = arg;

    ctl_store_changed(&q, r->outcome, r->why, "passes from now on", "");
}

static void on_grey(const struct store_grey_result *r, void *arg)
{
    struct ctl_request *q = arg;

    ctl_store_changed(&q, r->outcome, r->why, "passes from now on", "");
}

static void on_forget(const struct store_value_result *r, void *arg)
{
    struct ctl_request *q = arg;

    ctl_store_changed(&q, r->outcome, r->why, "forgotten", "there is no such entry");
}

static void pass(struct policyd *p, struct ctl_request *q, span key)
{
    const struct set_greylist *set = &p->rules->set->policy.greylist;
    struct store_grey_request ask = { .key = key, .window_ms = set->window_ms, .keep_ms = set->keep_ms };
    struct store_call *call;

    if (is_authority(key))
        marks_set(p->services.marks, MARK_GREY_PASS, key, "by gatepostctl", BLOCK_KEEP_MS, on_pass, q);
    else
        store_grey(p->services.store, &ask, on_grey, q, &call);
}

/* An authority's mark goes with its count; who of its entries have passed are forgotten one by one. */
static void forget(struct policyd *p, struct ctl_request *q, span key)
{
    if (is_authority(key))
        marks_clear(p->services.marks, MARK_GREY_PASS, key, NULL, NULL);
    store_forget(p->services.store, "grey", key, on_forget, q);
}

void ctl_greylist(struct ctl_request *q, void *arg)
{
    struct policyd *p = ctl_store_ready(&q, arg);
    span word, key;

    if (p == NULL)
        return;
    word = ctl_arg(q, 0);
    key = ctl_arg(q, 1);
    if (span_eq(word, SPAN("show")))
        return walk_start(p, q, false, key);
    if (span_eq(word, SPAN("stats")))
        return walk_start(p, q, true, (span){ NULL, 0 });
    if (span_eq(word, SPAN("pass")) && key.n > 0)
        return pass(p, q, key);
    if (span_eq(word, SPAN("forget")) && key.n > 0)
        return forget(p, q, key);
    ctl_complain(q, "usage: greylist show [KEY] | pass KEY | forget KEY | stats\nKEY as the log has it: {CLIENT}/SENDER/RECIPIENT, or {CLIENT} for all of it\n");
    ctl_finish(&q, CTL_USAGE);
}

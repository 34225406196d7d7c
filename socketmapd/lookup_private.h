/* lookup_private.h - what lookup.c and walk.c share.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_SOCKETMAPD_LOOKUP_PRIVATE_H
#define GATEPOST_SOCKETMAPD_LOOKUP_PRIVATE_H

#include "socketmapd/lookup.h"
#include "socketmapd/rcpt_cache.h"
#include "socketmapd/rcpt_override.h"

/* The sources of one configuration; walks under way keep theirs over a reload. */
struct source_set {
    unsigned refs;
    struct loop_task gone;
    struct settings *set;
    struct sources sources;
    struct rcpt_overrides *overrides;
    struct rcpt_lifetimes life;
};

struct lookup {
    struct loop *loop;
    bool serving;
    struct store *store;             /* may be NULL */
    struct source_set *in_force;
    struct rcpt_cache *cache;
    struct map *walks;               /* whole address -> struct walk: equal questions are asked once */
    struct walk *all_walks;
    struct lookup_stats stats;
};

struct source_set *source_set_ref(struct source_set *ss);
void source_set_unref(struct source_set **ss);
/* At the end of the turn: out of a source's own callback, which still runs. */
void source_set_unref_later(struct loop *l, struct source_set **ss);
/* Whether a person has said so; *r is then filled. */
bool lookup_override(const struct source_set *ss, const struct address *a, struct lookup_result *r);
void lookup_count(struct lookup *k, enum rcpt_answer answer);
enum rcpt_freshness lookup_known_answer(struct lookup *k, const struct source_set *ss, const struct address *a, struct rcpt_known *out);

struct walk;
/* Starts a walk or joins the one under way.  fn == NULL: nobody waits, the answer refreshes what is known, and NULL
 * is returned.  fn never runs before this has returned. */
struct lookup_ask *walk_join(struct lookup *k, const struct address *a, lookup_fn *fn, void *arg);
void walk_abandon(struct walk *w);    /* no callbacks */

#endif

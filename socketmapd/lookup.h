/* lookup.h - does this recipient exist?  Out of the cache, or one walk along the sources, joined by all who ask.
 *
 * Order: fold the address, then each candidate (exact, then without sub-address) against what is known, then a walk: the
 * sources that cover the domain, in order.  OK beats TEMP beats NOTFOUND.  A TEMPFAIL gives way to a known yes.
 * Calls:     fn runs exactly once, possibly before lookup_ask returns (then *ask_out is NULL), unless cancelled.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_SOCKETMAPD_LOOKUP_H
#define GATEPOST_SOCKETMAPD_LOOKUP_H

#include "lib/store/store.h"
#include "socketmapd/address.h"
#include "socketmapd/source.h"

struct lookup;
struct lookup_ask;

struct lookup_result {
    enum rcpt_answer answer;
    const char *source;       /* name of the source, "cache", "address" (no source was needed); never NULL */
    const char *detail;       /* never NULL */
    int64_t age_ms;           /* of a known answer; -1: asked now */
    bool stale;               /* a known yes in place of a TEMPFAIL */
    bool internal;            /* VALID, but not for mail from outside */
    bool not_ours;            /* INVALID: its domain is none of ours */
};
typedef void lookup_fn(const struct lookup_result *r, void *arg);

struct lookup_stats {
    uint64_t *valid, *invalid, *tempfail, *cached, *walks, *joined, *stale;
};

enum { LOOKUP_VALUE_MAX = 639 };       /* of a remembered answer */

/* store may be NULL: nothing is remembered beyond this process.  The settings are held by reference. */
struct lookup *lookup_new(struct loop *l, struct settings *set, bool serving, struct store *store, struct stats *stats, struct errtext *err);
void lookup_free(struct lookup **k);
/* Takes over new settings: sources are opened anew, what is known stays.  -1 with err: the old ones stay. */
int lookup_reconfigure(struct lookup *k, struct settings *set, struct errtext *err);

void lookup_ask(struct lookup *k, span key, lookup_fn *fn, void *arg, struct lookup_ask **ask_out);
void lookup_cancel(struct lookup_ask **a);
size_t lookup_known(const struct lookup *k);              /* remembered answers */
/* The address that a key stands for; false: no recipient of ours. */
bool lookup_resolve(const struct lookup *k, span key, struct address *out);
struct rcpt_overrides;
struct rcpt_overrides *lookup_overrides(const struct lookup *k);
const struct sources *lookup_sources(const struct lookup *k);
/* Forgets one address, or all (empty key); the number forgotten. */
size_t lookup_flush(struct lookup *k, span key);

/* Every step for one address, asked afresh, as text for people; done(answer) ends it. */
typedef void lookup_explain_fn(const char *line, void *arg);
void lookup_explain(struct lookup *k, span key, lookup_explain_fn *line, lookup_fn *done, void *arg);

struct store *lookup_store(const struct lookup *k);                   /* NULL: none */
int64_t lookup_stale_ms(const struct lookup *k);                      /* the longest that a yes is kept */

#endif

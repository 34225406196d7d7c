/* store.h - shared memory of the daemons: limits, greylist, remembered answers.
 *
 * Domain operations, each atomic in its back end (embedded tables or Redis).
 * Time:      the embedded store takes the caller's wall clock, Redis its own TIME; `now_ms` in a request overrides both when > 0 (tests).
 * Outcomes:  HIT, MISS and DOWN are three things.  DOWN says nothing about the key.
 * Calls:     fn runs exactly once, possibly before the call returns (embedded); store_cancel prevents it.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_STORE_STORE_H
#define GATEPOST_STORE_STORE_H

#include "lib/base/span.h"
#include "lib/net/loop.h"
#include "lib/settings/settings.h"

struct store;
struct store_call;

enum store_outcome { STORE_HIT, STORE_MISS, STORE_DOWN };

enum { STORE_LIMITS_MAX = 16, STORE_KEY_MAX = 400, STORE_VALUE_MAX = 4096 };

/* Each decision costs `cost` events.  A look (cost 0) asks for room for `want` of them (0: one) and takes nothing.
 * STORE_GCRA:    `count` events per `per_ms`, up to `burst` at once; more than `burst` never fits.
 * STORE_SLIDING: at most `count` in the last `per_ms`.  Two counters of adjoining windows, the older one taken in proportion: exact as
 *                long as the older window's events came evenly, and never more than 2 * count - 1 in any window of per_ms, whatever came. */
enum store_limit_kind { STORE_GCRA, STORE_SLIDING };
struct store_limit {
    span key;               /* whole and unique: "limit-name/key value" */
    int64_t count, per_ms;
    int64_t burst;          /* STORE_GCRA */
    int64_t cost;           /* 0: only looks */
    enum store_limit_kind kind;
    int64_t want;           /* of a look */
};
struct store_limit_result {
    bool exceeded;
    int64_t retry_ms;       /* when exceeded: until it would fit */
    int64_t left;           /* how many more would fit now */
};
struct store_limits_result {
    enum store_outcome outcome;                       /* STORE_HIT: decided; STORE_DOWN: nobody knows */
    bool committed;                                   /* none is exceeded: what it costs is taken (by a repeated `once`: was taken before) */
    struct store_limit_result each[STORE_LIMITS_MAX];
    size_t n;
    const char *why;                                  /* DOWN: for the log */
    bool repeated;                                    /* charged before under this `once`: nothing was taken now */
    bool remembered;                                  /* known without the store: one is exceeded; nothing is known of those that are not */
};
typedef void store_limits_fn(const struct store_limits_result *r, void *arg);

/* Decides all limits at once: all are checked, and only if none is exceeded (or `force` is set) all are charged.  A `once` key (empty: none) that was
 * charged before within once_ms takes nothing again and exceeds nothing: a request that Postfix repeats is not counted twice and gets
 * the answer that it got. */
struct store_limits_request {
    const struct store_limit *limits;
    size_t n;
    span once;
    int64_t once_ms;
    int64_t now_ms;
    bool force;             /* what happened is counted, whether it fits or not; `exceeded` still tells */
};
void store_limits(struct store *s, const struct store_limits_request *q, store_limits_fn *fn, void *arg, struct store_call **call_out);

/* Gives back what was charged under q->once, with the limits and costs of then: exactly, and at most once.  MISS: nothing was, or it
 * was given back before. */
typedef void store_refund_fn(enum store_outcome outcome, void *arg);
void store_refund(struct store *s, const struct store_limits_request *q, store_refund_fn *fn, void *arg, struct store_call **call_out);

enum grey_answer { GREY_WAIT, GREY_PASS };
/* auto_key (empty: none) names who is greylisted, "{192.0.2.0/24}": after auto_after passes of keys of his, at most one an hour counted,
 * all of his pass, for auto_keep_ms from the last.  In a cluster both keys must carry the same part in braces. */
struct store_grey_request { span key; int64_t delay_ms, window_ms, keep_ms; int64_t now_ms; span auto_key; int64_t auto_after, auto_keep_ms; };
struct store_grey_result {
    enum store_outcome outcome;
    enum grey_answer answer;
    int64_t wait_ms;
    int64_t tries;
    const char *why;
    bool automatic;         /* passes because of auto_key; `key` was not looked at */
};
typedef void store_grey_fn(const struct store_grey_result *r, void *arg);
/* First seen -> WAIT; seen again after delay and within window -> PASS, kept keep_ms from the last pass. A clock set back never lengthens the wait. */
void store_grey(struct store *s, const struct store_grey_request *q, store_grey_fn *fn, void *arg, struct store_call **call_out);

struct store_value_result { enum store_outcome outcome; span value; int64_t age_ms; int64_t ttl_left_ms; const char *why; };
typedef void store_value_fn(const struct store_value_result *r, void *arg);
/* table: a short word ("rcpt", "unscannable"); fn may be NULL for remember and forget. */
void store_remember(struct store *s, const char *table, span key, span value, int64_t ttl_ms, int64_t now_ms, store_value_fn *fn, void *arg);
void store_recall(struct store *s, const char *table, span key, int64_t now_ms, store_value_fn *fn, void *arg, struct store_call **call_out);
/* Also for "limits" and "grey".  HIT: it was there. */
void store_forget(struct store *s, const char *table, span key, store_value_fn *fn, void *arg);

/* Walks a table ("limits", "grey", or a remembered one) in no order; keys that start with prefix; at most `limit`.  Ends with one call with
 * item NULL and done true (outcome DOWN: what came is not all), possibly after the call returned; arg must live until then or store_close. */
struct store_scan_item { span key; span value; int64_t age_ms, ttl_left_ms; };   /* -1: not known (age of limits; ttl_left of grey in Redis) */
typedef void store_scan_fn(const struct store_scan_item *item, enum store_outcome outcome, bool done, void *arg);
void store_scan(struct store *s, const char *table, span prefix, size_t limit, store_scan_fn *fn, void *arg);

void store_cancel(struct store_call **call);

/* `name`: the daemon ("policyd"), a file name of the embedded store.  Each daemon has its own embedded store.  When a store is returned, text
 * in err is a warning: something of the old content could not be read and was dropped.  Call open and close outside of the loop's callbacks. */
struct store *store_open(struct loop *l, const char *name, const struct settings *set, struct errtext *err);
void store_close(struct store **s);            /* embedded: a last copy to disk is made by the saver child within its time */
bool store_up(const struct store *s);
const char *store_problem(const struct store *s);    /* what is wrong now ("copy to disk: No space left on device"), or "" */
int store_saver_run(int argc, char **argv);    /* child role "store-saver": copies the tables to disk */

#endif

/* store_redis.h - inside the Redis back end: its struct, its scripts, and one call with its arguments.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_STORE_REDIS_H
#define GATEPOST_STORE_REDIS_H

#include "lib/store/store_backend.h"
#include "lib/store/store_redis_ask.h"
#include "lib/store/store_redis_lease.h"
#include "lib/store/store_redis_memory.h"
#include "lib/store/store_redis_nodes.h"
#include "lib/store/store_rules.h"

enum redis_script { SCRIPT_LIMITS, SCRIPT_REFUND, SCRIPT_GREY, SCRIPT_REMEMBER, SCRIPT_RECALL, SCRIPT_FORGET, SCRIPT_PEEK, SCRIPT_COUNT };

struct redis_script_text {
    const char *text;
    char sha1[41];
};
const struct redis_script_text *redis_script(enum redis_script which);

struct redis_call;
struct redis_walk;
struct redis_spread;
struct redis_block;

struct store_redis {
    struct store store;
    struct redis_nodes *nodes;
    struct redis_memory *memory;
    struct redis_leases *leases;
    char *prefix;
    int64_t timeout_ms;
    struct redis_call *calls;
    struct redis_walk *walks;
    struct redis_spread *spreads;
    struct redis_block *blocks;
};

/* A question under way, whichever it is.  cancel: its owner no longer wants to hear of it. */
struct redis_pending {
    struct store_call call;        /* first: store_cancel finds us by it */
    void (*cancel)(struct redis_pending *pending);
};

enum { REDIS_KEYS_MAX = STORE_LIMITS_MAX + 1, REDIS_ARGS_MAX = 6, REDIS_NUMBERS_MAX = 4 + 5 * STORE_LIMITS_MAX };

/* The reply, or NULL and why.  Runs once, unless cancelled.  call: its own; freed after the return. */
typedef void redis_call_fn(struct redis_call *call, const redisReply *reply, const char *why);

struct redis_call {
    struct redis_pending pend;     /* first */
    struct redis_call *next, **link;
    struct redis_ask ask;          /* ask.node set before the start: it goes there */
    redis_call_fn *done;           /* NULL: cancelled */
    enum redis_script script;
    bool sent_whole;               /* EVAL after NOSCRIPT */
    bool *ended_out;               /* while it is being started */
    char n_keys_text[24];
    size_t n_keys, n_args;         /* argument i: bytes[starts[i]] to bytes[starts[i + 1]] */
    struct buf bytes;
    size_t starts[REDIS_KEYS_MAX + REDIS_ARGS_MAX + 1];
    size_t heads[REDIS_KEYS_MAX], key_sizes[REDIS_KEYS_MAX];    /* of each key as it was given, within its argument */

    /* whose answer it is */
    void (*fn)(void);              /* cast back by `done` */
    void *arg;
    void *more;                    /* freed with the call */
};

struct redis_call *redis_call_new(struct store_redis *s, enum redis_script script, redis_call_fn *done);
/* Keys first, then arguments. */
void redis_call_key(struct redis_call *c, const char *table, span key);     /* "prefix:table:key" */
void redis_call_limit(struct redis_call *c, span key);                       /* a limit, as it stands here */
void redis_call_once(struct redis_call *c, span limit, span once);           /* what was charged once; in a Cluster, of this limit */
span redis_call_key_at(const struct redis_call *c, size_t i);                /* as it was given, without what stands around it */
void redis_call_arg(struct redis_call *c, int64_t number);
void redis_call_arg_bytes(struct redis_call *c, span bytes);
/* store_redis_numbers.c: so many whole numbers, below 2^53, in one argument. */
void redis_call_numbers(struct redis_call *c, const int64_t *numbers, size_t n);
/* Sends it; `done` may run before this returns, then *call_out is NULL.  call_out may be NULL. */
void redis_call_start(struct redis_call *c, struct store_call **call_out);

void redis_call_free(struct redis_call *c);     /* no callback */

/* A script's reply as it must be: so many whole numbers. */
bool redis_integers(const redisReply *reply, size_t n);
/* The same, written by struct.pack: false: it is no such reply. */
bool redis_numbers(const redisReply *reply, int64_t *numbers_out, size_t n);
#define REDIS_ODD_REPLY "Redis gave a reply that the script cannot give"
/* Where limits stand.  On one server "PREFIX:{limit}:KEY", so that one script decides all of a decision.  In a Cluster "PREFIX:limit:{KEY}":
 * each limit where its key belongs, what was charged once beside it. */
#define REDIS_LIMIT_TABLE         "{limit}"
#define REDIS_ONCE_TABLE          "{limit}-once"
#define REDIS_CLUSTER_LIMIT_TABLE "limit"
#define REDIS_CLUSTER_ONCE_TABLE  "limit-once"

/* store_redis_limits.c */
void redis_limits(struct store *s, const struct store_limits_request *q, store_limits_fn *fn, void *arg, struct store_call **call_out);
void redis_refund(struct store *s, const struct store_limits_request *q, store_refund_fn *fn, void *arg, struct store_call **call_out);
/* Within one server, or (in a Cluster) one limit.  undo: as if it had never been charged, so that the same `once` may charge again. */
void redis_limits_together(struct store_redis *s, const struct store_limits_request *q, store_limits_fn *fn, void *arg, struct store_call **call_out);
void redis_refund_together(struct store_redis *s, const struct store_limits_request *q, bool undo, store_refund_fn *fn, void *arg,
                           struct store_call **call_out);
/* A request that is asked on behalf of another, and outlives it: its texts stand in redis_request_bytes() bytes at *at, which is stepped over. */
size_t redis_request_bytes(const struct store_limits_request *q);
struct store_limits_request redis_request_keep(const struct store_limits_request *q, struct store_limit limits[STORE_LIMITS_MAX], char **at);
/* store_redis_spread.c: limits that stand on several nodes. */
void redis_limits_spread(struct store_redis *s, const struct store_limits_request *q, store_limits_fn *fn, void *arg, struct store_call **call_out);
void redis_refund_spread(struct store_redis *s, const struct store_limits_request *q, store_refund_fn *fn, void *arg, struct store_call **call_out);
void redis_spreads_stop(struct store_redis *s);
/* store_redis_block.c: a decision that charges blocks (store_redis_lease.h) beside its own; false: no limit of it wants one. */
bool redis_limits_with_blocks(struct store_redis *s, const struct store_limits_request *q, store_limits_fn *fn, void *arg, struct store_call **call_out);
void redis_blocks_stop(struct store_redis *s);
/* On one node, or on several. */
void redis_limits_anywhere(struct store_redis *s, const struct store_limits_request *q, store_limits_fn *fn, void *arg, struct store_call **call_out);
/* A limit's value as the scripts write it. */
bool redis_limit_read(span value, struct limit_state *st);

/* store_redis_scan.c */
void redis_scan_stop(struct store_redis *s);
void redis_scan(struct store *s, const char *table, span prefix, size_t limit, store_scan_fn *fn, void *arg);

#endif

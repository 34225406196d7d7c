/* store_redis_ask.h - one command to the node that has its key: redirected where a Cluster says so, behind the node's breaker.
 *
 * Ownership: the owner embeds struct redis_ask and keeps the command's bytes, because it may be sent more than once.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_STORE_REDIS_ASK_H
#define GATEPOST_STORE_REDIS_ASK_H

#include "lib/store/store_redis_nodes.h"

struct redis_ask;

struct redis_ask_kind {
    size_t argv_max;
    size_t (*argv)(struct redis_ask *a, span *argv);             /* the command; how many arguments it has */
    /* Runs exactly once unless redis_ask_stop came first: a reply that is no error, or NULL and why. */
    void (*done)(struct redis_ask *a, const redisReply *reply, const char *why);
    /* May be NULL: whether the command, which was answered with this error, is to be sent again (argv has changed). */
    bool (*again)(struct redis_ask *a, const char *error);
};

struct redis_ask {
    const struct redis_ask_kind *kind;
    struct redis_nodes *nodes;
    struct redis_node *node;          /* that has the question; NULL: the one for the key is to be found */
    struct redisc_call *pending;
    bool probe, asking;               /* asking: of ASKING, a redirection for this one question */
    bool unwanted;                    /* nobody waits any more: it is not sent again; `done` still runs */
    unsigned redirections;
    int64_t until_ms;
};

/* Sends it; `done` may run before this returns.  `a` is zero but for `node`, or was done before. */
void redis_ask_start(struct redis_ask *a, const struct redis_ask_kind *kind, struct redis_nodes *nodes, span key, int64_t within_ms);
void redis_ask_stop(struct redis_ask *a);                        /* no callback follows; a reply is read and dropped */

#endif

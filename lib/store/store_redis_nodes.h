/* store_redis_nodes.h - the Redis servers behind one store: a single one, the master that Sentinels name, or the nodes of a Cluster.
 *
 * Who asks gets the node for a key, and tells what came of it; each node has a breaker of its own.
 * Sentinel:  a Sentinel is asked at the start, every SENTINEL_EVERY_MS, and at once when the master fails or says it is none.
 * Cluster:   the map of slots is read at the start, every CLUSTER_EVERY_MS, and when a node fails or redirects.
 * Source:    "Guidelines for Redis clients with support for Redis Sentinel"; Redis Cluster specification.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_STORE_REDIS_NODES_H
#define GATEPOST_STORE_REDIS_NODES_H

#include "lib/net/redisc.h"
#include "lib/proto/redis_slot.h"
#include "lib/settings/settings.h"

#define SENTINEL_EVERY_MS SECONDS(10)
#define CLUSTER_EVERY_MS  SECONDS(60)
/* Least time between two looks because of a failure. */
#define TOPOLOGY_HURRY_MS 250

struct redis_nodes;

/* Of every key. */
static inline const char *redis_prefix(const struct set_redis *set)
{
    return set->prefix != NULL && set->prefix[0] != '\0' ? set->prefix : "gatepost";
}

struct redis_node {
    struct redis_node *next;
    struct redis_nodes *nodes;
    char *address;                 /* "inet:HOST:PORT" */
    struct redisc *redisc;
    int failures;                  /* in a row */
    int64_t closed_until_ms;       /* monotonic: no question before */
    bool probing;                  /* one question is out to see whether it is back */
    bool used;                     /* in the topology as it was read last */
    unsigned walks;                /* that stand at it */
    char problem[256];
};

/* Reads password files and certificates.  NULL with err. */
struct redis_nodes *redis_nodes_new(struct loop *l, const struct set_redis *set, struct errtext *err);
void redis_nodes_free(struct redis_nodes **n);           /* no callbacks follow */
bool redis_nodes_clustered(const struct redis_nodes *n);
struct loop *redis_nodes_loop(const struct redis_nodes *n);

/* NULL with *why_out: nobody is known to have it now. */
struct redis_node *redis_nodes_for(struct redis_nodes *n, span key, const char **why_out);
/* Each node that has keys of its own, one after the other (last NULL: the first); for walks. */
struct redis_node *redis_nodes_next(struct redis_nodes *n, const struct redis_node *last);

/* Whether a question may be asked now; a breaker that is open answers at once. */
bool redis_node_gate(struct redis_node *node, bool *probe_out, const char **why_out);
void redis_node_result(struct redis_node *node, bool probe, bool answered, const char *why);
/* It answered with an error: for `status`. */
void redis_node_complains(struct redis_node *node, const char *why);

/* What an error reply says about where to ask.  REDIS_AGAIN: send it again to *node_out, after ASKING when *asking_out. */
enum redis_advice { REDIS_GIVE_UP, REDIS_AGAIN };
enum redis_advice redis_nodes_advice(struct redis_nodes *n, struct redis_node *asked, const char *error, struct redis_node **node_out,
                                     bool *asking_out);

bool redis_nodes_up(const struct redis_nodes *n);
const char *redis_nodes_problem(const struct redis_nodes *n);

#endif

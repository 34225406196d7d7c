/* store_redis_topology.h - inside the set of Redis servers: what the single server, Sentinel and Cluster have in common.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_STORE_REDIS_TOPOLOGY_H
#define GATEPOST_STORE_REDIS_TOPOLOGY_H

#include "lib/store/store_redis_nodes.h"

enum { NODES_MAX = 256 };

struct topology {
    struct redisc_call *(*ask)(struct redis_nodes *n);     /* sends the question; NULL: it has failed, and that was seen to */
    struct loop_timer again;
    struct redisc_call *asking;
    struct redis_node *asked;      /* Cluster: the node that `asking` is with */
    int64_t asked_at_ms;
    size_t turn;                   /* which Sentinel or node is asked next */
    size_t failed;                 /* in a row */
    char problem[256];             /* nobody could say */
};

struct redis_nodes {
    struct loop *loop;
    const struct set_redis *set;   /* as long as the store lives */
    struct tls_context *tls;
    char *password, *sentinel_password;
    int64_t timeout_ms;
    struct redis_node *all;
    size_t n;
    struct redis_node *master;     /* single, Sentinel: the one that is asked */
    struct redis_node **slots;     /* Cluster: REDIS_SLOTS of them */
    struct redisc **sentinels;
    struct loop_task sweeping;
    struct topology topology;
};

/* The node of this address, made when it is new; NULL: there are too many. */
struct redis_node *nodes_at(struct redis_nodes *n, span host, span port);
/* Those that are not in use and have nothing under way go, at the end of the turn. */
void nodes_sweep(struct redis_nodes *n);
struct redisc *nodes_connect(struct redis_nodes *n, const char *address, const char *user, const char *password, int db);

/* store_redis_topology.c: of Sentinel and Cluster; a single server has nobody to ask. */
void topology_ask(struct redis_nodes *n);                          /* now, unless it is under way */
void topology_again_in(struct redis_nodes *n, int64_t ms);
void topology_known(struct redis_nodes *n, int64_t every_ms);      /* a good answer was taken: no problem, and the next question then */
void topology_hurry(struct redis_nodes *n);                        /* something is wrong with a master: soon, but not in a circle */
/* store_redis_sentinel.c, store_redis_cluster.c */
void sentinel_start(struct redis_nodes *n);
void cluster_start(struct redis_nodes *n);
enum redis_advice cluster_advice(struct redis_nodes *n, const char *error, struct redis_node **node_out, bool *asking_out);

#endif

/* store_redis_cluster.c - reads a Cluster's map of slots, and follows its redirections.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdio.h>

#include "lib/base/alloc.h"
#include "lib/store/store_redis_topology.h"

/* ---- the map ---- */

static struct redis_node *node_at(const struct redis_nodes *n, size_t i)
{
    struct redis_node *node = n->all;

    while (node != NULL && i-- > 0)
        node = node->next;
    return node;
}

static span text_of(const redisReply *r)
{
    return r->type == REDIS_REPLY_STRING ? span_of(r->str, (size_t)r->len) : (span){ NULL, 0 };
}

/* "127.0.0.1:6379", "[::1]:6379" or "::1:6379": the port is behind the last colon. */
static void split_address(span address, span *host_out, span *port_out)
{
    size_t colon = span_rfind(address, ':');

    *port_out = span_from(address, colon + 1);
    *host_out = span_head(address, colon);
    if (host_out->n > 2 && host_out->p[0] == '[')
        *host_out = span_of(host_out->p + 1, host_out->n - 2);
}

/* The master of a range: [first, last, [host, port, ...], replicas...].  An empty host is the one we asked. */
static bool take_range(struct redis_nodes *n, const redisReply *range, const struct redis_node *asked)
{
    const redisReply *who = range->type == REDIS_REPLY_ARRAY && range->elements >= 3 ? range->element[2] : NULL;
    char port_text[8];
    struct redis_node *node;
    span host, port, own_port;

    if (who == NULL || who->type != REDIS_REPLY_ARRAY || who->elements < 2 || who->element[1]->type != REDIS_REPLY_INTEGER ||
        range->element[0]->type != REDIS_REPLY_INTEGER || range->element[1]->type != REDIS_REPLY_INTEGER || range->element[0]->integer < 0 ||
        range->element[0]->integer > range->element[1]->integer || range->element[1]->integer >= REDIS_SLOTS ||
        who->element[1]->integer < 1 || who->element[1]->integer > 65535)
        return false;
    host = text_of(who->element[0]);
    if (host.n == 0)
        split_address(span_from(span_str(asked->address), strlen("inet:")), &host, &own_port);
    snprintf(port_text, sizeof(port_text), "%d", (int)who->element[1]->integer);
    port = span_str(port_text);
    if ((node = nodes_at(n, host, port)) == NULL)
        return false;
    node->used = true;
    for (long long slot = range->element[0]->integer; slot <= range->element[1]->integer; slot++)
        n->slots[slot] = node;
    return true;
}

static bool take_map(struct redis_nodes *n, const redisReply *reply, struct redis_node *asked)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements == 0)
        return false;
    for (struct redis_node *node = n->all; node != NULL; node = node->next)
        node->used = false;
    for (size_t i = 0; i < reply->elements; i++) {
        if (!take_range(n, reply->element[i], asked))
            return false;
    }
    return true;
}

/* Slots that point at a node which is no longer in the map would point at nothing. */
static void drop_unused(struct redis_nodes *n)
{
    for (size_t i = 0; i < REDIS_SLOTS; i++) {
        if (n->slots[i] != NULL && !n->slots[i]->used)
            n->slots[i] = NULL;
    }
    nodes_sweep(n);
}

/* ---- asking ---- */

static void keep_all(struct redis_nodes *n)
{
    for (struct redis_node *node = n->all; node != NULL; node = node->next)
        node->used = true;
}

/* Those of the configuration: also when all that were known since have gone. */
static void add_seeds(struct redis_nodes *n)
{
    for (size_t i = 0; i < n->set->cluster.n; i++) {
        span address = span_str(n->set->cluster.v[i]), host, port;

        if (span_starts(address, SPAN("inet:")))
            address = span_from(address, 5);
        split_address(address, &host, &port);
        nodes_at(n, host, port);
    }
}

static void next_node(struct redis_nodes *n, const char *why)
{
    struct topology *t = &n->topology;

    snprintf(t->problem, sizeof(t->problem), "Redis Cluster node %.80s: %.140s", t->asked->address, why);
    t->turn++;
    if (++t->failed >= n->n)
        add_seeds(n);
    topology_again_in(n, t->failed < n->n ? 0 : SECONDS(1));
}

static void on_map(const redisReply *reply, const char *why, void *arg)
{
    struct redis_nodes *n = arg;

    n->topology.asking = NULL;
    if (reply == NULL)
        return next_node(n, why);
    if (reply->type == REDIS_REPLY_ERROR)
        return next_node(n, reply->str);
    if (!take_map(n, reply, n->topology.asked)) {
        keep_all(n);
        return next_node(n, "knows no slots");
    }
    drop_unused(n);
    topology_known(n, CLUSTER_EVERY_MS);
}

static struct redisc_call *ask(struct redis_nodes *n)
{
    struct topology *t = &n->topology;

    t->asked = node_at(n, t->turn % n->n);
    return redisc_command(t->asked->redisc, 2, (span[]){ SPAN("CLUSTER"), SPAN("SLOTS") }, on_map, n);
}

void cluster_start(struct redis_nodes *n)
{
    n->slots = xcalloc(REDIS_SLOTS, sizeof(*n->slots));
    add_seeds(n);
    n->topology.ask = ask;
    topology_ask(n);
}

/* ---- redirections: "MOVED 3999 127.0.0.1:6381", "ASK 3999 127.0.0.1:6381" ---- */

static struct redis_node *named(struct redis_nodes *n, span rest, uint64_t *slot_out)
{
    span slot, host, port;

    if (!span_next(&rest, ' ', &slot) || !span_to_u64(slot, slot_out) || *slot_out >= REDIS_SLOTS)
        return NULL;
    split_address(rest, &host, &port);
    return nodes_at(n, host, port);
}

enum redis_advice cluster_advice(struct redis_nodes *n, const char *error, struct redis_node **node_out, bool *asking_out)
{
    span text = span_str(error);
    bool moved = span_starts(text, SPAN("MOVED ")), ask_there = span_starts(text, SPAN("ASK "));
    struct redis_node *node;
    uint64_t slot;

    if (span_starts(text, SPAN("TRYAGAIN")))
        return REDIS_AGAIN;
    if (span_starts(text, SPAN("CLUSTERDOWN")) || span_starts(text, SPAN("READONLY")))
        topology_hurry(n);
    if (!moved && !ask_there)
        return REDIS_GIVE_UP;
    if ((node = named(n, span_from(text, moved ? 6 : 4), &slot)) == NULL)
        return REDIS_GIVE_UP;
    node->used = true;
    if (moved) {
        n->slots[slot] = node;
        topology_hurry(n);
    }
    *asking_out = ask_there;
    *node_out = node;
    return REDIS_AGAIN;
}

/* store_redis_sentinel.c - asks Sentinels which server is the master.
 *
 * Any Sentinel may be wrong or cut off; one that does not answer, or does not know the master's name, is passed over for the next.  What
 * the master is, the last answer says; while no Sentinel answers, the one known before stays.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdio.h>

#include "lib/app/log.h"
#include "lib/base/alloc.h"
#include "lib/store/store_redis_topology.h"

static void next_sentinel(struct redis_nodes *n, const char *why)
{
    struct topology *t = &n->topology;

    snprintf(t->problem, sizeof(t->problem), "Sentinel %.80s: %.150s", n->set->sentinels.v[t->turn], why);
    t->turn = (t->turn + 1) % n->set->sentinels.n;
    t->failed++;
    topology_again_in(n, t->failed < n->set->sentinels.n ? 0 : SECONDS(1));     /* all of them: not in a circle without a pause */
}

static void take_master(struct redis_nodes *n, struct redis_node *node)
{
    if (n->master == node)
        return;
    if (n->master != NULL) {
        log_warning("store: Redis master %s is %s now", n->set->master, node->address);
        n->master->used = false;
    }
    node->used = true;
    n->master = node;
    nodes_sweep(n);
}

static bool is_address(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 && reply->element[0]->type == REDIS_REPLY_STRING &&
           reply->element[1]->type == REDIS_REPLY_STRING;
}

static void on_answer(const redisReply *reply, const char *why, void *arg)
{
    struct redis_nodes *n = arg;
    struct redis_node *node;

    n->topology.asking = NULL;
    if (reply == NULL)
        return next_sentinel(n, why);
    if (reply->type == REDIS_REPLY_ERROR)
        return next_sentinel(n, reply->str);
    if (reply->type == REDIS_REPLY_NIL)
        return next_sentinel(n, "knows no master of this name (store.redis.master)");
    if (!is_address(reply))
        return next_sentinel(n, "gave an odd reply");
    node = nodes_at(n, span_of(reply->element[0]->str, (size_t)reply->element[0]->len), span_of(reply->element[1]->str, (size_t)reply->element[1]->len));
    if (node == NULL)
        return next_sentinel(n, "named an address that cannot be one");
    take_master(n, node);
    topology_known(n, SENTINEL_EVERY_MS);
}

static struct redisc_call *ask(struct redis_nodes *n)
{
    return redisc_command(n->sentinels[n->topology.turn], 3, (span[]){ SPAN("SENTINEL"), SPAN("get-master-addr-by-name"), span_str(n->set->master) },
                          on_answer, n);
}

void sentinel_start(struct redis_nodes *n)
{
    n->sentinels = xcalloc(n->set->sentinels.n, sizeof(*n->sentinels));
    for (size_t i = 0; i < n->set->sentinels.n; i++)
        n->sentinels[i] = nodes_connect(n, n->set->sentinels.v[i], NULL, n->sentinel_password, 0);
    n->topology.ask = ask;
    topology_ask(n);
}

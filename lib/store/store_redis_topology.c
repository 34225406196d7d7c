/* store_redis_topology.c - when Sentinels, or a Cluster's nodes, are asked where things stand; one question at a time.
 *
 * Each of the two says how it asks (topology.ask), and when it wants to be asked again.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/store/store_redis_topology.h"

static void on_time(void *arg)
{
    topology_ask(arg);
}

void topology_again_in(struct redis_nodes *n, int64_t ms)
{
    loop_timer_start(n->loop, &n->topology.again, ms, on_time, n);
}

void topology_ask(struct redis_nodes *n)
{
    struct topology *t = &n->topology;
    struct redisc_call *asking;

    if (t->asking != NULL)
        return;
    t->asked_at_ms = loop_now_ms(n->loop);
    asking = t->ask(n);
    if (asking != NULL)              /* else it has failed already */
        t->asking = asking;
}

void topology_known(struct redis_nodes *n, int64_t every_ms)
{
    n->topology.failed = 0;
    n->topology.problem[0] = '\0';
    topology_again_in(n, every_ms);
}

void topology_hurry(struct redis_nodes *n)
{
    int64_t since_ms = loop_now_ms(n->loop) - n->topology.asked_at_ms;

    if (n->topology.asking == NULL)
        topology_again_in(n, since_ms < TOPOLOGY_HURRY_MS ? TOPOLOGY_HURRY_MS - since_ms : 0);
}

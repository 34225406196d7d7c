/* store_redis_ask.c - one command to the node that has its key.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/store/store_redis_ask.h"

#include <assert.h>
#include <stdio.h>

enum { REDIRECTIONS_MAX = 5, ARGV_MAX = 128 };

static void send_it(struct redis_ask *a);

/* Whether the question has gone out again. */
static bool sent_again(struct redis_ask *a, const char *error)
{
    struct redis_node *node;
    bool asking;

    if (a->unwanted)
        return false;
    if (a->kind->again == NULL || !a->kind->again(a, error)) {
        if (a->redirections == REDIRECTIONS_MAX || redis_nodes_advice(a->nodes, a->node, error, &node, &asking) != REDIS_AGAIN)
            return false;
        a->redirections++;
        a->node = node;
        a->asking = asking;
    }
    send_it(a);
    return true;
}

static void on_reply(const redisReply *reply, const char *why, void *arg)
{
    struct redis_ask *a = arg;
    char text[256];

    a->pending = NULL;
    redis_node_result(a->node, a->probe, reply != NULL, why);
    a->probe = false;
    if (reply != NULL && reply->type == REDIS_REPLY_ERROR) {
        if (sent_again(a, reply->str))
            return;
        snprintf(text, sizeof(text), "Redis says: %.200s", reply->str);
        reply = NULL;
        why = text;
        redis_node_complains(a->node, why);   /* it answers, and at once: no case for the breaker */
    }
    a->node = NULL;
    a->kind->done(a, reply, why);
}

static void ignore(const redisReply *reply, const char *why, void *arg)
{
    (void)reply;
    (void)why;
    (void)arg;
}

static void send_it(struct redis_ask *a)
{
    span argv[ARGV_MAX];
    int64_t left_ms = a->until_ms - loop_now_ms(redis_nodes_loop(a->nodes));
    struct redisc_call *pending;

    if (left_ms <= 0) {
        a->node = NULL;
        a->kind->done(a, NULL, "no time left to ask Redis");
        return;
    }
    if (a->asking)
        redisc_command(a->node->redisc, 1, (span[]){ SPAN("ASKING") }, ignore, NULL);
    pending = redisc_command_within(a->node->redisc, a->kind->argv(a, argv), argv, left_ms, on_reply, a);
    if (pending != NULL)              /* else it has ended, and `a` may be gone */
        a->pending = pending;
}

void redis_ask_start(struct redis_ask *a, const struct redis_ask_kind *kind, struct redis_nodes *nodes, span key, int64_t within_ms)
{
    const char *why;

    assert(kind->argv_max <= ARGV_MAX);
    *a = (struct redis_ask){ .kind = kind, .nodes = nodes, .node = a->node };
    if (a->node == NULL)
        a->node = redis_nodes_for(nodes, key, &why);
    if (a->node == NULL || !redis_node_gate(a->node, &a->probe, &why)) {
        a->node = NULL;
        kind->done(a, NULL, why);
        return;
    }
    a->until_ms = loop_now_ms(redis_nodes_loop(nodes)) + within_ms;
    send_it(a);
}

void redis_ask_stop(struct redis_ask *a)
{
    if (a->pending == NULL)
        return;
    if (a->probe)
        redis_node_result(a->node, true, true, NULL);
    redisc_cancel(&a->pending);
}

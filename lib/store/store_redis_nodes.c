/* store_redis_nodes.c - the Redis servers behind one store: connections and their breakers.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/store/store_redis_topology.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/alloc.h"

enum { BREAK_AFTER = 3 };         /* failures in a row */
#define BREAK_MS 400              /* with the client's own back-off: in use again within 2 s */

/* ---- nodes ---- */

/* "inet:[2001:db8::1]:6379" -> "2001:db8::1": the name that the certificate must have. */
static char *host_of(const char *server)
{
    span s = span_str(server);

    if (span_starts(s, SPAN("inet:")))
        s = span_from(s, 5);
    s = span_head(s, span_rfind(s, ':'));
    if (s.n > 2 && s.p[0] == '[')
        s = span_of(s.p + 1, s.n - 2);
    return xspandup(s);
}

struct redisc *nodes_connect(struct redis_nodes *n, const char *address, const char *user, const char *password, int db)
{
    char *host = host_of(address);
    struct redisc *r = redisc_new(n->loop, &(struct redisc_settings){
        .address = address, .user = user, .password = password, .db = db, .tls = n->tls, .tls_name = host, .timeout_ms = n->timeout_ms,
    });

    free(host);
    return r;
}

static const char *given(const char *text)
{
    return text != NULL && text[0] != '\0' ? text : NULL;
}

static struct redis_node *node_new(struct redis_nodes *n, const char *address)
{
    struct redis_node *node = xcalloc(1, sizeof(*node));

    node->nodes = n;
    node->address = xstrdup(address);
    node->redisc = nodes_connect(n, address, given(n->set->user), n->password, (int)n->set->db);
    node->used = true;
    node->next = n->all;
    n->all = node;
    n->n++;
    return node;
}

static void node_free(struct redis_node *node)
{
    redisc_free(&node->redisc);
    free(node->address);
    free(node);
}

struct redis_node *nodes_at(struct redis_nodes *n, span host, span port)
{
    struct redis_node *node;
    char *address;

    if (host.n == 0 || host.n > 200 || port.n == 0 || port.n > 5)
        return NULL;
    address = span_find(host, ':') < host.n ? xasprintf("inet:[%.*s]:%.*s", SPAN_ARG(host), SPAN_ARG(port))
                                            : xasprintf("inet:%.*s:%.*s", SPAN_ARG(host), SPAN_ARG(port));
    for (node = n->all; node != NULL && strcmp(node->address, address) != 0; node = node->next)
        ;
    if (node == NULL && n->n < NODES_MAX)
        node = node_new(n, address);
    free(address);
    return node;
}

static void sweep(void *arg)
{
    struct redis_nodes *n = arg;
    struct redis_node **at = &n->all;

    while (*at != NULL) {
        struct redis_node *node = *at;

        if (node->used || node->walks > 0 || redisc_pending(node->redisc) > 0) {
            at = &node->next;
            continue;
        }
        *at = node->next;
        n->n--;
        node_free(node);
    }
}

/* Who asks for it may stand in a callback of one of them. */
void nodes_sweep(struct redis_nodes *n)
{
    if (n->sweeping.link == NULL)
        loop_defer(n->loop, &n->sweeping, sweep, n);
}

/* ---- which one ---- */

bool redis_nodes_clustered(const struct redis_nodes *n)
{
    return n->slots != NULL;
}

struct loop *redis_nodes_loop(const struct redis_nodes *n)
{
    return n->loop;
}

struct redis_node *redis_nodes_for(struct redis_nodes *n, span key, const char **why_out)
{
    struct redis_node *node = n->slots != NULL ? n->slots[redis_slot(key)] : n->master;

    if (node != NULL)
        return node;
    *why_out = n->topology.problem[0] != '\0' ? n->topology.problem
               : n->slots != NULL             ? "no node of the Redis Cluster is known to have this key"
                                              : "no Sentinel has named a master yet";
    if (n->slots != NULL)
        topology_hurry(n);
    return NULL;
}

struct redis_node *redis_nodes_next(struct redis_nodes *n, const struct redis_node *last)
{
    struct redis_node *node = last != NULL ? last->next : n->all;

    if (n->slots == NULL)
        return last == NULL ? n->master : NULL;
    while (node != NULL && !node->used)
        node = node->next;
    return node;
}

enum redis_advice redis_nodes_advice(struct redis_nodes *n, struct redis_node *asked, const char *error, struct redis_node **node_out,
                                     bool *asking_out)
{
    *node_out = asked;
    *asking_out = false;
    if (n->slots != NULL)
        return cluster_advice(n, error, node_out, asking_out);
    /* A master that was one: somebody else is now. */
    if (n->sentinels != NULL && (strncmp(error, "READONLY", 8) == 0 || strncmp(error, "MASTERDOWN", 10) == 0))
        topology_hurry(n);
    return REDIS_GIVE_UP;
}

/* ---- the breaker ---- */

bool redis_node_gate(struct redis_node *node, bool *probe_out, const char **why_out)
{
    *probe_out = false;
    if (node->failures < BREAK_AFTER)
        return true;
    if (node->probing || loop_now_ms(node->nodes->loop) < node->closed_until_ms) {
        *why_out = node->problem;
        return false;
    }
    node->probing = true;
    *probe_out = true;
    return true;
}

void redis_node_result(struct redis_node *node, bool probe, bool answered, const char *why)
{
    struct redis_nodes *n = node->nodes;

    if (probe)
        node->probing = false;
    if (answered) {
        node->failures = 0;
        node->problem[0] = '\0';
        return;
    }
    if (node->failures < BREAK_AFTER)
        node->failures++;
    node->closed_until_ms = loop_now_ms(n->loop) + BREAK_MS;
    if (why != node->problem)
        snprintf(node->problem, sizeof(node->problem), "%.250s", why);
    if (n->slots != NULL || (n->sentinels != NULL && node == n->master))
        topology_hurry(n);
}

void redis_node_complains(struct redis_node *node, const char *why)
{
    snprintf(node->problem, sizeof(node->problem), "%.250s", why);
}

bool redis_nodes_up(const struct redis_nodes *n)
{
    return redis_nodes_problem(n)[0] == '\0';
}

const char *redis_nodes_problem(const struct redis_nodes *n)
{
    for (const struct redis_node *node = n->all; node != NULL; node = node->next) {
        if (node->used && (node->failures > 0 || node->problem[0] != '\0'))
            return node->problem;
    }
    return n->topology.problem;
}

/* ---- life ---- */

static bool read_password(const char *file, char **out, struct errtext *err)
{
    struct buf secret;
    bool ok = true;

    if (given(file) == NULL)
        return true;
    buf_init(&secret, 4096);
    ok = settings_secret_read(file, &secret, err) == 0;
    if (ok)
        *out = xstrdup(buf_cstr(&secret));
    if (secret.base != NULL)
        explicit_bzero(secret.base, secret.cap);
    buf_free(&secret);
    return ok;
}

static bool make_tls(struct redis_nodes *n, struct errtext *err)
{
    struct tls_client_settings tls = { .ca_file = given(n->set->ca_file) };

    if (!n->set->tls)
        return true;
    n->tls = tls_client_new(&tls, err);
    return n->tls != NULL;
}

static bool make_nodes(struct redis_nodes *n, struct errtext *err)
{
    if (n->set->cluster.n > 0) {
        cluster_start(n);
    } else if (n->set->sentinels.n > 0) {
        sentinel_start(n);
    } else if (given(n->set->server) != NULL) {
        n->master = node_new(n, n->set->server);
    } else {
        errtext_set(err, "server is not given");
        return false;
    }
    return true;
}

struct redis_nodes *redis_nodes_new(struct loop *l, const struct set_redis *set, struct errtext *err)
{
    struct redis_nodes *n = xcalloc(1, sizeof(*n));

    n->loop = l;
    n->set = set;
    n->timeout_ms = set->timeout_ms > 0 ? set->timeout_ms : 500;
    if (!read_password(set->password_file, &n->password, err) || !read_password(set->sentinel_password_file, &n->sentinel_password, err) ||
        !make_tls(n, err) || !make_nodes(n, err))
        redis_nodes_free(&n);
    return n;
}

static void wipe(char *secret)
{
    if (secret != NULL)
        explicit_bzero(secret, strlen(secret));
    free(secret);
}

void redis_nodes_free(struct redis_nodes **np)
{
    struct redis_nodes *n = *np;

    *np = NULL;
    if (n == NULL)
        return;
    loop_timer_stop(&n->topology.again);
    loop_task_cancel(&n->sweeping);
    redisc_cancel(&n->topology.asking);
    while (n->all != NULL) {
        struct redis_node *node = n->all;

        n->all = node->next;
        node_free(node);
    }
    for (size_t i = 0; n->sentinels != NULL && i < n->set->sentinels.n; i++)
        redisc_free(&n->sentinels[i]);
    free(n->sentinels);
    free(n->slots);
    tls_context_free(&n->tls);
    wipe(n->password);
    wipe(n->sentinel_password);
    free(n);
}

/* source_callout.c - recipients that an inner server is asked for over SMTP, as it would be asked by a delivery.
 *
 * Only servers that the configuration names are ever asked.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/alloc.h"
#include "lib/base/map.h"
#include "socketmapd/callout_server.h"

struct callout_source {
    const struct settings *all;
    struct callout_shared shared;
    struct map *servers;             /* "host:port", with " mx" -> struct callout_server */
};

static bool callout_wanted(const struct set_recipient_source *set)
{
    return set->callout.server[0] != '\0' || (set->callout.transport != NULL && set->callout.transport[0] != '\0');
}

static void free_server(void *value)
{
    struct callout_server *s = value;

    callout_server_free(&s);
}

static void callout_close(void *state)
{
    struct callout_source *c = state;

    map_free(&c->servers, free_server);
    dnsc_free(&c->shared.dnsc);
    tls_context_free(&c->shared.tls);
    free(c);
}

static int open_dns(struct callout_source *c, const struct source_env *env, struct errtext *err)
{
    const struct conf_strings *servers = &env->all->policy.dns.servers;
    const char *list[16] = { NULL };
    struct dnsc_settings set = { .servers = servers->n > 0 ? list : NULL };

    for (size_t i = 0; i < servers->n && i < 15; i++)
        list[i] = servers->v[i];
    c->shared.dnsc = dnsc_new(env->loop, &set, err);
    return c->shared.dnsc != NULL ? 0 : -1;
}

static int open_tls(struct callout_source *c, struct errtext *err)
{
    const struct set_recipient_source *set = c->shared.set;
    struct tls_client_settings tls = { .ca_file = set->ca_file, .insecure_no_verify = set->callout.starttls != CALLOUT_TLS_REQUIRE };

    if (set->callout.starttls == CALLOUT_TLS_OFF)
        return 0;
    c->shared.tls = tls_client_new(&tls, err);
    return c->shared.tls != NULL ? 0 : -1;
}

static int check_targets(const struct callout_source *c, struct errtext *err)
{
    const struct set_recipient_source *set = c->shared.set;
    struct callout_target t;

    for (size_t i = 0; i < set->domains.n; i++) {
        if (callout_target_of(c->all, &set->callout, span_str(set->domains.v[i]), &t))
            continue;
        errtext_set(err, "for %s there is no server to be asked (callout.server \"%s\", callout.transport \"%s\")", set->domains.v[i], set->callout.server,
                    set->callout.transport != NULL ? set->callout.transport : "");
        return -1;
    }
    return 0;
}

static void *callout_open(const struct source_env *env, const struct set_recipient_source *set, struct errtext *err)
{
    struct callout_source *c = xcalloc(1, sizeof(*c));

    c->all = env->all;
    c->shared.loop = env->loop;
    c->shared.set = set;
    c->servers = map_new();
    c->shared.hostname = env->all->hostname;
    if (check_targets(c, err) != 0 || open_dns(c, env, err) != 0 || open_tls(c, err) != 0) {
        callout_close(c);
        return NULL;
    }
    return c;
}

static struct callout_server *server_of(struct callout_source *c, span domain)
{
    struct callout_target t;
    struct callout_server *s;
    char key[300];

    if (!callout_target_of(c->all, &c->shared.set->callout, domain, &t))
        return NULL;
    snprintf(key, sizeof(key), "%s:%d%s", t.host, t.port, t.mx ? " mx" : "");
    s = map_get(c->servers, span_str(key));
    if (s == NULL) {
        s = callout_server_new(&c->shared, &t);
        map_put(c->servers, span_str(key), s);
    }
    return s;
}

static span domain_of(span address)
{
    return span_from(address, span_rfind(address, '@') + 1);
}

static void callout_ask(void *state, span address, int64_t deadline_ms, source_fn *fn, void *arg, struct source_ask **ask_out)
{
    struct callout_source *c = state;
    struct callout_server *s = server_of(c, domain_of(address));

    *ask_out = NULL;
    if (s == NULL) {
        fn(&(struct source_result){ .answer = RCPT_TEMPFAIL, .detail = "no server is configured for this domain" }, arg);
        return;
    }
    if (deadline_ms > c->shared.set->timeout_ms)
        deadline_ms = c->shared.set->timeout_ms;
    *ask_out = (struct source_ask *)callout_server_ask(s, address, deadline_ms, fn, arg);
}

static void callout_cancel(struct source_ask **ask)
{
    struct callout_ask *a = (struct callout_ask *)*ask;

    callout_ask_cancel(&a);
    *ask = NULL;
}

static void callout_describe(void *state, span address, struct buf *to)
{
    const struct callout_server *s = server_of(state, domain_of(address));

    if (s != NULL)
        callout_server_describe(s, domain_of(address), to);
}

const struct source_type source_callout = {
    .name = "callout", .wanted = callout_wanted, .open = callout_open, .close = callout_close, .ask = callout_ask, .cancel = callout_cancel,
    .describe = callout_describe, .remembers = true,
};

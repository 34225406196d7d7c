/* main.c - gatepost-policyd: may this client send this mail to this recipient?
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdlib.h>

#include "lib/base/alloc.h"
#include "policyd/hook.h"
#include "policyd/lua_child.h"
#include "policyd/marks.h"
#include "policyd/policyd.h"

static const struct conf_strings *addresses(const struct settings *s)
{
    return &s->listen.policy;
}

static int check(const struct settings *s, struct conf_errors *errors)
{
    return rules_check(s, errors) ? 0 : -1;
}

static void client_gone(void *from, void *arg)
{
    daemon_client_gone(arg, from);
}

/* The old rules may own the resolver that tests use: the lists get the new one first. */
static void put_in_force(struct policyd *p, struct rules *neu)
{
    struct rules *old = p->rules;

    p->rules = neu;
    dnsbl_healths_resolver(p->lists, neu->resolver != NULL ? neu->resolver->dnsc : NULL);
    if (old != NULL)
        rules_unref(&old);
}

static int start(struct daemon *d, struct errtext *err)
{
    struct policyd *p = xcalloc(1, sizeof(*p));
    struct rules *rules;

    d->state = p;
    p->daemon = d;
    services_open(&p->services, d->loop, d->stats);
    p->services.events = d->events;
    p->lists = dnsbl_healths_new(d->loop);
    sessions_init(&p->sessions, &p->services, &p->rules);
    p->sessions.gone = client_gone;
    p->sessions.gone_arg = d;
    if (store_watch_open(&p->store, d, err) < 0)
        return -1;
    if ((p->services.store = p->store.store) != NULL) {
        p->services.marks = marks_new(&p->services);
        p->services.hook = hook_new(&p->services);
    }
    if ((rules = rules_new(d->loop, d->settings, p->lists, NULL, d->serving, err)) == NULL)
        return -1;
    put_in_force(p, rules);
    return 0;
}

static int reload(struct daemon *d, struct settings *neu, struct errtext *err)
{
    struct policyd *p = d->state;
    struct rules *rules = rules_new(d->loop, neu, p->lists, p->rules, d->serving, err);

    if (rules == NULL)
        return -1;
    put_in_force(p, rules);
    return 0;
}

static void on_client(struct daemon *d, struct listener *l, int fd)
{
    struct policyd *p = d->state;

    session_new(&p->sessions, l, fd);
}

static void drain(struct daemon *d)
{
    struct policyd *p = d->state;

    sessions_drain(&p->sessions);
}

static size_t busy(struct daemon *d)
{
    const struct policyd *p = d->state;

    return p->sessions.busy;
}

static void describe(struct daemon *d, struct buf *to)
{
    const struct policyd *p = d->state;

    if (p != NULL)
        store_watch_describe(&p->store, to);
}

static void stop(struct daemon *d)
{
    struct policyd *p = d->state;

    if (p == NULL)
        return;
    sessions_close(&p->sessions);
    explanations_end(p);
    dnsbl_healths_resolver(p->lists, NULL);
    if (p->rules != NULL)
        rules_unref(&p->rules);
    dnsbl_healths_free(&p->lists);
    store_watch_close(&p->store);
    services_close(&p->services);
    free(p);
    d->state = NULL;
}

static const struct child_role roles[] = {
    { "store-saver", store_saver_run },
    { "hook", hook_child_run },
    { "lua", lua_child_run },
    { "override-ldap", override_ldap_run },
    { NULL, NULL },
};

static const struct daemon_ops ops = {
    .name = "policyd", .roles = roles, .commands = policy_commands, .addresses = addresses, .check = check, .start = start,
    .reload = reload, .on_client = on_client, .drain = drain, .busy = busy, .describe = describe, .stop = stop,
};

int main(int argc, char **argv)
{
    return daemon_main(&ops, argc, argv);
}

/* main.c - gatepost-socketmapd: does this recipient exist?
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdlib.h>

#include "lib/app/daemon.h"
#include "lib/base/alloc.h"
#include "lib/app/store_watch.h"
#include "socketmapd/ctl_recipient.h"
#include "socketmapd/ldap_job.h"
#include "socketmapd/list_child.h"
#include "socketmapd/rcpt_merge.h"
#include "socketmapd/session.h"
#include "socketmapd/share_child.h"
#include "socketmapd/sync_wire.h"

struct socketmapd {
    struct session_owner sessions;       /* first: ctl_recipient.c takes the state for it */
    struct store_watch store;
};

static const struct conf_strings *addresses(const struct settings *s)
{
    return &s->listen.socketmap;
}

/* Opens the sources once to see whether they can be: files are read, filters checked, secrets found; no directory is asked. */
static int check(const struct settings *s, struct conf_errors *errors)
{
    struct errtext err = { "" };
    struct loop *l = loop_new(&err);
    struct sources sources;
    int r = -1;

    if (l != NULL && sources_open(&(struct source_env){ l, s, false }, &sources, &err) == 0) {
        sources_close(&sources);
        r = 0;
    }
    loop_free(&l);
    if (r != 0)
        conf_errors_add(errors, s->file, 0, 0, "recipients", "%s", err.text);
    return r;
}

static int start(struct daemon *d, struct errtext *err)
{
    struct socketmapd *m = xcalloc(1, sizeof(*m));

    d->state = m;
    m->sessions.daemon = d;
    m->sessions.bad_frames = stats_counter(d->stats, "bad_frames", "connections closed for what was no request", NULL, NULL);
    m->sessions.unknown_maps = stats_counter(d->stats, "unknown_maps", "requests for a map that is not configured", NULL, NULL);
    if (store_watch_open(&m->store, d, err) < 0)
        return -1;
    m->sessions.lookup = lookup_new(d->loop, d->settings, d->serving, m->store.store, d->stats, err);
    return m->sessions.lookup != NULL ? 0 : -1;
}

static int reload(struct daemon *d, struct settings *neu, struct errtext *err)
{
    struct socketmapd *m = d->state;

    return lookup_reconfigure(m->sessions.lookup, neu, err);
}

static void on_client(struct daemon *d, struct listener *l, int fd)
{
    struct socketmapd *m = d->state;

    session_new(&m->sessions, l, fd);
}

static void drain(struct daemon *d)
{
    struct socketmapd *m = d->state;

    session_drain_all(&m->sessions);
}

static size_t busy(struct daemon *d)
{
    const struct socketmapd *m = d->state;

    return m->sessions.busy;
}

static void describe(struct daemon *d, struct buf *to)
{
    const struct socketmapd *m = d->state;

    if (m != NULL)
        store_watch_describe(&m->store, to);
}

static void stop(struct daemon *d)
{
    struct socketmapd *m = d->state;

    if (m == NULL)
        return;
    session_close_all(&m->sessions);
    lookup_free(&m->sessions.lookup);
    store_watch_close(&m->store);
    free(m);
    d->state = NULL;
}

static const struct child_role roles[] = {
    { "ldap", ldap_child_run },
    { "rcpt-sync", sync_child_run },
    { "rcpt-merge", merge_child_run },
    { "rcpt-share", share_child_run },
    { "rcpt-list", list_child_run },
    { "store-saver", store_saver_run },
    { NULL, NULL },
};

static const struct daemon_ops ops = {
    .name = "socketmapd", .roles = roles, .commands = recipient_commands, .addresses = addresses, .check = check, .start = start,
    .reload = reload, .on_client = on_client, .drain = drain, .busy = busy, .describe = describe, .stop = stop,
};

int main(int argc, char **argv)
{
    return daemon_main(&ops, argc, argv);
}

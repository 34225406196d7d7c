/* daemon.h - what the three daemons have in common: options, configuration, privileges, reload, drain.
 *
 * -c FILE, -t (check: 0, or 1 with file:line:column messages), -f (foreground, log to stderr), -V; internal: "--child ROLE", "--ctl-fd N",
 * and "--ctl-common" with it (the common commands alone: neither ops->prepare nor start nor stop is called).
 * Order of a start: roles, options, settings, bind listeners, ops->prepare (as the starting user), drop privileges, no_new_privs,
 * ops->start, sandbox, READY=1 (sd_notify(3)), loop.
 * SIGHUP: the new file is loaded whole, ops->reload takes it or refuses; refused or broken: the old set stays, the reason is logged.
 * SIGTERM: listeners stop accepting, ops->drain, the process ends 0 when ops->busy says 0 or after drain_ms (4.5 s).
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_APP_DAEMON_H
#define GATEPOST_APP_DAEMON_H

#include "lib/app/ctl_server.h"
#include "lib/app/events.h"
#include "lib/app/log.h"
#include "lib/app/stats.h"
#include "lib/net/child.h"
#include "lib/net/listener.h"
#include "lib/settings/settings.h"

struct daemon {
    struct loop *loop;
    struct settings *settings;        /* in force; take settings_ref for work that outlives the turn */
    struct events *events;
    struct stats *stats;
    const char *name;                 /* "policyd" */
    bool serving;                     /* false under --ctl-fd: no listeners, no events, no shared files written */
    bool draining;
    void *state;                      /* the daemon's own */
    struct daemon_private *priv;
};

struct daemon_ops {
    const char *name;                             /* "policyd": binary gatepost-policyd */
    const struct child_role *roles;               /* ended by {NULL}; daemon.c adds its own (events-writer, events-query) */
    bool children_mount;                          /* a child makes a mount namespace of its own: the front's filter must allow it */
    const struct ctl_command *commands;           /* ended by {NULL}; daemon.c adds explain, status, config-digest, reload, ... */
    /* Listener addresses of this daemon in the settings. */
    const struct conf_strings *(*addresses)(const struct settings *s);
    /* Beyond syntax: can this configuration run?  Used by -t and before every swap.  0, or -1 with errors added. */
    int (*check)(const struct settings *s, struct conf_errors *errors);
    int (*prepare)(struct daemon *d, struct errtext *err);     /* may be NULL; still with the starting privileges: start children that need none dropped */
    int (*start)(struct daemon *d, struct errtext *err);
    /* Takes over a new set (d->settings is still the old one; after 0 daemon.c swaps it).  -1 with err: old one stays whole. */
    int (*reload)(struct daemon *d, struct settings *neu, struct errtext *err);
    void (*on_client)(struct daemon *d, struct listener *l, int fd);
    void (*drain)(struct daemon *d);              /* idle connections close, busy ones end after their reply */
    size_t (*busy)(struct daemon *d);             /* requests under way (drain waits for 0) */
    void (*describe)(struct daemon *d, struct buf *to);        /* may be NULL: further lines of `status` */
    void (*stop)(struct daemon *d);               /* frees d->state */
};

int daemon_main(const struct daemon_ops *ops, int argc, char **argv);
/* d->state's way to say that a client of listener l has gone. */
void daemon_client_gone(struct daemon *d, struct listener *l);

#endif

/* daemon_private.h - what the files of daemon.h share: the state behind struct daemon, and their doors to each other.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_APP_DAEMON_PRIVATE_H
#define GATEPOST_APP_DAEMON_PRIVATE_H

#include <sys/types.h>

#include "lib/app/daemon.h"

enum { DAEMON_DRAIN_MS = 4500, DAEMON_RELOAD_REFUSED = 1 };

struct daemon_options {
    const char *config;              /* absolute */
    bool check, foreground, version;
    int ctl_fd;                      /* -1: none */
    bool ctl_common;                 /* common commands alone: ops->start is left out */
};

/* Who to become; change is false when the process stays what it is. */
struct privileges {
    bool change;
    char user[64];
    uid_t uid;
    gid_t gid;
};

struct daemon_private {
    const struct daemon_ops *ops;
    struct daemon_options opt;
    struct settings *started;        /* the set at the start: what only a restart changes is still as it says */
    struct privileges who;
    struct listener **listeners;
    size_t n_listeners;
    struct ctl_server *ctl;
    char *ctl_path, *pid_path;
    int64_t started_ms, drain_until_ms;
    struct loop_timer drain_timer, watchdog_timer;
    struct loop_task log_task;
    int64_t watchdog_ms;
    uint64_t reloads, reload_failures;
    int ready_fd;                    /* to the process that waits for a daemonized start; -1: none */
    bool begun;                      /* ops->prepare or start was called: ops->stop is due */
};

/* ---- daemon_privileges.c ---- */
int privileges_find(const struct set_process *set, struct privileges *out, struct errtext *err);
/* Makes run_directory and state_directory (0750, owned by who) where they are missing. */
int privileges_directories(const struct set_process *set, const struct privileges *who, struct errtext *err);
/* For good: user, groups, capabilities, no_new_privs, no core dumps. */
int privileges_drop(const struct privileges *who, struct errtext *err);
/* After the drop: can the folders be written? */
int privileges_check_directories(const struct set_process *set, struct errtext *err);
int privileges_sandbox(int policy, bool children_mount, struct errtext *err);
void privileges_raise_descriptors(void);

/* ---- daemon_reload.c ---- */
/* Puts what was wrong (or is to be known) into *words, one line each.  0, or -1: the old set is still in force. */
int daemon_reload(struct daemon *d, struct buf *words);
/* Loads and checks, without taking over: NULL with every reason in errors. */
struct settings *daemon_load(const struct daemon_ops *ops, const char *path, struct conf_errors *errors);

/* ---- daemon_run.c: READY, signals, drain ---- */
void daemon_run(struct daemon *d);
void daemon_status(struct daemon *d, const char *words);     /* sd_notify STATUS= */

/* ---- daemon_ctl.c ---- */
extern const struct ctl_command daemon_commands[];

#endif

/* gatepostctl.h - what the commands of gatepostctl share: their table's row, options, the way to a daemon.
 *
 * A command is one file cmd_NAME.c that exports one constant, and one row in gatepostctl.c.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CTL_GATEPOSTCTL_H
#define GATEPOST_CTL_GATEPOSTCTL_H

#include <stdio.h>
#include <sys/types.h>

#include "lib/app/ctl_client.h"
#include "lib/settings/settings.h"

enum { CTL_OK = 0, CTL_NO = 1, CTL_FAILED = 2, CTL_USAGE = 64 };

struct env {
    const char *config;              /* -c FILE */
    struct settings *settings;       /* env_settings() */
};

struct subcommand {
    const char *name;                /* "scan" */
    const char *args;                /* one usage a line */
    const char *summary;             /* one line of --help */
    const char *help;                /* the rest of CMD --help */
    int (*run)(struct env *env, int argc, char **argv);    /* argv[0] is the name; exit status */
};

extern const struct subcommand cmd_scan, cmd_recipient, cmd_policy, cmd_explain, cmd_events, cmd_config, cmd_reload, cmd_status, cmd_stats,
    cmd_log_level, cmd_dnsbl, cmd_limits, cmd_greylist, cmd_doctor, cmd_filter, cmd_redis;

extern const char *const daemon_names[];             /* "socketmapd", "policyd", "cfilter", NULL */

/* The settings of the file, loaded once; NULL when it is broken: every reason has been printed. */
const struct settings *env_settings(struct env *env);
void command_help(const struct subcommand *c, FILE *to);
int usage_error(const struct subcommand *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));   /* CTL_USAGE */

int import_recipients(struct env *env, const char *path);      /* cmd_import.c; exit status */

/* ---- args.c: options are taken out of argv, wherever they stand before "--" ---- */

bool args_flag(int *argc, char **argv, const char *name);                         /* "--json" */
/* "--name VALUE" or "--name=VALUE".  false when absent; *missing turns true when the value is. */
bool args_value(int *argc, char **argv, const char *name, const char **value, bool *missing);
/* The text of an option `name` as a duration ("1d"); false with err. */
bool args_duration(const char *name, const char *text, int64_t *ms_out, struct errtext *err);
/* The first argument (after argv[0]) that still looks like an option, or NULL.  Takes "--" out. */
const char *args_unknown(int *argc, char **argv);

/* ---- reach.c ---- */

enum reach_how {
    REACH_RUNNING,       /* the running daemon or nothing */
    REACH_COMMON,        /* else one of our own that only looks (its events, ...) */
    REACH_FULL,          /* else one of our own that works as the daemon would */
};
struct reach {
    int sock;            /* -1: not reached */
    pid_t pid;           /* of our own one; 0: the running daemon */
};
enum reach_result { REACHED = 0, REACH_FAILED = -1, REACH_NOT_RUNNING = -2 };

enum reach_result reach_daemon(struct env *env, const char *daemon, enum reach_how how, struct reach *out, struct errtext *err);
/* Starts one of our own whether the daemon runs or not. */
enum reach_result reach_own(struct env *env, const char *daemon, enum reach_how how, struct reach *out, struct errtext *err);
void reach_close(struct reach *r);
/* The file of gatepost-DAEMON: beside this program, or its name alone (then $PATH decides).  free() it. */
char *reach_binary(const char *daemon);

/* One request; text goes to stdout and stderr as it comes.  Exit status; failures are printed and CTL_FAILED. */
int reach_print(struct reach *r, const char *daemon, const char *const *argv, size_t argc, const int *fds, size_t n_fds);
/* The same into buffers (either may be NULL); -1 with err. */
int reach_call(struct reach *r, const char *const *argv, size_t argc, const int *fds, size_t n_fds, struct buf *out, struct buf *complaints,
               struct errtext *err);
/* Reaches the daemon and passes argv through. */
int pass_through(struct env *env, const char *daemon, enum reach_how how, const char *const *argv, size_t argc);

/* ---- cmd_config.c, also for reload ---- */
bool config_check_all(struct env *env);

/* ---- show.c: words from foreign bytes ---- */
/* Without control bytes, so that no terminal obeys them. */
void show_safe(FILE *to, const char *text);
/* A record for people. */
struct json_t;
void show_record(FILE *to, const struct json_t *record);

#endif

/* cmd_daemons.c - commands for all running daemons: reload, status, stats, log-level.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "ctl/gatepostctl.h"

/* Counts how many ran, and how many of those failed. */
struct tally { size_t running, failed; };

/* Reaches a running daemon; says so when it is not. */
static bool reach_running(struct env *env, const char *daemon, bool quiet, struct reach *r, struct tally *t)
{
    struct errtext err = { .text = "" };

    switch (reach_daemon(env, daemon, REACH_RUNNING, r, &err)) {
    case REACHED:
        t->running++;
        return true;
    case REACH_NOT_RUNNING:
        if (!quiet)
            printf("gatepost-%s: not running\n", daemon);
        return false;
    case REACH_FAILED:
        fprintf(stderr, "gatepostctl: gatepost-%s: %s\n", daemon, err.text);
        t->running++;
        t->failed++;
        return false;
    }
    return false;
}

static int tally_status(const struct tally *t)
{
    if (t->running == 0) {
        fprintf(stderr, "gatepostctl: no daemon is running\n");
        return CTL_FAILED;
    }
    return t->failed > 0 ? CTL_NO : CTL_OK;
}

/* ---- reload ---- */

static void reload_one(struct reach *r, const char *daemon, struct tally *t)
{
    static const char *const words[] = { "reload" };
    struct buf out, complaints;
    struct errtext err;
    int status;

    buf_init(&out, 1024 * 1024);
    buf_init(&complaints, 1024 * 1024);
    status = reach_call(r, words, 1, NULL, 0, &out, &complaints, &err);
    if (status == 0) {
        printf("gatepost-%s: reloaded\n%s", daemon, buf_cstr(&complaints));
    } else {
        t->failed++;
        printf("gatepost-%s: refused, the configuration from before stays\n%s%s", daemon, buf_cstr(&complaints),
               status < 0 ? err.text : "");
        if (status < 0)
            printf("\n");
    }
    buf_free(&out);
    buf_free(&complaints);
}

static int run_reload(struct env *env, int argc, char **argv)
{
    struct tally t = { 0, 0 };
    struct reach r;

    (void)argv;
    if (argc != 1)
        return usage_error(&cmd_reload, "reload takes no arguments");
    if (!config_check_all(env)) {
        fprintf(stderr, "gatepostctl: nothing was reloaded\n");
        return CTL_NO;
    }
    for (size_t i = 0; daemon_names[i] != NULL; i++) {
        if (!reach_running(env, daemon_names[i], false, &r, &t))
            continue;
        reload_one(&r, daemon_names[i], &t);
        reach_close(&r);
    }
    return tally_status(&t);
}

const struct subcommand cmd_reload = {
    .name = "reload",
    .args = "",
    .summary = "checks the file, then has every running daemon take it over",
    .help = "A broken file changes nothing anywhere.  Listeners, the user and paths change with a\n"
            "restart only; the answer names such keys.",
    .run = run_reload,
};

/* ---- status, stats, log-level ---- */

static int ask_all(struct env *env, const char *const *words, size_t n, bool quiet, bool headings)
{
    struct tally t = { 0, 0 };
    struct reach r;

    if (env_settings(env) == NULL) {             /* said once, not once a daemon */
        fprintf(stderr, "gatepostctl: without a configuration no daemon can be found; those that run keep the one they have\n");
        return CTL_FAILED;
    }
    for (size_t i = 0; daemon_names[i] != NULL; i++) {
        if (!reach_running(env, daemon_names[i], quiet, &r, &t))
            continue;
        if (headings && i > 0)
            printf("\n");
        if (reach_print(&r, daemon_names[i], words, n, NULL, 0) != 0)
            t.failed++;
        reach_close(&r);
    }
    return tally_status(&t);
}

static int run_status(struct env *env, int argc, char **argv)
{
    bool stats = args_flag(&argc, argv, "--stats");
    const char *const words[] = { "status", "--stats" };

    if (argc != 1)
        return usage_error(&cmd_status, "what is \"%s\"?", argv[1]);
    return ask_all(env, words, stats ? 2 : 1, false, true);
}

const struct subcommand cmd_status = {
    .name = "status",
    .args = "[--stats]",
    .summary = "version, uptime and configuration of every daemon",
    .help = "With --stats its counters too.\nExit status: 0 all that run answered, 1 one did not, 2 none runs.",
    .run = run_status,
};

static int run_stats(struct env *env, int argc, char **argv)
{
    const char *const words[] = { "stats" };

    (void)argv;
    if (argc != 1)
        return usage_error(&cmd_stats, "stats takes no arguments");
    return ask_all(env, words, 1, true, false);
}

const struct subcommand cmd_stats = {
    .name = "stats",
    .args = "",
    .summary = "counters of every daemon, as Prometheus text",
    .help = "For node_exporter's textfile collector:\n"
            "    gatepostctl stats >/var/lib/prometheus/node-exporter/gatepost.prom.new && mv ...",
    .run = run_stats,
};

static bool is_level(const char *text)
{
    static const char *const levels[] = { "error", "warning", "info", "debug" };

    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++)
        if (strcmp(text, levels[i]) == 0)
            return true;
    return false;
}

static int run_log_level(struct env *env, int argc, char **argv)
{
    if (argc != 2)
        return usage_error(&cmd_log_level, "which level?");
    if (!is_level(argv[1]))
        return usage_error(&cmd_log_level, "\"%s\" is no level", argv[1]);
    return ask_all(env, (const char *const *)(uintptr_t)argv, 2, false, false);
}

const struct subcommand cmd_log_level = {
    .name = "log-level",
    .args = "error|warning|info|debug",
    .summary = "what every daemon logs until its next reload",
    .help = "For good it is set by log.level in the file.",
    .run = run_log_level,
};

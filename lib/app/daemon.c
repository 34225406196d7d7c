/* daemon.c - options, and the order in which a daemon comes up and goes down.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <grp.h>
#include <unistd.h>

#include "lib/app/daemon_private.h"
#include "lib/base/alloc.h"

enum { ROLES_MAX = 32, EXIT_USAGE = 64, EVENTS_CLOSE_MS = 300 };

#define DEFAULT_CONFIG "/etc/gatepost/gatepost.yaml"

/* ---- options ---- */

static void print_usage(const struct daemon_ops *ops, FILE *to)
{
    fprintf(to,
            "usage: gatepost-%s [-c FILE] [-t] [-f] [-V]\n"
            "  -c FILE   configuration, default " DEFAULT_CONFIG "\n"
            "  -t        check it and end: 0, or 1 with what is wrong\n"
            "  -f        stay in the foreground, log to stderr\n"
            "  -V        print the version\n",
            ops->name);
}

/* The daemon changes its folder, and reads the file again on every reload. */
static char *absolute(const char *path)
{
    char here[4096];

    if (path[0] == '/' || getcwd(here, sizeof here) == NULL)
        return xstrdup(path);
    return xasprintf("%s/%s", here, path);
}

/* -1: go on; else the exit status. */
static int parse_options(const struct daemon_ops *ops, int argc, char **argv, struct daemon_options *out)
{
    enum { OPT_CTL_FD = 256, OPT_CTL_COMMON };
    static const struct option longs[] = {
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },
        { "ctl-fd", required_argument, NULL, OPT_CTL_FD },
        { "ctl-common", no_argument, NULL, OPT_CTL_COMMON },
        { NULL, 0, NULL, 0 },
    };
    const char *config = DEFAULT_CONFIG;
    uint64_t fd;
    int c;

    *out = (struct daemon_options){ .ctl_fd = -1 };
    while ((c = getopt_long(argc, argv, "c:tfVh", longs, NULL)) != -1) {
        switch (c) {
        case 'c':
            config = optarg;
            break;
        case 't':
            out->check = true;
            break;
        case 'f':
            out->foreground = true;
            break;
        case 'V':
            printf("gatepost-%s %s\n", ops->name, GATEPOST_VERSION);
            return 0;
        case 'h':
            print_usage(ops, stdout);
            return 0;
        case OPT_CTL_FD:
            if (!span_to_u64(span_str(optarg), &fd) || fd > 1024) {
                print_usage(ops, stderr);
                return EXIT_USAGE;
            }
            out->ctl_fd = (int)fd;
            break;
        case OPT_CTL_COMMON:
            out->ctl_common = true;
            break;
        default:
            print_usage(ops, stderr);
            return EXIT_USAGE;
        }
    }
    if (optind < argc) {
        print_usage(ops, stderr);
        return EXIT_USAGE;
    }
    out->config = absolute(config);
    return -1;
}

/* ---- becoming a daemon ---- */

static _Noreturn void wait_for_start(const char *name, int fd)
{
    char words[1024];
    size_t n = 0;
    ssize_t got;

    while (n < sizeof words && ((got = read(fd, words + n, sizeof words - n)) > 0 || (got < 0 && errno == EINTR)))
        n += got > 0 ? (size_t)got : 0;
    if (n == 1 && words[0] == 'R')
        _exit(0);
    if (n > 0)
        fprintf(stderr, "gatepost-%s: %.*s\n", name, (int)n, words);
    else
        fprintf(stderr, "gatepost-%s: ended before it was ready; the log may say why\n", name);
    _exit(1);
}

static void to_null(int fd, int flags)
{
    int null = open("/dev/null", flags | O_CLOEXEC);

    if (null >= 0) {
        dup2(null, fd);
        close(null);
    }
}

/* Two forks: the daemon leads no session, so that no terminal becomes its own.  The first process answers for the start. */
static int detach(struct daemon *d, struct errtext *err)
{
    int pair[2];
    pid_t pid;

    if (pipe2(pair, O_CLOEXEC) < 0 || (pid = fork()) < 0) {
        errtext_errno(err, "cannot become a daemon");
        return -1;
    }
    if (pid > 0) {
        close(pair[1]);
        waitpid(pid, NULL, 0);
        wait_for_start(d->name, pair[0]);
    }
    setsid();
    if ((pid = fork()) != 0)
        _exit(pid < 0 ? 1 : 0);
    close(pair[0]);
    d->priv->ready_fd = pair[1];
    to_null(STDIN_FILENO, O_RDONLY);
    to_null(STDOUT_FILENO, O_WRONLY);
    if (d->settings->log.to != LOG_TO_STDERR)
        to_null(STDERR_FILENO, O_WRONLY);
    return 0;
}

/* ---- coming up ---- */

static double gauge_uptime(void *arg)
{
    const struct daemon *d = arg;

    return (double)(loop_now_ms(d->loop) - d->priv->started_ms) / 1000;
}

static double gauge_clients(void *arg)
{
    const struct daemon *d = arg;
    size_t n = 0;

    for (size_t i = 0; i < d->priv->n_listeners; i++)
        n += listener_clients(d->priv->listeners[i]);
    return (double)n;
}

static double gauge_events_dropped(void *arg)
{
    const struct daemon *d = arg;

    return d->events != NULL ? (double)events_dropped(d->events) : 0;
}

static double gauge_log_dropped(void *arg)
{
    (void)arg;
    return (double)log_dropped();
}

static double gauge_reloads(void *arg)
{
    return (double)((const struct daemon *)arg)->priv->reloads;
}

static double gauge_reload_failures(void *arg)
{
    return (double)((const struct daemon *)arg)->priv->reload_failures;
}

static void add_gauges(struct daemon *d)
{
    stats_gauge(d->stats, "uptime_seconds", "Seconds since the start.", gauge_uptime, d);
    stats_gauge(d->stats, "clients", "Connected clients.", gauge_clients, d);
    stats_gauge(d->stats, "events_dropped", "Event records lost to a full disk or queue.", gauge_events_dropped, d);
    stats_gauge(d->stats, "log_dropped", "Log lines that the log did not take.", gauge_log_dropped, d);
    stats_gauge(d->stats, "reloads", "Configurations taken over since the start.", gauge_reloads, d);
    stats_gauge(d->stats, "reloads_refused", "Configurations refused since the start.", gauge_reload_failures, d);
}

static const char *if_written(const char *text)
{
    return text != NULL && text[0] != '\0' ? text : NULL;
}

static bool is_member_of(const char *group)
{
    const struct group *gr = group != NULL ? getgrnam(group) : NULL;

    return gr != NULL && (gr->gr_gid == getegid() || group_member(gr->gr_gid));
}

static int bind_listeners(struct daemon *d, struct errtext *err)
{
    struct daemon_private *p = d->priv;
    const struct set_listen *set = &d->settings->listen;
    const struct conf_strings *addresses = p->ops->addresses(d->settings);
    struct listener_spec spec = {
        .owner = if_written(set->owner),
        .group = if_written(set->group),
        .mode = (unsigned)strtoul(set->mode != NULL ? set->mode : "0660", NULL, 8),
        .max_clients = (size_t)set->max_clients,
    };

    /* The default group is for who may give sockets away; another user's instance keeps its own. */
    if (geteuid() != 0 && !settings_written(d->settings, "listen.group") && !is_member_of(spec.group))
        spec.group = NULL;
    if (p->who.change) {
        spec.owner = spec.owner != NULL ? spec.owner : p->who.user;
        spec.group = spec.group != NULL ? spec.group : if_written(d->settings->process.group);
    }
    p->listeners = xcalloc(addresses->n + 1, sizeof(struct listener *));
    for (size_t i = 0; i < addresses->n; i++) {
        spec.address = addresses->v[i];
        p->listeners[i] = listener_bind(&spec, err);
        if (p->listeners[i] == NULL)
            return -1;
        p->n_listeners++;
    }
    return 0;
}

static void on_client(struct listener *l, int fd, void *arg)
{
    struct daemon *d = arg;

    d->priv->ops->on_client(d, l, fd);
}

static void on_full(struct listener *l, const char *why, void *arg)
{
    (void)arg;
    log_warning("%s: accepting pauses: %s", listener_address(l), why);
}

static int start_listeners(struct daemon *d, struct errtext *err)
{
    static const struct listener_handler handler = { .on_client = on_client, .on_full = on_full };

    for (size_t i = 0; i < d->priv->n_listeners; i++)
        if (listener_start(d->priv->listeners[i], d->loop, &handler, d) < 0) {
            errtext_errno(err, "cannot accept on %s", listener_address(d->priv->listeners[i]));
            return -1;
        }
    return 0;
}

static void write_pid_file(struct daemon *d)
{
    struct daemon_private *p = d->priv;
    int fd;

    p->pid_path = xasprintf("%s/%s.pid", d->settings->process.run_directory, d->name);
    fd = open(p->pid_path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0 || dprintf(fd, "%d\n", (int)getpid()) < 0)
        log_warning("cannot write %s: %s", p->pid_path, strerror(errno));
    if (fd >= 0)
        close(fd);
}

static void on_ctl_closed(void *arg)
{
    struct daemon *d = arg;

    loop_stop(d->loop);
}

static int open_ctl(struct daemon *d, struct errtext *err)
{
    static const struct ctl_command *tables[2];
    struct daemon_private *p = d->priv;

    tables[0] = p->opt.ctl_common ? NULL : p->ops->commands;
    tables[1] = daemon_commands;
    p->ctl = ctl_server_new(d->loop, tables, 2, d);
    if (!d->serving) {
        if (fcntl(p->opt.ctl_fd, F_SETFD, FD_CLOEXEC) < 0) {
            errtext_errno(err, "--ctl-fd %d", p->opt.ctl_fd);
            return -1;
        }
        ctl_server_serve(p->ctl, p->opt.ctl_fd, on_ctl_closed, d);
        return 0;
    }
    p->ctl_path = xasprintf("%s/%s.ctl", d->settings->process.run_directory, d->name);
    return ctl_server_listen(p->ctl, p->ctl_path, NULL, err);
}

static int open_events(struct daemon *d, struct errtext *err)
{
    d->events = d->serving ? events_open(d->loop, d->name, d->settings, err)
                           : events_open_readonly(d->loop, d->name, d->settings, err);
    return d->events != NULL ? 0 : -1;
}

/* Up to the drop: what may need the rights of the starting user. */
static int come_up_privileged(struct daemon *d, struct errtext *err)
{
    struct daemon_private *p = d->priv;
    const struct set_process *process = &d->settings->process;

    if (privileges_find(process, &p->who, err) < 0)
        return -1;
    if (d->serving && geteuid() == 0 && !p->who.change)
        log_warning("runs as root: set process.user");
    if (d->serving && (privileges_directories(process, &p->who, err) < 0 || bind_listeners(d, err) < 0))
        return -1;
    p->begun = !p->opt.ctl_common;
    if (p->begun && p->ops->prepare != NULL && p->ops->prepare(d, err) < 0)
        return -1;
    return privileges_drop(&p->who, err);
}

static int come_up(struct daemon *d, struct errtext *err)
{
    struct daemon_private *p = d->priv;

    privileges_raise_descriptors();
    d->loop = loop_new(err);
    if (d->loop == NULL)
        return -1;
    p->started_ms = loop_now_ms(d->loop);
    d->stats = stats_new(d->name);
    add_gauges(d);
    if (come_up_privileged(d, err) < 0)
        return -1;
    if (d->serving && privileges_check_directories(&d->settings->process, err) < 0)
        return -1;
    if (open_events(d, err) < 0 || open_ctl(d, err) < 0)
        return -1;
    if (p->begun && p->ops->start(d, err) < 0)
        return -1;
    if (privileges_sandbox(d->settings->process.sandbox, p->ops->children_mount, err) < 0)
        return -1;
    if (d->serving)
        write_pid_file(d);
    return d->serving ? start_listeners(d, err) : 0;
}

/* ---- going down ---- */

static void remove_file(char **path)
{
    if (*path != NULL)
        unlink(*path);
    free(*path);
    *path = NULL;
}

static void go_down(struct daemon *d)
{
    struct daemon_private *p = d->priv;

    for (size_t i = 0; i < p->n_listeners; i++)
        listener_pause(p->listeners[i]);
    if (p->begun && p->ops->stop != NULL)
        p->ops->stop(d);
    events_close(&d->events, EVENTS_CLOSE_MS);
    ctl_server_free(&p->ctl);
    for (size_t i = 0; i < p->n_listeners; i++)
        listener_close(&p->listeners[i], true);
    free(p->listeners);
    remove_file(&p->pid_path);
    free(p->ctl_path);
    stats_free(&d->stats);
    settings_unref(&d->settings);
    settings_unref(&p->started);
    loop_free(&d->loop);
    if (p->ready_fd >= 0)
        close(p->ready_fd);
    free((char *)(uintptr_t)p->opt.config);
}

void daemon_client_gone(struct daemon *d, struct listener *l)
{
    (void)d;
    listener_client_gone(l);
}

/* ---- main ---- */

static void print_errors(const struct conf_errors *errors, const char *file)
{
    for (size_t i = 0; i < conf_errors_count(errors); i++)
        fprintf(stderr, "%s\n", conf_errors_at(errors, i));
    if (conf_errors_count(errors) == 0)
        fprintf(stderr, "%s: cannot be used\n", file);
}

static struct settings *load_or_print(const struct daemon_ops *ops, const char *path)
{
    struct conf_errors *errors = conf_errors_new();
    struct settings *s = daemon_load(ops, path, errors);

    if (s == NULL)
        print_errors(errors, path);
    conf_errors_free(&errors);
    return s;
}

static int run(struct daemon *d)
{
    struct errtext err = { .text = "" };
    int status = 0;

    if (come_up(d, &err) == 0) {
        daemon_run(d);
        if (d->serving)
            log_info("ended");
    } else {
        log_error("cannot start: %s", err.text);
        if (d->priv->ready_fd >= 0 && write(d->priv->ready_fd, err.text, strlen(err.text)) < 0)
            log_debug("the starting process has gone");
        status = 1;
    }
    go_down(d);
    log_close();
    return status;
}

static void run_role_if_asked(const struct daemon_ops *ops, int argc, char **argv)
{
    struct child_role roles[ROLES_MAX + 3] = {
        { "events-writer", events_writer_run },
        { "events-query", events_query_run },
    };
    size_t n = 2;

    for (const struct child_role *r = ops->roles; r != NULL && r->name != NULL && n < ROLES_MAX + 2; r++)
        roles[n++] = *r;
    child_main_if_asked(roles, argc, argv);
}

int daemon_main(const struct daemon_ops *ops, int argc, char **argv)
{
    struct daemon_private priv = { .ops = ops, .ready_fd = -1 };
    struct daemon d = { .name = ops->name, .priv = &priv };
    struct errtext err;
    char ident[64];
    int status;

    run_role_if_asked(ops, argc, argv);
    if ((status = parse_options(ops, argc, argv, &priv.opt)) >= 0)
        return status;
    d.settings = load_or_print(ops, priv.opt.config);
    if (d.settings == NULL || priv.opt.check) {
        status = d.settings == NULL ? 1 : 0;
        settings_unref(&d.settings);
        free((char *)(uintptr_t)priv.opt.config);
        return status;
    }
    priv.started = settings_ref(d.settings);
    d.serving = priv.opt.ctl_fd < 0;
    if (d.serving && !priv.opt.foreground && getenv("NOTIFY_SOCKET") == NULL && detach(&d, &err) < 0) {
        fprintf(stderr, "gatepost-%s: %s\n", ops->name, err.text);
        return 1;
    }
    umask(027);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);              /* a file that may not grow is an error of write(2), like a full disk */
    if (d.serving)
        signal(SIGHUP, SIG_IGN);           /* until daemon_run takes it */
    if (chdir("/") < 0)
        log_warning("cannot change to /");
    snprintf(ident, sizeof ident, "gatepost-%s", ops->name);
    if (d.serving)
        log_open(ident, &d.settings->log, priv.opt.foreground);
    else
        log_open(ident, &(struct set_log){ .to = LOG_TO_STDERR, .level = LOG_LEVEL_WARNING }, true);
    return run(&d);
}

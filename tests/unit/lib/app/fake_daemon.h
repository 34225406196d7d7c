/* fake_daemon.h - a tiny daemon for tests: an echo service with everything that daemon_main gives.
 *
 * A line comes back; "slow" comes back after 300 ms.  Each line is a record of its own; "id" tells its id.
 * The test program is the daemon's program, too: main() begins with fake_main_if_asked().
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_TESTS_FAKE_DAEMON_H
#define GATEPOST_TESTS_FAKE_DAEMON_H

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/app/ctl_client.h"
#include "lib/app/daemon.h"
#include "lib/app/id.h"
#include "lib/base/alloc.h"
#include "lib/net/stream.h"

/* ---- the daemon ---- */

struct fake_client {
    struct fake_client *next, **link;
    struct daemon *d;
    struct listener *l;
    struct stream *s;
    struct loop_timer timer;
    bool busy;
};

struct fake {
    struct fake_client *clients;
    uint64_t *lines;
    char last_id[ID_TEXT];
};

static void fake_client_free(struct fake_client *c)
{
    loop_timer_stop(&c->timer);
    stream_close_drained(&c->s, 500);
    daemon_client_gone(c->d, c->l);
    *c->link = c->next;
    if (c->next != NULL)
        c->next->link = c->link;
    free(c);
}

static void fake_record(struct fake_client *c, span line)
{
    struct fake *f = c->d->state;
    struct json_out *j;

    ++*f->lines;
    id_make(f->last_id, loop_wall_ms(c->d->loop));
    j = events_begin(c->d->events, f->last_id, "reject");
    if (j == NULL)
        return;
    json_cstr(j, "reason", "it was said");
    json_cstr(j, "client", "192.0.2.7");
    json_cstr(j, "client_name", "mx.example.net");
    events_address(c->d->events, "from", SPAN("a@example.net"));
    events_address(c->d->events, "rcpt", line);
    json_array_begin(j, "checks");
    json_object_begin(j, NULL);
    json_cstr(j, "name", "zen");
    json_cstr(j, "saw", "127.0.0.\x1b[2");
    json_num(j, "points", 4.5);
    json_num(j, "ms", 2);
    json_object_end(j);
    json_array_end(j);
    events_emit(c->d->events);
}

static void fake_slow_done(void *arg)
{
    struct fake_client *c = arg;

    c->busy = false;
    stream_write(c->s, SPAN("slow\n"));
    if (c->d->draining)
        fake_client_free(c);
}

static void fake_input(struct stream *s, void *arg)
{
    struct fake_client *c = arg;
    struct fake *f = c->d->state;
    span in;
    size_t n;

    while (!c->busy && (in = stream_in(s), n = span_find(in, '\n')) < in.n) {
        span line = span_head(in, n);

        if (span_eq(line, SPAN("slow"))) {
            c->busy = true;
            loop_timer_start(c->d->loop, &c->timer, 300, fake_slow_done, c);
        } else if (span_eq(line, SPAN("id"))) {
            stream_write(s, span_str(f->last_id));
            stream_write(s, SPAN("\n"));
        } else {
            fake_record(c, line);
            stream_write(s, line);
            stream_write(s, SPAN("\n"));
        }
        stream_consume(s, n + 1);
    }
}

static void fake_end(struct stream *s, enum stream_end end, const char *why, void *arg)
{
    (void)s;
    (void)end;
    (void)why;
    fake_client_free(arg);
}

static const struct stream_handler fake_handler = { .on_input = fake_input, .on_end = fake_end };

static void fake_on_client(struct daemon *d, struct listener *l, int fd)
{
    struct fake *f = d->state;
    struct fake_client *c = xcalloc(1, sizeof *c);

    c->d = d;
    c->l = l;
    c->next = f->clients;
    c->link = &f->clients;
    if (c->next != NULL)
        c->next->link = &c->next;
    f->clients = c;
    c->s = stream_new(d->loop, fd, (struct stream_limits){ 4096, 65536 }, &fake_handler, c);
}

static const struct conf_strings *fake_addresses(const struct settings *s)
{
    return &s->listen.policy;
}

static int fake_check(const struct settings *s, struct conf_errors *errors)
{
    if (s->policy.score.reject < 666)
        return 0;
    conf_errors_add(errors, s->file, 0, 0, "policy.score.reject", "%g is too much for this daemon", s->policy.score.reject);
    return -1;
}

static int fake_start(struct daemon *d, struct errtext *err)
{
    struct fake *f = xcalloc(1, sizeof *f);

    d->state = f;
    f->lines = stats_counter(d->stats, "lines", "Lines echoed.", NULL, NULL);
    if (d->settings->policy.timeout_ms == 7777) {
        errtext_set(err, "the fake does not want to");
        return -1;
    }
    return 0;
}

static int fake_reload(struct daemon *d, struct settings *neu, struct errtext *err)
{
    (void)d;
    if (neu->policy.timeout_ms != 7777)
        return 0;
    errtext_set(err, "the fake does not want this");
    return -1;
}

static void fake_drain(struct daemon *d)
{
    struct fake *f = d->state;

    for (struct fake_client *c = f->clients, *next; c != NULL; c = next) {
        next = c->next;
        if (!c->busy)
            fake_client_free(c);
    }
}

static size_t fake_busy(struct daemon *d)
{
    size_t n = 0;

    for (struct fake_client *c = ((struct fake *)d->state)->clients; c != NULL; c = c->next)
        n += c->busy || stream_out_pending(c->s) > 0;
    return n;
}

static void fake_stop(struct daemon *d)
{
    struct fake *f = d->state;

    while (f != NULL && f->clients != NULL)
        fake_client_free(f->clients);
    free(f);
}

/* What the sandbox must not allow. */
static void fake_cage(struct ctl_request *r, void *arg)
{
    (void)arg;
    ctl_print(r, "unshare=%s", unshare(CLONE_NEWUSER) < 0 && errno == EPERM ? "EPERM" : "allowed");
    ctl_finish(&r, 0);
}

/* Stands for the daemons' own commands: says what it was asked, and reads what it was given. */
static void fake_own(struct ctl_request *r, void *arg)
{
    struct daemon *d = arg;
    const int *fds;
    size_t n = ctl_fds(r, &fds);
    span text = { NULL, 0 };
    char byte = '0';

    ctl_print(r, "%s%s:", d->name, d->serving ? "" : " (own)");
    for (size_t i = 0; i < ctl_argc(r); i++)
        ctl_print(r, " %.*s", SPAN_ARG(ctl_arg(r, i)));
    for (size_t i = 0; i < n; i++) {
        /* a message's first byte is its verdict: '0', '1' or '2' */
        char b = '2';

        if (pread(fds[i], &b, 1, 0) == 1 && (b == '1' || (b == '2' && byte == '0')))
            byte = b;
    }
    ctl_print(r, "\n");
    (void)text;
    ctl_finish(&r, byte - '0');
}

static const struct ctl_command fake_commands[] = {
    { "cage", "", "", fake_cage },     { "scan", "", "", fake_own }, { "recipient", "", "", fake_own },
    { "policy", "", "", fake_own },    { NULL, NULL, NULL, NULL },
};
static const struct child_role fake_roles[] = { { NULL, NULL } };
static struct daemon_ops fake_ops = {
    .roles = fake_roles,       .commands = fake_commands, .addresses = fake_addresses, .check = fake_check, .start = fake_start,
    .reload = fake_reload,     .on_client = fake_on_client, .drain = fake_drain,       .busy = fake_busy,   .stop = fake_stop,
};

/* "gatepost-NAME ..." (and its children) runs the daemon. */
static void fake_main_if_asked(int argc, char **argv)
{
    const char *base = strrchr(argv[0], '/');

    base = base != NULL ? base + 1 : argv[0];
    if (strncmp(base, "gatepost-", 9) != 0)
        return;
    fake_ops.name = base + 9;
    exit(daemon_main(&fake_ops, argc, argv));
}

/* ---- running it ---- */

struct home {
    char dir[64], bin[96], config[96], ctl[100], echo[100], log[96], pid[100];
    pid_t process;                       /* 0: not running */
};

static void home_config(const struct home *h, const char *more)
{
    FILE *f = fopen(h->config, "w");

    fprintf(f,
            "domains: [example.com]\n"
            "process: {user: \"\", group: \"\", run_directory: %s/run, state_directory: %s/state}\n"
            "listen: {policy: \"unix:%s\", group: \"\"}\n"
            "%s",
            h->dir, h->dir, h->echo, more);
    fclose(f);
}

static void home_new(struct home *h, const char *daemon)
{
    static const char *const names[] = { "socketmapd", "policyd", "cfilter" };
    char self[512], link[160];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

    memset(h, 0, sizeof *h);
    self[n > 0 ? n : 0] = '\0';
    strcpy(h->dir, "/tmp/test_daemon.XXXXXX");
    if (mkdtemp(h->dir) == NULL)
        abort();
    snprintf(h->bin, sizeof h->bin, "%s/bin", h->dir);
    mkdir(h->bin, 0755);
    for (size_t i = 0; i < 3; i++) {
        snprintf(link, sizeof link, "%s/gatepost-%s", h->bin, names[i]);
        if (symlink(self, link) < 0)
            abort();
    }
    snprintf(h->config, sizeof h->config, "%s/gatepost.yaml", h->dir);
    snprintf(h->ctl, sizeof h->ctl, "%s/run/%s.ctl", h->dir, daemon);
    snprintf(h->pid, sizeof h->pid, "%s/run/%s.pid", h->dir, daemon);
    snprintf(h->echo, sizeof h->echo, "%s/echo.sock", h->dir);
    snprintf(h->log, sizeof h->log, "%s/stderr", h->dir);
    home_config(h, "");
}

static void home_free(struct home *h)
{
    char *command;

    if (h->process > 0) {
        kill(h->process, SIGKILL);
        waitpid(h->process, NULL, 0);
    }
    command = xasprintf("rm -rf %s", h->dir);
    if (system(command) != 0)
        abort();
    free(command);
}

/* Its stderr is added to h->log. */
static pid_t home_spawn(const struct home *h, const char *daemon, const char *const *args, int keep_fd)
{
    const char *argv[16];
    size_t n = 1;
    pid_t pid;
    char *path = xasprintf("%s/gatepost-%s", h->bin, daemon);

    argv[0] = path;
    while (args[n - 1] != NULL) {
        argv[n] = args[n - 1];
        n++;
    }
    argv[n] = NULL;
    pid = fork();
    if (pid == 0) {
        int fd = open(h->log, O_WRONLY | O_CREAT | O_APPEND, 0644);

        dup2(fd, STDERR_FILENO);
        dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
        if (keep_fd >= 0)
            dup2(keep_fd, 3);
        execv(path, (char *const *)(uintptr_t)argv);
        _exit(126);
    }
    free(path);
    return pid;
}

static int wait_status(pid_t pid)
{
    int status = -1;

    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static bool wait_for_ctl(const struct home *h)
{
    for (int i = 0; i < 1000; i++) {
        int fd = ctl_client_connect(h->ctl, NULL);

        if (fd >= 0) {
            close(fd);
            return access(h->pid, F_OK) == 0;
        }
        usleep(5000);
    }
    return false;
}

static bool home_start(struct home *h, const char *daemon)
{
    const char *args[] = { "-c", h->config, "-f", NULL };

    h->process = home_spawn(h, daemon, args, -1);
    for (int i = 0; i < 1000 && access(h->pid, F_OK) < 0 && waitpid(h->process, NULL, WNOHANG) == 0; i++)
        usleep(5000);
    return wait_for_ctl(h);
}

static int home_stop(struct home *h)
{
    int status;

    kill(h->process, SIGTERM);
    status = wait_status(h->process);
    h->process = 0;
    return status;
}

__attribute__((unused)) static const char *home_log(const struct home *h)
{
    static char text[65536];
    int fd = open(h->log, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;

    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

/* ---- talking to it ---- */

static struct { char out[65536], complaints[65536]; size_t n_out, n_complaints; } said;

static void on_said(bool is_error, span text, void *arg)
{
    char *to = is_error ? said.complaints : said.out;
    size_t *n = is_error ? &said.n_complaints : &said.n_out;

    (void)arg;
    if (*n + text.n < sizeof said.out) {
        memcpy(to + *n, text.p, text.n);
        *n += text.n;
        to[*n] = '\0';
    }
}

static int ctl_on(int fd, const char *const *words, size_t n)
{
    struct errtext err;
    int status;

    memset(&said, 0, sizeof said);
    status = ctl_client_call(fd, words, n, NULL, 0, on_said, NULL, &err);
    if (status < 0)
        snprintf(said.complaints, sizeof said.complaints, "%s", err.text);
    return status;
}

#define CTL_WORDS(...) (const char *const[]){ __VA_ARGS__ }, sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *)

__attribute__((unused)) static int ctl(const struct home *h, const char *const *words, size_t n)
{
    int fd = ctl_client_connect(h->ctl, NULL), status;

    if (fd < 0)
        return -2;
    status = ctl_on(fd, words, n);
    close(fd);
    return status;
}

static int echo_connect(const struct home *h)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval limit = { .tv_sec = 10 };

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    snprintf(to.sun_path, sizeof to.sun_path, "%s", h->echo);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
        return fd;
    close(fd);
    return -1;
}

static void echo_say(int fd, const char *line)
{
    if (dprintf(fd, "%s\n", line) < 0)
        abort();
}

/* One line without its end; "" when the other side has closed. */
static const char *echo_hear(int fd)
{
    static char line[256];
    size_t n = 0;

    while (n < sizeof line - 1 && read(fd, line + n, 1) == 1 && line[n] != '\n')
        n++;
    line[n] = '\0';
    return line;
}

#endif

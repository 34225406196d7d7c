/* reach.c - the way to a daemon: the running one, or one of our own for the time of a command.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl/gatepostctl.h"
#include "lib/base/alloc.h"

enum { OWN_FD = 3 };

const char *const daemon_names[] = { "socketmapd", "policyd", "cfilter", NULL };

char *reach_binary(const char *daemon)
{
    char self[4096], *slash, *path;
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

    if (n > 0) {
        self[n] = '\0';
        slash = strrchr(self, '/');
        path = slash != NULL ? xasprintf("%.*sgatepost-%s", (int)(slash + 1 - self), self, daemon) : NULL;
        if (path != NULL && access(path, X_OK) == 0)
            return path;
        free(path);
    }
    return xasprintf("gatepost-%s", daemon);
}

static _Noreturn void become_daemon(const char *binary, const char *config, bool common, int sock)
{
    char number[] = "3";
    const char *argv[] = { binary, "-c", config, "--ctl-fd", number, common ? "--ctl-common" : NULL, NULL };

    if (sock == OWN_FD ? fcntl(sock, F_SETFD, 0) < 0 : dup2(sock, OWN_FD) < 0)
        _exit(127);
    close_range(OWN_FD + 1, ~0U, 0);
    execvp(binary, (char *const *)(uintptr_t)argv);
    dprintf(STDERR_FILENO, "gatepostctl: cannot start %s: %s\n", binary, strerror(errno));
    _exit(127);
}

enum reach_result reach_own(struct env *env, const char *daemon, enum reach_how how, struct reach *out, struct errtext *err)
{
    int pair[2];
    pid_t pid;
    char *binary;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        errtext_errno(err, "cannot start gatepost-%s", daemon);
        return REACH_FAILED;
    }
    binary = reach_binary(daemon);
    fflush(stdout);
    pid = fork();
    if (pid == 0)
        become_daemon(binary, env->config, how == REACH_COMMON, pair[1]);
    free(binary);
    close(pair[1]);
    if (pid < 0) {
        errtext_errno(err, "cannot start gatepost-%s", daemon);
        close(pair[0]);
        return REACH_FAILED;
    }
    *out = (struct reach){ .sock = pair[0], .pid = pid };
    return REACHED;
}

enum reach_result reach_daemon(struct env *env, const char *daemon, enum reach_how how, struct reach *out, struct errtext *err)
{
    const struct settings *set = env_settings(env);
    char *path;
    int saved;

    *out = (struct reach){ .sock = -1 };
    if (set == NULL) {
        errtext_set(err, "without a configuration no daemon can be found");
        return REACH_FAILED;
    }
    path = xasprintf("%s/%s.ctl", set->process.run_directory, daemon);
    out->sock = ctl_client_connect(path, err);
    saved = errno;
    free(path);
    if (out->sock >= 0)
        return REACHED;
    if (saved == ENOENT || saved == ECONNREFUSED) {
        if (how == REACH_RUNNING)
            return REACH_NOT_RUNNING;
        fprintf(stderr, "gatepostctl: gatepost-%s is not running: works without it\n", daemon);
        return reach_own(env, daemon, how, out, err);
    }
    if (saved == EACCES)
        errtext_set(err, "you may not talk to gatepost-%s: be root, or a member of its group (process.group)", daemon);
    return REACH_FAILED;
}

void reach_close(struct reach *r)
{
    if (r->sock >= 0)
        close(r->sock);                      /* one of our own ends by that */
    r->sock = -1;
    while (r->pid > 0 && waitpid(r->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    r->pid = 0;
}

struct sink { struct buf *out, *complaints; };

static void to_buffers(bool is_error, span text, void *arg)
{
    struct sink *s = arg;
    struct buf *to = is_error ? s->complaints : s->out;

    if (to != NULL)
        buf_append(to, text);
}

int reach_call(struct reach *r, const char *const *argv, size_t argc, const int *fds, size_t n_fds, struct buf *out, struct buf *complaints,
               struct errtext *err)
{
    struct sink s = { out, complaints };

    return ctl_client_call(r->sock, argv, argc, fds, n_fds, to_buffers, &s, err);
}

static void to_terminal(bool is_error, span text, void *arg)
{
    FILE *f = is_error ? stderr : stdout;

    (void)arg;
    fwrite(text.p != NULL ? text.p : "", 1, text.n, f);
}

int reach_print(struct reach *r, const char *daemon, const char *const *argv, size_t argc, const int *fds, size_t n_fds)
{
    struct errtext err;
    int status = ctl_client_call(r->sock, argv, argc, fds, n_fds, to_terminal, NULL, &err);

    if (status >= 0)
        return status;
    fflush(stdout);
    fprintf(stderr, "gatepostctl: gatepost-%s: %s\n", daemon, err.text);
    return CTL_FAILED;
}

int pass_through(struct env *env, const char *daemon, enum reach_how how, const char *const *argv, size_t argc)
{
    struct errtext err = { .text = "" };
    struct reach r;
    int status;

    switch (reach_daemon(env, daemon, how, &r, &err)) {
    case REACHED:
        status = reach_print(&r, daemon, argv, argc, NULL, 0);
        reach_close(&r);
        return status;
    case REACH_NOT_RUNNING:
        fprintf(stderr, "gatepostctl: gatepost-%s is not running\n", daemon);
        return CTL_FAILED;
    case REACH_FAILED:
        break;
    }
    fprintf(stderr, "gatepostctl: %s\n", err.text);
    return CTL_FAILED;
}

/* child.c - one child process behind a SOCK_SEQPACKET pair, as the event loop sees it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/net/child.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/alloc.h"

struct child {
    struct loop *loop;
    const struct child_handler *handler;
    void *arg;
    pid_t pid;                 /* -1: adopted */
    bool reaped;
    int sock, pidfd;           /* -1: closed or unknown */
    struct loop_io sock_io, pid_io;
    bool ended;                /* on_exit has run */
    bool freed;                /* child_free was called inside a callback */
    unsigned depth;            /* callbacks under way */
};

/* ---- zombies: children that were killed by child_free and had not ended by then ----
 * Waiting for them would block the loop (a large address space takes its time to go), so they are collected later. */

static struct { pid_t *v; size_t n, cap; } leftovers;

static void leftovers_reap(void)
{
    size_t kept = 0;

    for (size_t i = 0; i < leftovers.n; i++)
        if (waitpid(leftovers.v[i], NULL, WNOHANG) == 0)
            leftovers.v[kept++] = leftovers.v[i];
    leftovers.n = kept;
    if (kept == 0) {
        free(leftovers.v);
        leftovers.v = NULL;
        leftovers.cap = 0;
    }
}

static void leftovers_add(pid_t pid)
{
    if (leftovers.n == leftovers.cap) {
        leftovers.cap = leftovers.cap != 0 ? leftovers.cap * 2 : 8;
        leftovers.v = xreallocarray(leftovers.v, leftovers.cap, sizeof leftovers.v[0]);
    }
    leftovers.v[leftovers.n++] = pid;
}

/* ---- the life of the object ---- */

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void release_descriptors(struct child *c)
{
    loop_io_stop(&c->sock_io);
    loop_io_stop(&c->pid_io);
    close_fd(&c->sock);
    close_fd(&c->pidfd);
}

static void leave_callback(struct child *c)
{
    if (--c->depth == 0 && c->freed)
        free(c);
}

static void report_exit(struct child *c, int status)
{
    if (c->ended || c->freed)
        return;
    c->ended = true;
    release_descriptors(c);
    if (c->handler->on_exit != NULL)
        c->handler->on_exit(c, status, c->arg);
}

/* The status of an own child that has ended; it counts as reaped from now on. */
static int collect_status(struct child *c)
{
    int status = -1;

    if (c->pid < 0)
        return -1;
    pid_t got;
    do {
        got = waitpid(c->pid, &status, 0);   /* the pidfd is readable: does not block */
    } while (got < 0 && errno == EINTR);
    c->reaped = true;
    return got < 0 ? -1 : status;
}

/* The peer has closed its end, or broke the rules of the channel: what still runs is ended; its status follows by the pidfd. */
static void on_channel_end(struct child *c)
{
    loop_io_stop(&c->sock_io);
    close_fd(&c->sock);
    if (c->pidfd < 0 || (pidfd_send_signal(c->pidfd, SIGKILL, NULL, 0) < 0 && c->pid < 0))
        report_exit(c, -1);   /* not ours and not to be signalled: gone, or of another user */
}

/* ---- receiving ---- */

union fd_control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(CHILD_FDS_MAX * sizeof(int))];
};

static size_t take_fds(struct msghdr *m, int *fds)
{
    size_t n = 0;

    for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h != NULL; h = CMSG_NXTHDR(m, h)) {
        if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(h) + i * sizeof fd, sizeof fd);
            if (n < CHILD_FDS_MAX)
                fds[n++] = fd;
            else
                close(fd);
        }
    }
    return n;
}

static void close_fds(const int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++)
        close(fds[i]);
}

/* recvmsg(2) of one whole datagram: its length, 0 at the end, -1 with errno (EMSGSIZE: more than fits was sent). */
static ssize_t receive(int sock, void *msg, size_t size, int flags, int fds[CHILD_FDS_MAX], size_t *nfds_out)
{
    union fd_control control;
    struct iovec iov = { .iov_base = msg, .iov_len = size };
    struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes };
    ssize_t got;

    do {
        got = recvmsg(sock, &m, flags | MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    *nfds_out = 0;
    if (got < 0)
        return -1;
    size_t n = take_fds(&m, fds);
    if ((m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
        close_fds(fds, n);
        errno = EMSGSIZE;
        return -1;
    }
    *nfds_out = n;
    return got;
}

/* One datagram to the owner.  false when there is none now, or no channel any more. */
static bool read_one(struct child *c)
{
    char msg[CHILD_MESSAGE_MAX];
    int fds[CHILD_FDS_MAX];
    size_t nfds;

    if (c->sock < 0)
        return false;
    ssize_t got = receive(c->sock, msg, sizeof msg, MSG_DONTWAIT, fds, &nfds);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return false;
    if (got <= 0) {
        close_fds(fds, nfds);
        on_channel_end(c);
        return false;
    }
    if (c->handler->on_message != NULL)
        c->handler->on_message(c, span_of(msg, (size_t)got), fds, nfds, c->arg);
    else
        close_fds(fds, nfds);
    return !c->freed;
}

/* One message a turn: nearly always it is the only one, so a second look would be a call for nothing; and a talkative child does not hold
 * up the others. */
static void on_sock(int events, void *arg)
{
    struct child *c = arg;

    (void)events;
    c->depth++;
    read_one(c);
    leave_callback(c);
}

static void on_pidfd(int events, void *arg)
{
    struct child *c = arg;

    (void)events;
    c->depth++;
    /* What it said before it ended counts: first the words, then the end.  A dead process writes no more, so this ends. */
    while (read_one(c))
        ;
    if (!c->freed && !c->ended)
        report_exit(c, collect_status(c));
    leave_callback(c);
}

static int watch(struct child *c)
{
    if (loop_io_start(c->loop, &c->sock_io, c->sock, LOOP_READ, on_sock, c) < 0)
        return -1;
    if (c->pidfd >= 0 && loop_io_start(c->loop, &c->pid_io, c->pidfd, LOOP_READ, on_pidfd, c) < 0)
        return -1;
    return 0;
}

static struct child *child_make(struct loop *l, pid_t pid, int sock, int pidfd, const struct child_handler *h, void *arg)
{
    struct child *c = xcalloc(1, sizeof *c);

    c->loop = l;
    c->handler = h;
    c->arg = arg;
    c->pid = pid;
    c->sock = sock;
    c->pidfd = pidfd;
    return c;
}

/* ---- starting ---- */

/* The exec'd child gets the environment without what belongs to the daemon alone (sd_notify(3), socket activation). */
static char **child_environment(void)
{
    static const char *const own[] = { "NOTIFY_SOCKET=", "WATCHDOG_", "LISTEN_" };
    size_t n = 0, kept = 0;

    while (environ != NULL && environ[n] != NULL)
        n++;
    char **env = xcalloc(n + 1, sizeof *env);
    for (size_t i = 0; i < n; i++) {
        bool drop = false;
        for (size_t k = 0; k < sizeof own / sizeof own[0]; k++)
            drop = drop || strncmp(environ[i], own[k], strlen(own[k])) == 0;
        if (!drop)
            env[kept++] = environ[i];
    }
    return env;
}

static char **child_argv(const struct child_spec *spec)
{
    size_t n = 0;

    while (spec->args != NULL && spec->args[n] != NULL)
        n++;
    char **argv = xcalloc(n + 4, sizeof *argv);
    argv[0] = program_invocation_name;
    argv[1] = (char *)"--child";
    argv[2] = (char *)spec->role;
    for (size_t i = 0; i < n; i++)
        argv[3 + i] = (char *)spec->args[i];
    return argv;
}

/* Between fork and exec: only async-signal-safe calls.  Never returns. */
static _Noreturn void become_child(const struct child_spec *spec, int sock, pid_t parent, char **argv, char **env)
{
    int above = CHILD_FD + 1 + (int)spec->n_keep;
    int high[1 + CHILD_FDS_MAX];
    sigset_t none;

    for (int s = 1; s < NSIG; s++)
        signal(s, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)      /* it went before the line above */
        _exit(127);
    /* First all out of the way, then each to its place. */
    for (size_t i = 0; i <= spec->n_keep; i++)
        if ((high[i] = fcntl(i == 0 ? sock : spec->keep_fds[i - 1], F_DUPFD, above)) < 0)
            _exit(127);
    for (size_t i = 0; i <= spec->n_keep; i++)
        if (dup2(high[i], CHILD_FD + (int)i) < 0)
            _exit(127);
    close_range((unsigned)above, ~0U, 0);
    int null = open("/dev/null", O_RDWR);
    if (null >= 0 && null != STDIN_FILENO) {
        dup2(null, STDIN_FILENO);
        close(null);
    }
    execve("/proc/self/exe", argv, env);
    _exit(127);
}

static pid_t fork_child(const struct child_spec *spec, int sock)
{
    char **argv = child_argv(spec), **env = child_environment();
    pid_t parent = getpid();
    sigset_t all, old;

    /* The loop's signal handlers must not run in the copy: they would write into the daemon's own pipe. */
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &old);
    pid_t pid = fork();
    if (pid == 0)
        become_child(spec, sock, parent, argv, env);
    int saved = errno;
    sigprocmask(SIG_SETMASK, &old, NULL);
    free(argv);
    free(env);
    errno = saved;
    return pid;
}

struct child *child_start(struct loop *l, const struct child_spec *spec, const struct child_handler *h, void *arg,
                          struct errtext *err)
{
    int pair[2], pidfd;
    pid_t pid;

    assert(spec->n_keep <= CHILD_FDS_MAX);
    leftovers_reap();
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        errtext_errno(err, "cannot start child %s: socketpair", spec->role);
        return NULL;
    }
    if ((pid = fork_child(spec, pair[1])) < 0) {
        errtext_errno(err, "cannot start child %s: fork", spec->role);
        close(pair[0]);
        close(pair[1]);
        return NULL;
    }
    close(pair[1]);
    if ((pidfd = pidfd_open(pid, 0)) < 0) {
        errtext_errno(err, "cannot watch child %s: pidfd_open", spec->role);
        kill(pid, SIGKILL);
        leftovers_add(pid);
        close(pair[0]);
        return NULL;
    }
    struct child *c = child_make(l, pid, pair[0], pidfd, h, arg);
    if (watch(c) < 0) {
        errtext_errno(err, "cannot watch child %s", spec->role);
        child_free(&c);
    }
    return c;
}

struct child *child_adopt(struct loop *l, int sock, int pidfd, const struct child_handler *h, void *arg)
{
    struct child *c = child_make(l, -1, sock, pidfd, h, arg);

    if (watch(c) < 0)
        child_free(&c);
    return c;
}

/* ---- talking and ending ---- */

static int send_message(int sock, span msg, const int *fds, size_t nfds, int flags)
{
    union fd_control control;
    struct iovec iov = { .iov_base = (void *)(uintptr_t)msg.p, .iov_len = msg.n };
    struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
    ssize_t sent;

    if (msg.n == 0 || msg.n > CHILD_MESSAGE_MAX || nfds > CHILD_FDS_MAX) {
        errno = EMSGSIZE;       /* an empty datagram could not be told from the end */
        return -1;
    }
    if (nfds > 0) {
        memset(&control, 0, sizeof control);
        m.msg_control = control.bytes;
        m.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
        struct cmsghdr *h = CMSG_FIRSTHDR(&m);
        h->cmsg_level = SOL_SOCKET;
        h->cmsg_type = SCM_RIGHTS;
        h->cmsg_len = CMSG_LEN(nfds * sizeof(int));
        memcpy(CMSG_DATA(h), fds, nfds * sizeof(int));
    }
    do {
        sent = sendmsg(sock, &m, flags | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? -1 : 0;
}

int child_send(struct child *c, span msg, const int *fds, size_t nfds)
{
    if (c->sock < 0) {
        errno = EPIPE;
        return -1;
    }
    return send_message(c->sock, msg, fds, nfds, MSG_DONTWAIT);
}

void child_kill(struct child *c)
{
    if (c->pidfd >= 0)
        pidfd_send_signal(c->pidfd, SIGKILL, NULL, 0);
}

bool child_gone(const struct child *c)
{
    char byte;

    return c->sock < 0 || recv(c->sock, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

int child_pid(const struct child *c)
{
    return c->pid;
}

void child_free(struct child **cp)
{
    struct child *c = *cp;

    *cp = NULL;
    if (c == NULL || c->freed)
        return;
    child_kill(c);
    release_descriptors(c);
    if (c->pid > 0 && !c->reaped)
        leftovers_add(c->pid);
    leftovers_reap();
    c->freed = true;
    if (c->depth == 0)
        free(c);
}

long child_recv_blocking(int sock, void *msg, size_t size, int *fds_out, size_t *nfds_inout)
{
    int fds[CHILD_FDS_MAX];
    size_t n, want = nfds_inout != NULL ? *nfds_inout : 0;

    ssize_t got = receive(sock, msg, size, 0, fds, &n);
    if (got <= 0) {
        close_fds(fds, n);
        n = 0;
    }
    size_t give = n < want ? n : want;
    for (size_t i = 0; i < give; i++)
        fds_out[i] = fds[i];
    close_fds(fds + give, n - give);
    if (nfds_inout != NULL)
        *nfds_inout = give;
    return (long)got;
}

int child_send_blocking(int sock, span msg, const int *fds, size_t nfds)
{
    return send_message(sock, msg, fds, nfds, 0);
}

/* log_out.c - where finished lines go.
 *
 * A daemon's lines of one turn go out together, because a system call each costs more than the line.  An urgent line takes those before
 * it along at once.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/app/log_out.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/span.h"

enum {
    QUEUE_BYTES = 64 * 1024,
    QUEUE_FULL = 32 * 1024,              /* enough for one write: no more waiting */
    FRAME_BYTES = 160,                   /* at most, around a line */
    LINES_PER_CALL = 64,
    FACILITY_MAIL = 2 << 3,
    WARNING = 4,
};

enum stderr_kind { STDERR_FILE, STDERR_SOCKET, STDERR_PIPE };

static struct {
    char ident[64];
    int pid;                             /* 0: not asked yet */
    bool syslog;
    bool to_journal;                     /* stderr is the journal: it takes "<6>" in front */
    enum stderr_kind stderr_kind;
    const char *socket_path;
    int sock;                            /* -1: none */
    uint64_t dropped, told;

    char queue[QUEUE_BYTES];             /* lines, each ended by LF */
    size_t n;
    int urgent;
    void (*waiting)(void *arg);
    void *waiting_arg;

    time_t stamped;                      /* what `stamp` says */
    char stamp[32];
} out = { .socket_path = "/dev/log", .sock = -1, .stderr_kind = STDERR_PIPE };

/* ---- the two ways ---- */

static void socket_close(void)
{
    if (out.sock >= 0)
        close(out.sock);
    out.sock = -1;
}

static bool socket_open(void)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };

    socket_close();
    if (strlen(out.socket_path) >= sizeof to.sun_path)
        return false;
    strcpy(to.sun_path, out.socket_path);
    out.sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (out.sock >= 0 && connect(out.sock, (struct sockaddr *)&to, sizeof to) == 0)
        return true;
    socket_close();
    return false;
}

/* The first lines of [p, p + n) as messages of their own, without their ends if `bare`; how many. */
static unsigned cut_lines(char *p, size_t n, bool bare, struct mmsghdr *messages, struct iovec *pieces)
{
    unsigned k = 0;

    memset(messages, 0, sizeof(*messages) * LINES_PER_CALL);
    while (n > 0 && k < LINES_PER_CALL) {
        size_t len = (size_t)((char *)memchr(p, '\n', n) - p) + 1;

        pieces[k] = (struct iovec){ .iov_base = p, .iov_len = bare ? len - 1 : len };
        messages[k].msg_hdr.msg_iov = &pieces[k];
        messages[k].msg_hdr.msg_iovlen = 1;
        k++;
        p += len;
        n -= len;
    }
    return k;
}

/* Sends lines as messages; how many bytes of the queue are gone.  0 with errno: the first was not taken. */
static size_t send_lines(int fd, char *p, size_t n, bool bare)
{
    struct mmsghdr messages[LINES_PER_CALL];
    struct iovec pieces[LINES_PER_CALL];
    unsigned k = cut_lines(p, n, bare, messages, pieces);
    int sent = sendmmsg(fd, messages, k, MSG_DONTWAIT | MSG_NOSIGNAL);
    size_t gone = 0;

    for (int i = 0; i < sent; i++)
        gone += pieces[i].iov_len + (bare ? 1 : 0);
    return gone;
}

/* One datagram a line (RFC 3164's form on the local socket, without a host name).  A syslogd that was started anew wants a new connection. */
static size_t to_syslog(char *p, size_t n)
{
    for (int attempt = 0; attempt < 2; attempt++) {
        size_t gone;

        if (out.sock < 0 && !socket_open())
            return 0;
        gone = send_lines(out.sock, p, n, true);
        if (gone > 0 || errno == EAGAIN || errno == ENOBUFS || errno == EMSGSIZE)
            return gone;
        socket_close();
    }
    return 0;
}

/* A full pipe or a stopped terminal must not stop the daemon: poll(2) promises room for PIPE_BUF bytes, so no more is written at once. */
static size_t to_stderr(char *p, size_t n)
{
    struct pollfd poll_fd = { .fd = STDERR_FILENO, .events = POLLOUT };
    ssize_t written;

    if (out.stderr_kind == STDERR_SOCKET)
        return send_lines(STDERR_FILENO, p, n, false);
    if (out.stderr_kind == STDERR_PIPE) {
        if (n > PIPE_BUF) {
            char *end = memrchr(p, '\n', PIPE_BUF);

            n = end != NULL ? (size_t)(end - p) + 1 : PIPE_BUF;
        }
        if (poll(&poll_fd, 1, 0) <= 0 || (poll_fd.revents & POLLOUT) == 0)
            return 0;
    }
    written = write(STDERR_FILENO, p, n);
    return written > 0 ? (size_t)written : 0;
}

/* What is not taken now is lost. */
static void write_out(void)
{
    size_t at = 0, gone;

    do {
        gone = out.syslog ? to_syslog(out.queue + at, out.n - at) : to_stderr(out.queue + at, out.n - at);
        at += gone;
    } while (gone > 0 && at < out.n);
    out.dropped += span_count(span_of(out.queue + at, out.n - at), '\n');
    out.n = 0;
}

/* ---- lines ---- */

static void stamp(void)
{
    time_t now = time(NULL);
    struct tm tm;

    if (now == out.stamped)
        return;
    localtime_r(&now, &tm);
    strftime(out.stamp, sizeof out.stamp, "%b %e %H:%M:%S", &tm);
    out.stamped = now;
}

static size_t add_frame(int severity, char *to)
{
    if (out.syslog) {
        stamp();
        if (out.pid == 0)
            out.pid = (int)getpid();
        return (size_t)snprintf(to, FRAME_BYTES, "<%d>%s %s[%d]: ", FACILITY_MAIL | severity, out.stamp, out.ident, out.pid);
    }
    if (out.to_journal)
        return (size_t)snprintf(to, FRAME_BYTES, "<%d>", severity);
    if (out.ident[0] == '\0')
        return 0;
    return (size_t)(stpcpy(stpcpy(to, out.ident), ": ") - to);
}

static void enqueue(int severity, const char *text, size_t n)
{
    if (out.n + FRAME_BYTES + n + 1 > sizeof out.queue)
        write_out();
    out.n += add_frame(severity, out.queue + out.n);
    memcpy(out.queue + out.n, text, n);
    out.n += n;
    out.queue[out.n++] = '\n';
}

void log_out_put(int severity, const char *text, size_t n)
{
    bool first = out.n == 0;

    enqueue(severity, text, n < QUEUE_FULL ? n : QUEUE_FULL);
    if (out.waiting == NULL || severity <= out.urgent || out.n >= QUEUE_FULL)
        log_out_flush();
    else if (first)
        out.waiting(out.waiting_arg);
}

void log_out_flush(void)
{
    uint64_t before = out.dropped;
    char words[128];

    if (out.n == 0)
        return;
    write_out();
    if (out.dropped == out.told || out.dropped != before)
        return;                          /* nothing to tell, or nobody takes it now */
    enqueue(WARNING, words,
            (size_t)snprintf(words, sizeof words, "warning: %" PRIu64 " log lines were lost: the log did not take them", out.dropped - out.told));
    write_out();
    if (out.dropped == before)
        out.told = before;
    else
        out.dropped = before;            /* the warning itself is no line that anybody misses */
}

uint64_t log_out_dropped(void)
{
    return out.dropped;
}

/* ---- state ---- */

/* systemd.exec(5): JOURNAL_STREAM is DEVICE:INODE of the stream that stderr is, unless somebody redirected it since. */
static bool stderr_is_journal(const struct stat *st)
{
    const char *env = getenv("JOURNAL_STREAM");
    char here[64];

    if (env == NULL)
        return false;
    snprintf(here, sizeof here, "%ju:%ju", (uintmax_t)st->st_dev, (uintmax_t)st->st_ino);
    return strcmp(here, env) == 0;
}

static void forked(void)
{
    out.pid = 0;
    out.n = 0;                           /* the parent writes what waits */
}

void log_out_ident(const char *ident)
{
    static bool watching;
    struct stat st;

    if (!watching)
        watching = pthread_atfork(NULL, NULL, forked) == 0;
    snprintf(out.ident, sizeof out.ident, "%s", ident);
    out.pid = 0;
    out.to_journal = false;
    out.stderr_kind = STDERR_PIPE;
    if (fstat(STDERR_FILENO, &st) < 0)
        return;
    out.to_journal = stderr_is_journal(&st);
    if (S_ISREG(st.st_mode))
        out.stderr_kind = STDERR_FILE;
    else if (S_ISSOCK(st.st_mode))
        out.stderr_kind = STDERR_SOCKET;
}

void log_out_to(bool syslog)
{
    log_out_flush();
    out.syslog = syslog;
    if (!syslog)
        socket_close();
    else if (out.sock < 0)
        socket_open();                   /* not there yet: tried again with each line */
}

void log_out_syslog_path(const char *path)
{
    socket_close();
    out.socket_path = path;
}

void log_out_batch(int urgent, void (*fn)(void *arg), void *arg)
{
    log_out_flush();
    out.urgent = urgent;
    out.waiting = fn;
    out.waiting_arg = arg;
}

/* stream.c - one connected non-blocking descriptor: buffered, plain or TLS, with limits and deadlines.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/net/stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/alloc.h"
#include "lib/base/buf.h"
#include "lib/net/address.h"
#include "lib/net/stream_private.h"

enum { READ_CHUNK = 16 * 1024, FILE_CHUNK = 256 * 1024 };

static void stream_free(void *arg)
{
    struct stream *s = arg;

    free(s);
}

/* Everything but the memory goes now; the object goes at the end of the turn, because its own code may be running. */
static void stream_shut(struct stream *s)
{
    if (s->closed)
        return;
    s->closed = true;
    loop_timer_stop(&s->deadline);
    loop_timer_stop(&s->linger);
    loop_task_cancel(&s->flush);
    loop_task_cancel(&s->again);
    stream_tls_end(s);
    loop_io_stop(&s->io);
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
    buf_free(&s->in);
    buf_free(&s->out);
    loop_defer(s->loop, &s->gone, stream_free, s);
}

void stream_fail(struct stream *s, enum stream_end end, const char *why)
{
    if (s->ended || s->closed)
        return;
    s->ended = true;
    loop_timer_stop(&s->deadline);
    if (s->io.event != NULL)
        loop_io_want(&s->io, 0);
    if (s->lingering)
        stream_shut(s);                   /* nobody owns it any more */
    else
        s->handler->on_end(s, end, why, s->arg);
}

static void fail_errno(struct stream *s, enum stream_end end, const char *what)
{
    char why[128];

    snprintf(why, sizeof(why), "%s: %s", what, strerror(errno));
    stream_fail(s, end, why);
}

void stream_update_want(struct stream *s)
{
    bool full = s->in.len >= s->in.limit;
    int want = 0;

    if (s->closed || s->ended)
        return;
    if (s->connecting)
        want = LOOP_WRITE;
    else if (s->tls != NULL)
        want = stream_tls_want(s, !s->paused && !full && !s->eof);
    else
        want = (!s->paused && !full && !s->eof ? LOOP_READ : 0) | (s->blocked ? LOOP_WRITE : 0);
    if (want != s->io.want)
        loop_io_want(&s->io, want);
}

/* ---- input ---- */

/* Bytes read, 0 when none are there now, -1 at the end (eof or error was noted). */
static long read_some(struct stream *s)
{
    size_t room = s->in.limit - s->in.len;
    char *to = buf_reserve(&s->in, room < READ_CHUNK ? room : READ_CHUNK);
    ssize_t n;

    if (to == NULL)
        return 0;
    if (s->tls != NULL)
        return stream_tls_read(s, to, room < READ_CHUNK ? room : READ_CHUNK);
    do {
        n = read(s->fd, to, room < READ_CHUNK ? room : READ_CHUNK);
    } while (n < 0 && errno == EINTR);
    if (n > 0) {
        buf_commit(&s->in, (size_t)n);
        return n;
    }
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return 0;
    s->eof = true;
    s->eof_errno = n < 0 ? errno : 0;
    return -1;
}

static void stream_at_eof(struct stream *s)
{
    if (s->in.len > 0 && !s->eof_told) {
        /* What came before the end is given first; the owner may close. */
        s->eof_told = true;
        s->handler->on_input(s, s->arg);
        if (s->closed || s->ended)
            return;
    }
    if (s->eof_errno != 0) {
        errno = s->eof_errno;
        fail_errno(s, STREAM_ERROR, "read");
    } else {
        stream_fail(s, STREAM_EOF, "the peer closed the connection");
    }
}

static void on_readable(struct stream *s)
{
    long n;

    if (s->lingering) {
        char drop[4096];

        if (read(s->fd, drop, sizeof(drop)) == 0)
            stream_shut(s);
        return;
    }
    n = read_some(s);
    if (s->closed || s->ended)
        return;
    if (n > 0)
        s->handler->on_input(s, s->arg);
    if (s->closed || s->ended)
        return;
    if (s->eof && !s->paused)
        stream_at_eof(s);
    else if (s->tls != NULL && n > 0 && stream_tls_pending(s) && !s->paused && s->in.len < s->in.limit)
        loop_defer(s->loop, &s->again, stream_read_again, s);
    if (!s->closed) {
        if (s->in.len == 0)
            buf_shrink(&s->in);
        stream_update_want(s);
    }
}

void stream_read_again(void *arg)
{
    struct stream *s = arg;

    if (!s->closed && !s->ended && !s->paused)
        on_readable(s);
}

/* ---- output ---- */

static void drained(struct stream *s)
{
    if (s->lingering) {
        shutdown(s->fd, SHUT_WR);
        stream_shut(s);
        return;
    }
    if (s->handler->on_drained != NULL)
        s->handler->on_drained(s, s->arg);
}

static bool would_block(struct stream *s, ssize_t n)
{
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
        s->blocked = true;
        return true;
    }
    return false;
}

static bool write_buffer(struct stream *s)
{
    while (s->out.len > 0) {
        span b = buf_span(&s->out);
        ssize_t n = s->tls != NULL ? stream_tls_write(s, b) : send(s->fd, b.p, b.n, MSG_NOSIGNAL | (s->file_left > 0 ? MSG_MORE : 0));

        if (s->closed || s->ended)
            return false;
        if (s->tls != NULL && n == 0)
            return false;
        if (n < 0) {
            if (!would_block(s, n))
                fail_errno(s, STREAM_ERROR, "write");
            return false;
        }
        buf_consume(&s->out, (size_t)n);
    }
    return true;
}

/* Behind TLS a file goes through the buffer, a piece at a time. */
static bool fill_from_file(struct stream *s)
{
    size_t want = s->file_left < READ_CHUNK ? s->file_left : READ_CHUNK;
    char *to = buf_reserve(&s->out, want);
    ssize_t n = to != NULL ? pread(s->file_fd, to, want, s->file_at) : -1;

    if (n <= 0) {
        stream_fail(s, STREAM_ERROR, "the file to be sent ended early");
        return false;
    }
    buf_commit(&s->out, (size_t)n);
    s->file_at += n;
    s->file_left -= (size_t)n;
    return true;
}

static bool write_file(struct stream *s)
{
    while (s->file_left > 0) {
        ssize_t n;

        if (s->tls != NULL) {
            if (!fill_from_file(s) || !write_buffer(s))
                return false;
            continue;
        }
        n = sendfile(s->fd, s->file_fd, &s->file_at, s->file_left < FILE_CHUNK ? s->file_left : FILE_CHUNK);
        if (n <= 0) {
            if (n < 0 && would_block(s, n))
                return false;
            stream_fail(s, STREAM_ERROR, n == 0 ? "the file to be sent ended early" : strerror(errno));
            return false;
        }
        s->file_left -= (size_t)n;
    }
    return true;
}

static void write_now(struct stream *s)
{
    bool had = s->out.len > 0 || s->file_left > 0 || s->after.len > 0;

    if (s->connecting || s->closed || s->ended || stream_tls_handshaking(s))
        return;
    s->blocked = false;
    if (write_buffer(s) && write_file(s)) {
        if (s->after.len > 0) {
            struct buf swap = s->out;

            s->out = s->after;
            s->after = swap;
            if (!write_buffer(s))
                goto out;
        }
        buf_shrink(&s->out);
        buf_shrink(&s->after);
        if (had)
            drained(s);
    }
out:
    stream_update_want(s);
}

static void flush_task(void *arg)
{
    write_now(arg);
}

/* ---- the loop's calls ---- */

static void on_connect_ready(struct stream *s)
{
    int error = 0;
    socklen_t n = sizeof(error);

    if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0)
        error = errno;
    if (error == EINPROGRESS)
        return;
    s->connecting = false;
    if (error != 0) {
        errno = error;
        fail_errno(s, STREAM_CONNECT_FAILED, "connect");
        return;
    }
    stream_update_want(s);
    if (s->handler->on_connected != NULL)
        s->handler->on_connected(s, s->arg);
    if (!s->closed && !s->ended && s->out.len > 0)
        write_now(s);
}

static void on_io(int events, void *arg)
{
    struct stream *s = arg;

    if (s->connecting) {
        on_connect_ready(s);
        return;
    }
    if (s->handshaking) {
        stream_tls_step(s);
        if (!s->closed && !s->ended && !s->handshaking)
            write_now(s);
        return;
    }
    if ((events & LOOP_WRITE) != 0 || s->tls_wants_read)
        write_now(s);
    if ((events & LOOP_READ) != 0 && !s->closed && !s->ended && (!s->paused || s->lingering))
        on_readable(s);
}

static void on_deadline(void *arg)
{
    stream_fail(arg, STREAM_TIMEOUT, "the deadline passed");
}

static struct stream *make(struct loop *l, int fd, struct stream_limits limits, const struct stream_handler *h, void *arg)
{
    struct stream *s = xcalloc(1, sizeof(*s));

    s->loop = l;
    s->fd = fd;
    s->handler = h;
    s->arg = arg;
    s->file_fd = -1;
    s->out_limit = limits.out_limit;
    buf_init(&s->in, limits.in_limit);
    /* The limit is kept by stream_write; files behind TLS pass through the same buffer in small pieces. */
    buf_init(&s->out, limits.out_limit + READ_CHUNK);
    buf_init(&s->after, limits.out_limit + READ_CHUNK);
    return s;
}

struct stream *stream_new(struct loop *l, int fd, struct stream_limits limits, const struct stream_handler *h, void *arg)
{
    struct stream *s = make(l, fd, limits, h, arg);
    struct address a = { .len = sizeof(a.sa) };
    int on = 1;

    if (getpeername(fd, &a.sa.any, &a.len) != 0)
        a.sa.any.sa_family = AF_UNIX;
    if (a.sa.any.sa_family == AF_UNIX)
        snprintf(s->peer, sizeof(s->peer), "unix");
    else
        address_format(&a, s->peer);
    if (a.sa.any.sa_family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    loop_io_start(l, &s->io, fd, LOOP_READ, on_io, s);
    return s;
}

static void report_connect_failure(void *arg)
{
    struct stream *s = arg;

    errno = s->eof_errno;
    fail_errno(s, STREAM_CONNECT_FAILED, "connect");
}

struct stream *stream_connect(struct loop *l, const char *address, struct stream_limits limits, const struct stream_handler *h,
                              void *arg, struct errtext *err)
{
    struct address a;
    struct stream *s;
    int on = 1, r;

    if (address_parse(address, &a, err) != 0)
        return NULL;
    s = make(l, socket(a.sa.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), limits, h, arg);
    address_format(&a, s->peer);
    s->connecting = true;
    r = s->fd < 0 ? -1 : connect(s->fd, &a.sa.any, a.len);
    if (r != 0 && (s->fd < 0 || errno != EINPROGRESS)) {
        /* EAGAIN: a unix socket's backlog is full; it counts as refused, the caller's retry is its own. */
        s->eof_errno = errno;
        loop_defer(l, &s->again, report_connect_failure, s);
        return s;
    }
    if (a.sa.any.sa_family != AF_UNIX)
        setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    loop_io_start(l, &s->io, s->fd, LOOP_WRITE, on_io, s);
    return s;
}

void stream_close(struct stream **sp)
{
    struct stream *s = *sp;

    *sp = NULL;
    if (s == NULL)
        return;
    if (!s->ended && !s->connecting)
        write_now(s);
    s->ended = true;
    stream_shut(s);
}

static void on_linger(void *arg)
{
    stream_shut(arg);
}

void stream_close_drained(struct stream **sp, int64_t within_ms)
{
    struct stream *s = *sp;

    *sp = NULL;
    if (s == NULL)
        return;
    if (s->ended || s->connecting) {
        stream_shut(s);
        return;
    }
    s->lingering = true;
    loop_timer_stop(&s->deadline);
    if (s->out.len + s->file_left + s->after.len == 0) {
        stream_shut(s);
        return;
    }
    loop_timer_start(s->loop, &s->linger, within_ms, on_linger, s);
    write_now(s);
}

span stream_in(const struct stream *s)
{
    return buf_span(&s->in);
}

void stream_consume(struct stream *s, size_t n)
{
    buf_consume(&s->in, n);
    if (!s->paused)
        stream_update_want(s);
}

void stream_read_pause(struct stream *s)
{
    s->paused = true;
    stream_update_want(s);
}

static void resume_task(void *arg)
{
    struct stream *s = arg;

    if (s->closed || s->ended || s->paused)
        return;
    if (s->in.len > 0)
        s->handler->on_input(s, s->arg);
    if (s->closed || s->ended || s->paused)
        return;
    if (s->eof)
        stream_at_eof(s);
    else if (s->tls != NULL && stream_tls_pending(s))
        on_readable(s);
}

void stream_read_resume(struct stream *s)
{
    s->paused = false;
    stream_update_want(s);
    if (s->in.len > 0 || s->eof || (s->tls != NULL && stream_tls_pending(s)))
        loop_defer(s->loop, &s->again, resume_task, s);
}

static void overflow_task(void *arg)
{
    stream_fail(arg, STREAM_OVERFLOW, "the peer does not read what we send");
}

void stream_write(struct stream *s, span bytes)
{
    struct buf *to = s->file_left > 0 ? &s->after : &s->out;

    if (s->closed || s->ended || bytes.n == 0)
        return;
    if (s->out.len + s->after.len + bytes.n > s->out_limit) {
        loop_defer(s->loop, &s->again, overflow_task, s);
        return;
    }
    buf_append(to, bytes);
    if (!s->connecting && !s->blocked)
        loop_defer(s->loop, &s->flush, flush_task, s);
}

size_t stream_out_pending(const struct stream *s)
{
    return s->out.len + s->after.len + s->file_left;
}

void stream_flush(struct stream *s)
{
    loop_task_cancel(&s->flush);
    write_now(s);
}

void stream_send_file(struct stream *s, int fd, off_t offset, size_t length)
{
    s->file_fd = fd;
    s->file_at = offset;
    s->file_left = length;
    if (!s->connecting && !s->blocked)
        loop_defer(s->loop, &s->flush, flush_task, s);
}

void stream_deadline(struct stream *s, int64_t ms)
{
    if (s->closed || s->ended)
        return;
    if (ms < 0)
        loop_timer_stop(&s->deadline);
    else
        loop_timer_start(s->loop, &s->deadline, ms, on_deadline, s);
}

bool stream_is_tls(const struct stream *s)
{
    return s->tls != NULL && !s->handshaking;
}

bool stream_peer_gone(struct stream *s)
{
    char c;
    ssize_t n;

    if (s->closed || s->ended || s->eof)
        return true;
    n = recv(s->fd, &c, 1, MSG_PEEK | MSG_DONTWAIT);
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

int stream_fd(const struct stream *s)
{
    return s->fd;
}

const char *stream_peer(const struct stream *s)
{
    return s->peer;
}

bool stream_peer_uid(const struct stream *s, unsigned *uid_out, int *pid_out)
{
    struct ucred cred;
    socklen_t n = sizeof(cred);

    if (getsockopt(s->fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) != 0 || cred.pid == 0)
        return false;
    *uid_out = cred.uid;
    *pid_out = cred.pid;
    return true;
}

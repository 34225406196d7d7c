/* stream.c - one connected non-blocking descriptor: life, input, deadline; stream_out.c has the output.
 *
 * All streams read into one block of memory and keep only what came: a silent peer, or one that sends half a request,
 * costs no more than that.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/net/stream.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/alloc.h"
#include "lib/net/stream_private.h"

enum { READ_BLOCK = 64 * 1024, ROOMY = 8 * 1024 };
#define NEVER INT64_MAX

/* ---- ends ---- */

static void stream_free(void *arg)
{
    free(arg);
}

/* Everything but the memory goes now; the object goes at the end of the turn, because its own code may be running. */
void stream_shut(struct stream *s)
{
    if (s->closed)
        return;
    stream_tls_end(s);
    s->closed = s->ended = s->out_dead = true;
    loop_timer_stop(&s->deadline);
    loop_timer_stop(&s->linger);
    loop_task_cancel(&s->flush);
    loop_task_cancel(&s->again);
    loop_task_cancel(&s->failed);
    loop_task_cancel(&s->orphan);
    loop_io_stop(&s->io);
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
    s->file_left = 0;
    buf_free(&s->in);
    buf_free(&s->out);
    buf_free(&s->after);
    loop_defer(s->loop, &s->gone, stream_free, s);
}

void stream_fail(struct stream *s, enum stream_end end, const char *why)
{
    if (s->closed || s->ended)
        return;
    if (s->lingering) {                   /* nobody owns it any more */
        stream_shut(s);
        return;
    }
    s->ended = true;
    s->out_dead = s->out_dead || end != STREAM_EOF;   /* a half-closed peer can still be answered */
    loop_timer_stop(&s->deadline);
    loop_task_cancel(&s->failed);
    stream_update_want(s);
    s->handler->on_end(s, end, why, s->arg);
}

static void on_readable(struct stream *s);

static void fail_task(void *arg)
{
    struct stream *s = arg;

    /* Who resets may have said why before ("421 ..."): that is input like any other. */
    if (s->later_end == STREAM_ERROR && !s->lingering && !s->connecting && !s->handshaking && !s->paused && !s->eof && s->io.event != NULL)
        on_readable(s);
    stream_fail(s, s->later_end, s->later_why);
}

void stream_fail_later(struct stream *s, enum stream_end end, const char *why)
{
    if (s->closed || s->out_dead)
        return;
    s->out_dead = true;
    buf_free(&s->out);
    buf_free(&s->after);
    s->file_left = 0;
    s->later_end = end;
    snprintf(s->later_why, sizeof(s->later_why), "%s", why);
    loop_defer(s->loop, &s->failed, fail_task, s);
}

static void fail_errno(struct stream *s, enum stream_end end, const char *what, int error)
{
    char why[128];

    snprintf(why, sizeof(why), "%s: %s", what, strerror(error));
    stream_fail(s, end, why);
}

/* ---- what is asked of the loop ---- */

static bool may_read(const struct stream *s)
{
    return !s->paused && !s->eof && !s->ended && s->in.len < s->in.limit;
}

/* Who has nothing to say before it is spoken to (SMTP) needs to know of the connection no sooner than of the first words: one wake-up
 * less.  A failure wakes either way. */
static int connect_want(const struct stream *s)
{
    return s->handler->on_connected == NULL && s->out.len == 0 && s->tls == NULL ? LOOP_READ : LOOP_WRITE;
}

/* keep: a pause alone does not end the interest in reading: most pauses are over before more bytes come, and then
 * nothing had to be asked of the kernel. */
static void set_want(struct stream *s, bool keep)
{
    bool reading = s->resting || (may_read(s) && !s->lingering);
    int want = 0;

    if (s->closed || s->io.event == NULL)
        return;
    if (keep && s->paused && !s->eof && !s->ended && !s->lingering && (s->io.want & LOOP_READ) != 0)
        reading = true;
    if (s->connecting)
        want = connect_want(s);
    else if (s->handshaking)
        want = s->handshake_wants_write ? LOOP_WRITE : LOOP_READ;
    else
        want = (reading ? LOOP_READ : 0) | (reading && s->read_wants_write ? LOOP_WRITE : 0) |
               (s->blocked && !s->out_dead ? s->write_wants_read ? LOOP_READ : LOOP_WRITE : 0);
    if (want != s->io.want)
        loop_io_want(&s->io, want);
}

void stream_update_want(struct stream *s)
{
    set_want(s, true);
}

/* ---- input ---- */

/* Bytes read, 0 when none are there now, -1 at the end (eof, eof_errno). */
static long read_some(struct stream *s)
{
    static char block[READ_BLOCK];
    size_t room = s->in.limit - s->in.len;
    size_t want = room < sizeof(block) ? room : sizeof(block);
    long n;

    if (want == 0 || s->eof)
        return 0;
    if (s->tls != NULL) {
        n = stream_tls_read(s, block, want);
    } else {
        do
            n = recv(s->fd, block, want, 0);
        while (n < 0 && errno == EINTR);
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return 0;
        if (n <= 0) {
            s->eof = true;
            s->eof_errno = n < 0 ? errno : 0;
            return -1;
        }
    }
    if (n > 0 && s->in.len == 0)
        s->lent = (span){ block, (size_t)n };
    else if (n > 0)
        buf_append(&s->in, (span){ block, (size_t)n });
    return n;
}

static void keep_lent(struct stream *s)
{
    if (!s->closed && s->lent.n > 0)
        buf_append(&s->in, s->lent);
    s->lent = (span){ NULL, 0 };
}

/* The owner looks at what came where it was read to; only what it leaves is copied. */
static void give_input(struct stream *s)
{
    s->give_again = false;
    s->handler->on_input(s, s->arg);
    keep_lent(s);
}

static void at_eof(struct stream *s)
{
    if (s->in.len > 0 && !s->eof_told) {
        /* What came before the end is given first; the owner may close, or pause: then the end waits. */
        s->eof_told = true;
        s->handler->on_input(s, s->arg);
        if (s->closed || s->ended || s->paused)
            return;
    }
    if (s->eof_errno != 0)
        fail_errno(s, STREAM_ERROR, "read", s->eof_errno);
    else
        stream_fail(s, STREAM_EOF, "the peer closed the connection");
}

/* After the owner has looked: memory that nothing needs goes back. */
static void settle(struct stream *s)
{
    if (s->in.len == 0)
        buf_shrink(&s->in);
    else if (s->in.cap > ROOMY && s->in.len < s->in.cap / 8) {
        struct buf small;

        buf_init(&small, s->in.limit);
        buf_append(&small, buf_span(&s->in));
        buf_free(&s->in);
        s->in = small;
    }
    stream_update_want(s);
}

static void on_readable(struct stream *s)
{
    long n = read_some(s);

    if (n > 0 && s->handler->read_all_first && !s->out_dead) {   /* who can no longer be answered ends this very moment */
        keep_lent(s);
        s->give_again = true;
        stream_read_again(s);
        return;
    }
    if (n > 0)
        give_input(s);
    if (s->closed || s->ended)
        return;
    if (s->eof && !s->paused) {
        at_eof(s);
        return;
    }
    settle(s);
}

static void again_task(void *arg)
{
    struct stream *s = arg;
    bool give = s->give_again;

    s->give_again = false;
    if (s->closed || s->ended || s->paused || s->lingering)
        return;
    if (give && s->in.len > 0)
        s->handler->on_input(s, s->arg);
    if (s->closed || s->ended || s->paused)
        return;
    if (s->eof)
        at_eof(s);
    else if (stream_tls_pending(s))
        on_readable(s);
    else
        settle(s);
}

void stream_read_again(struct stream *s)
{
    loop_defer(s->loop, &s->again, again_task, s);
}

/* Closed by the owner: what the peer still sends is dropped. */
static void hear_out(struct stream *s)
{
    char drop[4096];
    ssize_t n = recv(s->fd, drop, sizeof(drop), 0);

    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
        stream_shut(s);
}

/* ---- the loop's calls ---- */

static void on_connect_ready(struct stream *s)
{
    int error = 0;
    socklen_t n = sizeof(error);

    if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0)
        error = errno;
    s->connecting = false;
    if (error != 0) {
        fail_errno(s, STREAM_CONNECT_FAILED, "connect", error);
        return;
    }
    stream_update_want(s);
    if (s->handler->on_connected != NULL && !s->lingering)
        s->handler->on_connected(s, s->arg);
    if (!s->closed && !s->ended)
        stream_write_now(s, true);
}

static void on_io(int events, void *arg)
{
    struct stream *s = arg;
    bool readable = (events & LOOP_READ) != 0, writable = (events & LOOP_WRITE) != 0;

    if (s->connecting) {
        on_connect_ready(s);
        if (!readable || s->closed || s->ended || s->connecting || s->handshaking || s->lingering || !may_read(s))
            return;
        on_readable(s);
        return;
    }
    if (s->handshaking) {
        stream_tls_step(s);
        return;
    }
    if (s->resting) {
        hear_out(s);
        return;
    }
    if (s->blocked && (s->write_wants_read ? readable : writable))
        stream_write_now(s, true);
    if (s->closed || !(readable || (writable && s->read_wants_write)))
        return;
    if (may_read(s) && !s->lingering)
        on_readable(s);
    else
        set_want(s, false);               /* paused: only now that costs a call */
}

static void on_deadline(void *arg)
{
    struct stream *s = arg;

    if (s->deadline_at_ms == NEVER)
        return;
    if (s->deadline_at_ms > loop_now_ms(s->loop))
        loop_timer_start(s->loop, &s->deadline, s->deadline_at_ms - loop_now_ms(s->loop), on_deadline, s);
    else
        stream_fail(s, STREAM_TIMEOUT, "the deadline passed");
}

/* ---- life ---- */

static struct stream *make(struct loop *l, int fd, struct stream_limits limits, const struct stream_handler *h, void *arg)
{
    struct stream *s = xcalloc(1, sizeof(*s));

    s->loop = l;
    s->fd = fd;
    s->handler = h;
    s->arg = arg;
    s->file_fd = -1;
    s->out_limit = limits.out_limit;
    s->deadline_at_ms = NEVER;
    buf_init(&s->in, limits.in_limit);
    buf_init(&s->out, limits.out_limit);
    buf_init(&s->after, limits.out_limit);
    return s;
}

static void start_watching(struct stream *s, int want)
{
    char why[128];

    if (loop_io_start(s->loop, &s->io, s->fd, want, on_io, s) == 0)
        return;
    snprintf(why, sizeof(why), "cannot watch the connection: %s", strerror(errno));
    stream_fail_later(s, s->connecting ? STREAM_CONNECT_FAILED : STREAM_ERROR, why);
}

struct stream *stream_new(struct loop *l, int fd, struct stream_limits limits, const struct stream_handler *h, void *arg)
{
    struct stream *s = make(l, fd, limits, h, arg);
    struct address a = { .len = sizeof(a.sa) };
    int on = 1;

    /* Asked now, because a reset connection no longer knows its peer. */
    if (getpeername(fd, &a.sa.any, &a.len) != 0)
        a.len = 0;
    if (a.len > 0 && a.sa.any.sa_family == AF_UNIX) {
        snprintf(s->peer, sizeof(s->peer), "unix");
    } else {
        address_format(&a, s->peer);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }
    start_watching(s, LOOP_READ);
    return s;
}

struct stream *stream_connect(struct loop *l, const char *address, struct stream_limits limits, const struct stream_handler *h,
                              void *arg, struct errtext *err)
{
    struct address a;
    struct stream *s;
    char why[128];
    int on = 1;

    if (address_parse(address, &a, err) != 0)
        return NULL;
    s = make(l, socket(a.sa.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), limits, h, arg);
    address_format(&a, s->peer);
    s->connecting = true;
    if (s->fd >= 0 && a.sa.any.sa_family != AF_UNIX)
        setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (s->fd < 0 || (connect(s->fd, &a.sa.any, a.len) != 0 && errno != EINPROGRESS)) {
        /* EAGAIN: a unix socket's backlog is full; it counts as refused, a retry is the caller's. */
        snprintf(why, sizeof(why), "connect: %s", strerror(errno));
        stream_fail_later(s, STREAM_CONNECT_FAILED, why);
        return s;
    }
    start_watching(s, connect_want(s));
    return s;
}

static void on_linger(void *arg)
{
    stream_shut(arg);
}

/* The owner has gone: from here no callback is made. */
static void disown(struct stream *s)
{
    s->lingering = true;
    loop_timer_stop(&s->deadline);
    loop_task_cancel(&s->again);
    loop_at_free(s->loop, &s->orphan, on_linger, s);
}

void stream_close(struct stream **sp)
{
    struct stream *s = *sp;

    *sp = NULL;
    if (s == NULL || s->closed)
        return;
    if (!s->out_dead && stream_out_pending(s) > 0)
        stream_write_now(s, false);       /* before it counts as lingering: nobody is heard out */
    disown(s);
    stream_shut(s);
}

void stream_close_drained(struct stream **sp, int64_t within_ms)
{
    struct stream *s = *sp;

    *sp = NULL;
    if (s == NULL || s->closed)
        return;
    disown(s);
    if (s->out_dead || (stream_out_pending(s) == 0 && (s->connecting || s->handshaking))) {
        stream_shut(s);
        return;
    }
    s->ended = false;                     /* after EOF there may still be an answer to send */
    loop_timer_start(s->loop, &s->linger, within_ms, on_linger, s);
    stream_write_now(s, false);
}

/* ---- the owner's side of input ---- */

span stream_in(const struct stream *s)
{
    return s->lent.n > 0 ? s->lent : buf_span(&s->in);
}

void stream_consume(struct stream *s, size_t n)
{
    bool was_full = s->in.len >= s->in.limit;

    if (s->lent.n > 0) {
        assert(n <= s->lent.n);
        s->lent = span_from(s->lent, n);
        return;
    }
    buf_consume(&s->in, n);
    if (!was_full || n == 0 || !may_read(s))
        return;
    stream_update_want(s);
    if (stream_tls_pending(s))            /* the kernel does not know of these bytes */
        stream_read_again(s);
}

void stream_read_pause(struct stream *s)
{
    s->paused = true;
}

void stream_read_resume(struct stream *s)
{
    s->paused = false;
    if (s->closed || s->ended)
        return;
    stream_update_want(s);
    if (s->in.len > 0 || s->eof || stream_tls_pending(s)) {
        s->give_again = s->in.len > 0;
        stream_read_again(s);
    }
}

/* ---- the rest ---- */

void stream_deadline(struct stream *s, int64_t ms)
{
    int64_t now = loop_now_ms(s->loop);

    if (s->closed || s->ended)
        return;
    s->deadline_at_ms = ms < 0 ? NEVER : ms > NEVER / 2 ? NEVER / 2 : now + ms;
    if (ms >= 0 && (!loop_timer_active(&s->deadline) || s->deadline.due_ms > s->deadline_at_ms))
        loop_timer_start(s->loop, &s->deadline, s->deadline_at_ms - now, on_deadline, s);
}

bool stream_peer_gone(struct stream *s)
{
    struct pollfd p = { .fd = s->fd, .events = POLLRDHUP };   /* also seen behind unread input, unlike a peek */

    if (s->closed || s->ended || s->eof)
        return true;
    return poll(&p, 1, 0) == 1 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)) != 0;
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

/* stream_out.c - the output side of a stream: queue, file, one write at the end of the turn.
 *
 * Interest in "can be written" is asked of the loop only after the kernel refused bytes.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/net/stream_private.h"

enum { FILE_CHUNK = 256 * 1024, TLS_FILE_CHUNK = 16 * 1024 };

static void write_failed(struct stream *s, const char *what)
{
    char why[128];

    snprintf(why, sizeof(why), "%s: %s", what, strerror(errno));
    stream_fail_later(s, STREAM_ERROR, why);
}

/* Bytes taken, 0: not now (blocked is set), -1: failed. */
static long write_some(struct stream *s, span bytes, bool more_follows)
{
    ssize_t n;

    if (s->tls != NULL)
        return stream_tls_write(s, bytes);
    do
        n = send(s->fd, bytes.p, bytes.n, MSG_NOSIGNAL | (more_follows ? MSG_MORE : 0));
    while (n < 0 && errno == EINTR);
    if (n >= 0)
        return n;
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
        s->blocked = true;
        return 0;
    }
    write_failed(s, "write");
    return -1;
}

static bool write_queue(struct stream *s)
{
    while (s->out.len > 0) {
        long n = write_some(s, buf_span(&s->out), s->file_left > 0);

        if (n <= 0)
            return false;
        buf_consume(&s->out, (size_t)n);
    }
    return true;
}

/* Behind TLS a file passes through the process, a record at a time. */
static long send_file_tls(struct stream *s)
{
    static char piece[TLS_FILE_CHUNK];
    size_t want = s->file_left < sizeof(piece) ? s->file_left : sizeof(piece);
    ssize_t got = pread(s->file_fd, piece, want, s->file_at);
    long n;

    if (got <= 0) {
        stream_fail_later(s, STREAM_ERROR, got == 0 ? "the file to be sent ended early" : strerror(errno));
        return -1;
    }
    /* OpenSSL wants the same bytes again after "not now": they are, the file does not change under us. */
    n = stream_tls_write(s, (span){ piece, (size_t)got });
    if (n > 0)
        s->file_at += n;
    return n;
}

static long send_file_plain(struct stream *s)
{
    ssize_t n;

    do
        n = sendfile(s->fd, s->file_fd, &s->file_at, s->file_left < FILE_CHUNK ? s->file_left : FILE_CHUNK);
    while (n < 0 && errno == EINTR);
    if (n > 0)
        return n;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        s->blocked = true;
        return 0;
    }
    if (n == 0)
        stream_fail_later(s, STREAM_ERROR, "the file to be sent ended early");
    else
        write_failed(s, "sendfile");
    return -1;
}

static long send_lent(struct stream *s)
{
    long n = write_some(s, (span){ s->file_bytes + s->file_at, s->file_left }, s->after.len > 0);

    if (n > 0)
        s->file_at += n;
    return n;
}

static bool write_file(struct stream *s)
{
    while (s->file_left > 0) {
        long n = s->file_fd < 0 ? send_lent(s) : s->tls != NULL ? send_file_tls(s) : send_file_plain(s);

        if (n <= 0)
            return false;
        s->file_left -= (size_t)n;
    }
    return true;
}

/* What came behind the file is the queue now. */
static bool write_after(struct stream *s)
{
    struct buf empty = s->out;

    if (s->after.len == 0)
        return true;
    s->out = s->after;
    s->after = empty;
    return write_queue(s);
}

/* A close while the peer's bytes are unread makes the kernel send a reset, and that can destroy our last words on
 * their way (RFC 1122 section 4.2.2.13): so the peer is first heard out. */
static void last_words_are_out(struct stream *s)
{
    int unread = 0;

    if (s->tls != NULL || s->eof || (stream_in(s).n == 0 && (ioctl(s->fd, FIONREAD, &unread) != 0 || unread == 0))) {
        stream_shut(s);
        return;
    }
    shutdown(s->fd, SHUT_WR);
    s->resting = true;
}

static void drained(struct stream *s, bool in_loop)
{
    if (s->lingering) {
        last_words_are_out(s);
        return;
    }
    if (!s->tell_drained || s->ended || s->handler->on_drained == NULL)
        return;
    if (!in_loop)
        return;                              /* the flush that is deferred tells */
    s->tell_drained = false;
    s->handler->on_drained(s, s->arg);
}

static void flush_task(void *arg)
{
    stream_write_now(arg, true);
}

static void flush_at_end_of_turn(struct stream *s)
{
    if (!s->connecting && !s->blocked)
        loop_defer(s->loop, &s->flush, flush_task, s);
}

void stream_write_now(struct stream *s, bool in_loop)
{
    if (s->closed || s->out_dead || s->connecting || s->handshaking || s->resting)
        return;
    s->blocked = false;
    if (write_queue(s) && write_file(s) && write_after(s)) {
        buf_shrink(&s->out);
        buf_shrink(&s->after);
        drained(s, in_loop);
    }
    if (!s->closed)
        stream_update_want(s);
}

void stream_write(struct stream *s, span bytes)
{
    if (s->closed || s->out_dead || bytes.n == 0)
        return;
    /* What the kernel still takes needs no room here. */
    if (s->out.len + s->after.len + bytes.n > s->out_limit && !s->blocked)
        stream_write_now(s, false);
    if (s->out_dead)
        return;
    if (s->out.len + s->after.len + bytes.n > s->out_limit) {
        stream_fail_later(s, STREAM_OVERFLOW, "the peer does not read what we send");
        return;
    }
    buf_append(s->file_left > 0 ? &s->after : &s->out, bytes);
    s->tell_drained = true;
    if (s->connecting)
        stream_update_want(s);
    flush_at_end_of_turn(s);
}

size_t stream_out_pending(const struct stream *s)
{
    return s->out.len + s->after.len + s->file_left;
}

void stream_flush(struct stream *s)
{
    stream_write_now(s, false);
    if (s->handler->on_drained == NULL)
        loop_task_cancel(&s->flush);
}

static void send_slot(struct stream *s, int fd, const char *bytes, off_t offset, size_t length)
{
    assert(s->file_left == 0 && s->after.len == 0);   /* one file at a time */
    if (s->closed || s->out_dead)
        return;
    s->file_fd = fd;
    s->file_bytes = bytes;
    s->file_at = offset;
    s->file_left = length;
    s->tell_drained = true;
    flush_at_end_of_turn(s);
}

void stream_send_file(struct stream *s, int fd, off_t offset, size_t length)
{
    send_slot(s, fd, NULL, offset, length);
}

void stream_send_lent(struct stream *s, span bytes)
{
    send_slot(s, -1, bytes.p, 0, bytes.n);
}

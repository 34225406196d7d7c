/* ctl_server.c - the control socket of a daemon: connections, requests and their replies.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/app/ctl_server.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/app/ctl_wire.h"
#include "lib/base/alloc.h"
#include "lib/net/listener.h"

enum {
    CLIENTS_MAX = 64,
    REQUEST_MS = 30 * 1000,          /* from its first byte to its last */
    REPLY_LIMIT = 16 * 1024 * 1024,  /* what a client that does not read may pile up */
    PIECE_BYTES = 32 * 1024,         /* of output in one netstring */
};

struct conn {
    struct conn *next, **link;
    struct ctl_server *server;
    int fd;
    struct loop_io io;
    struct loop_timer timer;
    struct loop_task end_task;
    struct buf in, out;
    int fds[CTL_FDS_MAX];
    size_t n_fds;
    struct ctl_request *request;     /* under way; NULL: reading the next one */
    bool from_listener, gone;
    void (*done)(void *arg);
    void *arg;
};

struct ctl_request {
    struct conn *conn;
    char *words;                     /* the arguments, each ended by NUL */
    span *argv;
    size_t argc, skip;               /* words of the command's own name */
    int fds[CTL_FDS_MAX];
    size_t n_fds;
};

struct ctl_server {
    struct loop *loop;
    const struct ctl_command *const *tables;
    size_t n_tables;
    void *arg;
    struct listener *listener;
    struct conn *conns;
};

/* ---- connections ---- */

static void close_fds(int *fds, size_t *n)
{
    for (size_t i = 0; i < *n; i++)
        close(fds[i]);
    *n = 0;
}

static void conn_free(struct conn *c)
{
    loop_io_stop(&c->io);
    loop_timer_stop(&c->timer);
    loop_task_cancel(&c->end_task);
    close(c->fd);
    close_fds(c->fds, &c->n_fds);
    buf_free(&c->in);
    buf_free(&c->out);
    *c->link = c->next;
    if (c->next != NULL)
        c->next->link = c->link;
    if (c->from_listener && c->server->listener != NULL)
        listener_client_gone(c->server->listener);
    free(c);
}

static void on_end_task(void *arg)
{
    struct conn *c = arg;
    void (*done)(void *) = c->done;
    void *done_arg = c->arg;

    conn_free(c);
    if (done != NULL)
        done(done_arg);
}

/* The client has left, or must: the object goes at the end of the turn, or with its request. */
static void conn_end(struct conn *c)
{
    if (c->gone)
        return;
    c->gone = true;
    loop_io_stop(&c->io);
    loop_timer_stop(&c->timer);
    buf_reset(&c->out);
    if (c->request == NULL && c->end_task.link == NULL)
        loop_defer(c->server->loop, &c->end_task, on_end_task, c);
}

static void on_request_timeout(void *arg)
{
    conn_end(arg);
}

static void conn_want(struct conn *c)
{
    if (!c->gone)
        loop_io_want(&c->io, LOOP_READ | (c->out.len > 0 ? LOOP_WRITE : 0));
}

static void conn_flush(struct conn *c)
{
    while (!c->gone && c->out.len > 0) {
        span s = buf_span(&c->out);
        ssize_t n = send(c->fd, s.p, s.n, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN) {
            conn_end(c);
            return;
        }
        if (n < 0)
            break;
        buf_consume(&c->out, (size_t)n);
    }
    conn_want(c);
}

/* One netstring: a kind and a piece of text. */
static void put_piece(struct conn *c, char kind, span text)
{
    if (c->gone)
        return;
    buf_printf(&c->out, "%zu:%c", text.n + 1, kind);
    buf_append(&c->out, text);
    buf_append_char(&c->out, ',');
    if (c->out.overflow)
        conn_end(c);
    else
        conn_want(c);
}

static void put_text(struct conn *c, char kind, span text)
{
    for (; text.n > 0; text = span_from(text, PIECE_BYTES))
        put_piece(c, kind, span_head(text, PIECE_BYTES));
}

/* ---- dispatch ---- */

/* How many words of the request the name takes ("policy explain": 2), or 0 when it is another. */
static size_t name_matches(const char *name, const struct ctl_request *r)
{
    span rest = span_str(name), word;
    size_t n = 0;

    while (span_next(&rest, ' ', &word)) {
        if (n >= r->argc || !span_eq(word, r->argv[n]))
            return 0;
        n++;
    }
    return n;
}

static void print_commands(struct ctl_request *r)
{
    const struct ctl_server *s = r->conn->server;

    for (size_t t = 0; t < s->n_tables; t++)
        for (const struct ctl_command *c = s->tables[t]; c != NULL && c->name != NULL; c++)
            ctl_print(r, "%s%s%s\n    %s\n", c->name, c->args != NULL && c->args[0] != '\0' ? " " : "", c->args != NULL ? c->args : "",
                      c->help != NULL ? c->help : "");
}

static void dispatch(struct ctl_request *r)
{
    struct ctl_server *s = r->conn->server;
    const struct ctl_command *best = NULL;

    for (size_t t = 0; t < s->n_tables; t++)
        for (const struct ctl_command *c = s->tables[t]; c != NULL && c->name != NULL; c++) {
            size_t n = name_matches(c->name, r);

            if (n > r->skip) {
                best = c;
                r->skip = n;
            }
        }
    if (best != NULL) {
        best->run(r, s->arg);
    } else if (r->argc > 0 && span_eq(r->argv[0], SPAN("help"))) {
        print_commands(r);
        ctl_finish(&r, 0);
    } else {
        ctl_complain(r, "no such command here: %.*s (help lists them)\n", SPAN_ARG(r->argc > 0 ? r->argv[0] : SPAN("")));
        ctl_finish(&r, 64);
    }
}

/* The payload: words that each end with NUL. */
static struct ctl_request *request_new(struct conn *c, span payload)
{
    struct ctl_request *r = xcalloc(1, sizeof *r);
    span rest;

    r->conn = c;
    r->words = xmalloc(payload.n + 1);
    memcpy(r->words, payload.p, payload.n);
    rest = span_of(r->words, payload.n);
    for (size_t i = 0; i < payload.n; i++)
        r->argc += r->words[i] == '\0';
    r->argv = xcalloc(r->argc + 1, sizeof *r->argv);
    for (size_t i = 0; i < r->argc; i++)
        span_next(&rest, '\0', &r->argv[i]);
    memcpy(r->fds, c->fds, sizeof r->fds);
    r->n_fds = c->n_fds;
    c->n_fds = 0;
    return r;
}

/* One at a time: the next is looked at when this one has been answered and the answer has been read. */
static void take_request(struct conn *c)
{
    enum ns_status status;
    span payload;
    size_t used;

    if (c->gone || c->request != NULL || c->end_task.link != NULL || c->out.len > 0)
        return;
    status = netstring_decode(buf_span(&c->in), CTL_REQUEST_MAX, &payload, &used);
    if (status == NS_MORE) {
        if (c->in.len > 0 && !loop_timer_active(&c->timer))
            loop_timer_start(c->server->loop, &c->timer, REQUEST_MS, on_request_timeout, c);
        return;
    }
    if (status != NS_OK || payload.n == 0 || payload.p[payload.n - 1] != '\0') {
        conn_end(c);
        return;
    }
    loop_timer_stop(&c->timer);
    c->request = request_new(c, payload);
    buf_consume(&c->in, used);
    buf_shrink(&c->in);
    dispatch(c->request);            /* may finish it at once */
}

/* ---- reading ---- */

/* false: too many descriptors, or some that did not come through. */
static bool take_fds(struct conn *c, struct msghdr *m)
{
    bool ok = (m->msg_flags & MSG_CTRUNC) == 0;

    for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h != NULL; h = CMSG_NXTHDR(m, h)) {
        if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(h) + i * sizeof fd, sizeof fd);
            if (c->n_fds < CTL_FDS_MAX) {
                c->fds[c->n_fds++] = fd;
            } else {
                close(fd);
                ok = false;
            }
        }
    }
    return ok;
}

static void conn_read(struct conn *c)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(CTL_FDS_MAX * sizeof(int))];
    } control;
    char bytes[16 * 1024];
    struct iovec iov = { .iov_base = bytes, .iov_len = sizeof bytes };
    struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes };
    ssize_t n = recvmsg(c->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0 || !take_fds(c, &m) || !buf_append(&c->in, span_of(bytes, (size_t)n))) {
        conn_end(c);
        return;
    }
    take_request(c);
}

static void on_io(int events, void *arg)
{
    struct conn *c = arg;

    if ((events & LOOP_WRITE) != 0 && c->out.len > 0) {
        conn_flush(c);
        take_request(c);
    }
    if (!c->gone && (events & LOOP_READ) != 0)
        conn_read(c);
}

static struct conn *conn_new(struct ctl_server *s, int fd)
{
    struct conn *c = xcalloc(1, sizeof *c);

    c->server = s;
    c->fd = fd;
    buf_init(&c->in, CTL_REQUEST_MAX + 32);
    buf_init(&c->out, REPLY_LIMIT);
    c->next = s->conns;
    c->link = &s->conns;
    if (c->next != NULL)
        c->next->link = &c->next;
    s->conns = c;
    if (loop_io_start(s->loop, &c->io, fd, LOOP_READ, on_io, c) < 0)
        conn_end(c);
    return c;
}

static void on_client(struct listener *l, int fd, void *arg)
{
    (void)l;
    conn_new(arg, fd)->from_listener = true;
}

static const struct listener_handler listener_handler = { .on_client = on_client };

/* ---- the server ---- */

struct ctl_server *ctl_server_new(struct loop *l, const struct ctl_command *const *tables, size_t n_tables, void *arg)
{
    struct ctl_server *s = xcalloc(1, sizeof *s);

    s->loop = l;
    s->tables = tables;
    s->n_tables = n_tables;
    s->arg = arg;
    return s;
}

int ctl_server_listen(struct ctl_server *s, const char *path, const char *group, struct errtext *err)
{
    char *address = xasprintf("unix:%s", path);
    struct listener_spec spec = { .address = address, .group = group, .mode = 0660, .backlog = 16, .max_clients = CLIENTS_MAX };

    s->listener = listener_bind(&spec, err);
    free(address);
    if (s->listener == NULL)
        return -1;
    if (listener_start(s->listener, s->loop, &listener_handler, s) == 0)
        return 0;
    errtext_errno(err, "cannot accept on %s", path);
    listener_close(&s->listener, true);
    return -1;
}

void ctl_server_serve(struct ctl_server *s, int fd, void (*done)(void *arg), void *arg)
{
    struct conn *c = conn_new(s, fd);

    c->done = done;
    c->arg = arg;
}

void ctl_server_free(struct ctl_server **sp)
{
    struct ctl_server *s = *sp;

    *sp = NULL;
    if (s == NULL)
        return;
    while (s->conns != NULL) {
        struct conn *c = s->conns;

        if (c->request != NULL) {
            struct ctl_request *r = c->request;

            ctl_complain(r, "the daemon ends\n");
            ctl_finish(&r, 2);
        }
        conn_flush(c);
        conn_free(c);
    }
    listener_close(&s->listener, true);
    free(s);
}

/* ---- requests ---- */

size_t ctl_argc(const struct ctl_request *r)
{
    return r->argc - r->skip;
}

span ctl_arg(const struct ctl_request *r, size_t i)
{
    return i < ctl_argc(r) ? r->argv[r->skip + i] : (span){ NULL, 0 };
}

bool ctl_option(const struct ctl_request *r, const char *name, span *value_out)
{
    span want = span_str(name);

    for (size_t i = 0; i < ctl_argc(r); i++) {
        span a = ctl_arg(r, i);

        if (!span_starts(a, want) || (a.n > want.n && a.p[want.n] != '='))
            continue;
        if (value_out != NULL)
            *value_out = span_from(a, want.n + 1);
        return true;
    }
    return false;
}

size_t ctl_fds(const struct ctl_request *r, const int **fds_out)
{
    *fds_out = r->fds;
    return r->n_fds;
}

bool ctl_gone(const struct ctl_request *r)
{
    return r->conn->gone;
}

void ctl_write(struct ctl_request *r, span text)
{
    put_text(r->conn, 'o', text);
}

static void vprint(struct ctl_request *r, char kind, const char *fmt, va_list ap)
{
    struct buf b;

    if (r->conn->gone)
        return;
    buf_init(&b, REPLY_LIMIT);
    buf_vprintf(&b, fmt, ap);
    put_text(r->conn, kind, buf_span(&b));
    buf_free(&b);
}

void ctl_print(struct ctl_request *r, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vprint(r, 'o', fmt, ap);
    va_end(ap);
}

void ctl_complain(struct ctl_request *r, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vprint(r, 'e', fmt, ap);
    va_end(ap);
}

static void on_finished(void *arg)
{
    struct conn *c = arg;

    if (c->gone) {
        on_end_task(c);
        return;
    }
    conn_flush(c);
    if (!c->gone)
        take_request(c);             /* the next one may be here already */
}

void ctl_finish(struct ctl_request **rp, int exit_status)
{
    struct ctl_request *r = *rp;
    struct conn *c = r->conn;
    char text[16];

    *rp = NULL;
    snprintf(text, sizeof text, "%d", exit_status);
    put_piece(c, 'x', span_str(text));
    close_fds(r->fds, &r->n_fds);
    free(r->argv);
    free(r->words);
    free(r);
    c->request = NULL;
    loop_defer(c->server->loop, &c->end_task, on_finished, c);
}

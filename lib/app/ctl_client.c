/* ctl_client.c - the other end of a control socket.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/app/ctl_client.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/app/ctl_server.h"
#include "lib/app/ctl_wire.h"

int ctl_client_connect(const char *path, struct errtext *err)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    int fd, saved;

    if (strlen(path) >= sizeof to.sun_path) {
        errno = ENAMETOOLONG;
        errtext_errno(err, "cannot connect to %s", path);
        return -1;
    }
    strcpy(to.sun_path, path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
        return fd;
    saved = errno;
    errtext_errno(err, "cannot connect to %s", path);
    if (fd >= 0)
        close(fd);
    errno = saved;
    return -1;
}

/* The descriptors travel with the first byte. */
static ssize_t send_some(int sock, span s, const int *fds, size_t n_fds)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(CTL_FDS_MAX * sizeof(int))];
    } control = { .bytes = { 0 } };
    struct iovec iov = { .iov_base = (void *)(uintptr_t)s.p, .iov_len = s.n };
    struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

    if (n_fds > 0) {
        m.msg_control = control.bytes;
        m.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
        struct cmsghdr *h = CMSG_FIRSTHDR(&m);
        h->cmsg_level = SOL_SOCKET;
        h->cmsg_type = SCM_RIGHTS;
        h->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
        memcpy(CMSG_DATA(h), fds, n_fds * sizeof(int));
    }
    return sendmsg(sock, &m, MSG_NOSIGNAL);
}

static int send_request(int sock, span s, const int *fds, size_t n_fds, struct errtext *err)
{
    while (s.n > 0) {
        ssize_t n = send_some(sock, s, fds, n_fds);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            errtext_errno(err, "cannot send the request");
            return -1;
        }
        n_fds = 0;
        s = span_from(s, (size_t)n);
    }
    return 0;
}

/* One piece of the reply.  1: it was the exit status. */
static int take_piece(span payload, ctl_output_fn *fn, void *arg, int *status_out, struct errtext *err)
{
    span rest = span_from(payload, 1);
    uint64_t status;

    switch (payload.n > 0 ? payload.p[0] : '\0') {
    case 'o':
    case 'e':
        fn(payload.p[0] == 'e', rest, arg);
        return 0;
    case 'x':
        if (!span_to_u64(rest, &status) || status > 255)
            break;
        *status_out = (int)status;
        return 1;
    default:
        break;
    }
    errtext_set(err, "the reply is not one of a Gatepost daemon");
    return -1;
}

/* Whole netstrings off the head of `in`. */
static int take_pieces(struct buf *in, ctl_output_fn *fn, void *arg, int *status_out, struct errtext *err)
{
    for (;;) {
        span payload;
        size_t used;
        enum ns_status got = netstring_decode(buf_span(in), CTL_PIECE_MAX, &payload, &used);
        int r;

        if (got == NS_MORE)
            return 0;
        if (got != NS_OK) {
            errtext_set(err, "the reply is not one of a Gatepost daemon");
            return -1;
        }
        r = take_piece(payload, fn, arg, status_out, err);
        buf_consume(in, used);
        if (r != 0)
            return r;
    }
}

static int read_reply(int sock, ctl_output_fn *fn, void *arg, struct errtext *err)
{
    struct buf in;
    int r = 0, status = -1;

    buf_init(&in, 2 * CTL_PIECE_MAX);
    while (r == 0) {
        char bytes[16 * 1024];
        ssize_t n = recv(sock, bytes, sizeof bytes, 0);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            if (n < 0 && errno != ECONNRESET)
                errtext_errno(err, "cannot read the reply");
            else
                errtext_set(err, "the daemon ended or closed the connection without an answer; its log may say why");
            r = -1;
            break;
        }
        if (!buf_append(&in, span_of(bytes, (size_t)n))) {
            errtext_set(err, "the reply is not one of a Gatepost daemon");
            r = -1;
            break;
        }
        r = take_pieces(&in, fn, arg, &status, err);
    }
    buf_free(&in);
    return r > 0 ? status : -1;
}

int ctl_client_call(int sock, const char *const *argv, size_t argc, const int *fds, size_t n_fds, ctl_output_fn *fn, void *arg,
                    struct errtext *err)
{
    struct buf words, frame;
    int r = -1;

    buf_init(&words, CTL_REQUEST_MAX);
    buf_init(&frame, CTL_REQUEST_MAX + NETSTRING_HEADER_MAX + 1);
    for (size_t i = 0; i < argc; i++) {
        buf_append_str(&words, argv[i]);
        buf_append_char(&words, '\0');
    }
    if (n_fds > CTL_FDS_MAX || words.overflow)
        errtext_set(err, "the request is too long");
    else if (netstring_append(&frame, buf_span(&words)) && send_request(sock, buf_span(&frame), fds, n_fds, err) == 0)
        r = read_reply(sock, fn, arg, err);
    buf_free(&words);
    buf_free(&frame);
    return r;
}

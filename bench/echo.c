/* echo.c - the limit to measure by: a bare epoll server that answers each request with fixed bytes.
 *
 * echo socketmap|policy PATH: listens on a unix socket; finds the end of each request (a netstring's comma by its length, a
 * policy request's empty line) and writes one reply.  No parsing beyond that, no state, one thread.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <err.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { ROOM = 64 * 1024, CLIENTS = 20000 };

struct client {
    size_t n;
    char in[ROOM];
};

static struct client *clients[CLIENTS];
static bool policy;

/* Length of the first whole request, 0 when there is none. */
static size_t request_length(const char *in, size_t n)
{
    char *end;
    unsigned long len;

    if (policy) {
        const char *p = memmem(in, n, "\n\n", 2);

        return p != NULL ? (size_t)(p - in) + 2 : 0;
    }
    if (memchr(in, ':', n < 8 ? n : 8) == NULL)
        return 0;
    len = strtoul(in, &end, 10);
    return (size_t)(end - in) + len + 2 <= n ? (size_t)(end - in) + len + 2 : 0;
}

static void serve(int fd)
{
    static const char policy_reply[] = "action=DUNNO\n\n", map_reply[] = "4:OK x,";
    struct client *c = clients[fd];
    ssize_t got = read(fd, c->in + c->n, ROOM - c->n);
    char out[ROOM];
    size_t used, n_out = 0, at = 0, reply_n = policy ? sizeof(policy_reply) - 1 : sizeof(map_reply) - 1;

    if (got <= 0) {
        close(fd);
        c->n = 0;
        return;
    }
    c->n += (size_t)got;
    while ((used = request_length(c->in + at, c->n - at)) > 0 && n_out + reply_n <= sizeof(out)) {
        memcpy(out + n_out, policy ? policy_reply : map_reply, reply_n);
        n_out += reply_n;
        at += used;
    }
    memmove(c->in, c->in + at, c->n - at);
    c->n -= at;
    if (n_out > 0 && write(fd, out, n_out) != (ssize_t)n_out)
        close(fd);
}

static int listen_at(const char *path)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

    strncpy(un.sun_path, path, sizeof(un.sun_path) - 1);
    unlink(path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&un, sizeof(un)) != 0 || listen(fd, 4096) != 0)
        err(1, "%s", path);
    return fd;
}

int main(int argc, char **argv)
{
    struct epoll_event ev = { .events = EPOLLIN }, got[256];
    int ep = epoll_create1(0), listening;

    if (argc != 3)
        errx(64, "usage: echo socketmap|policy PATH");
    policy = strcmp(argv[1], "policy") == 0;
    ev.data.fd = listening = listen_at(argv[2]);
    epoll_ctl(ep, EPOLL_CTL_ADD, listening, &ev);
    for (;;) {
        int n = epoll_wait(ep, got, 256, -1);

        for (int i = 0; i < n; i++) {
            int fd = got[i].data.fd;

            if (fd != listening) {
                serve(fd);
                continue;
            }
            fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK);
            if (fd < 0 || fd >= CLIENTS)
                continue;
            if (clients[fd] == NULL)
                clients[fd] = calloc(1, sizeof(struct client));
            if (clients[fd] == NULL)
                err(1, "memory");
            clients[fd]->n = 0;
            ev.data.fd = fd;
            epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
        }
    }
}

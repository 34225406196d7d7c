/* smtp_sink.c - the next hop of the filters that are measured: takes every message and forgets it.
 *
 * smtp_sink PORT: one epoll process, any number of connections and of transactions on each, pipelining, XFORWARD.
 * "COUNT" is answered with "250 <messages> <bytes>": what has come, that is, what nobody lost.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/parts/local.h"

enum { ROOM = 128 * 1024, LINE = 2048, OUT = 4096, CLIENTS = 20000, TAIL = 5 };

struct client {
    bool in_data;
    size_t n_line;
    char line[LINE];
    char tail[TAIL];             /* the last bytes of the message so far */
    size_t n_out;
    char out[OUT];
};

static struct client *clients[CLIENTS];
static unsigned long long messages, bytes;

static void say(struct client *c, const char *text)
{
    size_t n = strlen(text);

    if (c->n_out + n > OUT)
        errx(1, "too many commands at once");
    memcpy(c->out + c->n_out, text, n);
    c->n_out += n;
}

/* false: the client wants to go. */
static bool obey(struct client *c)
{
    char count[80];

    if (strncasecmp(c->line, "EHLO", 4) == 0) {
        say(c, "250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-DSN\r\n250 XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE\r\n");
    } else if (strncasecmp(c->line, "DATA", 4) == 0) {
        c->in_data = true;
        memcpy(c->tail, "xxx\r\n", TAIL);
        say(c, "354 go on\r\n");
    } else if (strncasecmp(c->line, "QUIT", 4) == 0) {
        say(c, "221 bye\r\n");
        return false;
    } else if (strncasecmp(c->line, "COUNT", 5) == 0) {
        snprintf(count, sizeof(count), "250 %llu %llu\r\n", messages, bytes);
        say(c, count);
    } else {
        say(c, "250 2.0.0 Ok\r\n");
    }
    return true;
}

/* Takes data up to the end of the message; bytes used. */
static size_t take_data(struct client *c, const char *p, size_t n)
{
    static const char end[] = "\r\n.\r\n";
    char seam[2 * TAIL];
    size_t head = n < TAIL ? n : TAIL;
    const char *found;
    size_t used = n;

    memcpy(seam, c->tail, TAIL);
    memcpy(seam + TAIL, p, head);
    if ((found = memmem(seam, TAIL + head, end, TAIL)) != NULL)
        used = (size_t)(found - seam);
    else if ((found = memmem(p, n, end, TAIL)) != NULL)
        used = (size_t)(found - p) + TAIL;
    bytes += used;
    if (found != NULL) {
        messages++;
        c->in_data = false;
        say(c, "250 2.0.0 Ok: taken\r\n");
    } else if (n >= TAIL) {
        memcpy(c->tail, p + n - TAIL, TAIL);
    } else {
        memmove(c->tail, c->tail + n, TAIL - n);
        memcpy(c->tail + TAIL - n, p, n);
    }
    return used;
}

static bool take_commands(struct client *c, const char *p, size_t n, size_t *used_out)
{
    const char *nl = memchr(p, '\n', n);
    size_t used = nl != NULL ? (size_t)(nl - p) + 1 : n;

    if (c->n_line + used >= LINE)
        errx(1, "a line is too long");
    memcpy(c->line + c->n_line, p, used);
    c->n_line += used;
    c->line[c->n_line] = '\0';
    *used_out = used;
    if (nl == NULL)
        return true;
    c->n_line = 0;
    return obey(c);
}

static void serve(int fd)
{
    static char in[ROOM];
    struct client *c = clients[fd];
    ssize_t got = read(fd, in, sizeof(in));
    bool stays = got > 0;

    c->n_out = 0;
    for (size_t at = 0; stays && at < (size_t)got;) {
        size_t used;

        if (c->in_data)
            used = take_data(c, in + at, (size_t)got - at);
        else
            stays = take_commands(c, in + at, (size_t)got - at, &used);
        at += used;
    }
    if (c->n_out > 0 && write(fd, c->out, c->n_out) != (ssize_t)c->n_out)
        stays = false;
    if (!stays)
        close(fd);
}

static void greet(int ep, int listening)
{
    struct epoll_event ev = { .events = EPOLLIN };
    int fd = accept(listening, NULL, NULL), on = 1;

    if (fd < 0 || fd >= CLIENTS)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (clients[fd] == NULL && (clients[fd] = malloc(sizeof(struct client))) == NULL)
        err(1, "memory");
    clients[fd]->in_data = false;
    clients[fd]->n_line = 0;
    ev.data.fd = fd;
    epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
    if (write(fd, "220 sink ESMTP\r\n", 16) != 16)
        close(fd);
}

int main(int argc, char **argv)
{
    struct epoll_event ev = { .events = EPOLLIN }, got[256];
    int ep = epoll_create1(0), listening;

    if (argc != 2)
        errx(64, "usage: smtp_sink PORT");
    ev.data.fd = listening = local_listen(argv[1]);
    epoll_ctl(ep, EPOLL_CTL_ADD, listening, &ev);
    for (;;) {
        int n = epoll_wait(ep, got, 256, -1);

        for (int i = 0; i < n; i++) {
            if (got[i].data.fd == listening)
                greet(ep, listening);
            else
                serve(got[i].data.fd);
        }
    }
}

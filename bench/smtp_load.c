/* smtp_load.c - gives messages to an SMTP proxy as Postfix' smtpd does, and tells how long the reply to the final dot takes.
 *
 * smtp_load PORT FILE SESSIONS MESSAGES FIRST: so many connections at once, one message on each, a command at a time, the message and its
 * end in one write, QUIT without waiting for the answer.  Message number FIRST and the following ones: no two are alike.
 * Prints "messages seconds p50_us p99_us bad"; bad ones got something else than 250 at the end.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/parts/local.h"
#include "bench/parts/message.h"

enum { REPLY = 4096, SESSIONS_MAX = 1000 };

enum phase { GREETING, EHLO, XFORWARD, MAIL, RCPT, DATA, BODY };

struct session {
    int fd;
    enum phase phase;
    bool writing;                /* the message, with EPOLLOUT */
    struct message message;      /* this session's copy */
    size_t sent, n_in;
    int64_t dot_us;
    char in[REPLY];
};

static int ep;
static const char *port, *file;
static uint64_t next_number, left, unfinished, bad;
static struct local_times times;

static void watch(struct session *s, int op, uint32_t events)
{
    struct epoll_event ev = { .events = events, .data.ptr = s };

    if (epoll_ctl(ep, op, s->fd, &ev) != 0)
        err(1, "epoll_ctl");
}

static void begin(struct session *s)
{
    if (left == 0)
        return;
    left--;
    unfinished++;
    s->fd = local_connect(port);
    fcntl(s->fd, F_SETFL, O_NONBLOCK);
    s->phase = GREETING;
    s->n_in = s->sent = 0;
    s->writing = false;
    message_number(&s->message, next_number++);
    watch(s, EPOLL_CTL_ADD, EPOLLIN);
}

static void end(struct session *s)
{
    close(s->fd);
    unfinished--;
    begin(s);
}

static void failed(struct session *s, const char *why)
{
    if (bad++ == 0)
        warnx("%s (phase %d): %.*s", why, s->phase, (int)s->n_in, s->in);
    end(s);
}

static void say(struct session *s, const char *line, enum phase next)
{
    size_t n = strlen(line);

    s->phase = next;
    if (send(s->fd, line, n, MSG_NOSIGNAL) != (ssize_t)n)
        failed(s, "cannot be written to");
}

static void write_message(struct session *s)
{
    while (s->sent < s->message.n) {
        ssize_t n = send(s->fd, s->message.bytes + s->sent, s->message.n - s->sent, MSG_NOSIGNAL);

        if (n < 0 && errno == EAGAIN) {
            if (!s->writing)
                watch(s, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
            s->writing = true;
            return;
        }
        if (n <= 0) {
            failed(s, "does not take the message");
            return;
        }
        s->sent += (size_t)n;
    }
    if (s->writing)
        watch(s, EPOLL_CTL_MOD, EPOLLIN);
    s->writing = false;
    s->dot_us = local_now_us();
}

static void answered(struct session *s)
{
    local_times_add(&times, local_now_us() - s->dot_us);
    if (strncmp(s->in, "250", 3) != 0)
        failed(s, "does not accept the message");
    else {
        (void)!send(s->fd, "QUIT\r\n", 6, MSG_NOSIGNAL);
        end(s);
    }
}

static void go_on(struct session *s)
{
    static const char xforward[] = "XFORWARD NAME=client.example.org ADDR=192.0.2.7 PORT=40123 PROTO=ESMTP HELO=client.example.org\r\n";
    char expected = s->phase == DATA ? '3' : '2';

    if (s->phase != BODY && s->in[0] != expected) {
        failed(s, "refuses");
        return;
    }
    switch (s->phase) {
    case GREETING:
        say(s, "EHLO mx.example.com\r\n", EHLO);
        break;
    case EHLO:
        if (strstr(s->in, "XFORWARD") != NULL)
            say(s, xforward, XFORWARD);
        else
            say(s, "MAIL FROM:<alice@sender.example>\r\n", MAIL);
        break;
    case XFORWARD:
        say(s, "MAIL FROM:<alice@sender.example>\r\n", MAIL);
        break;
    case MAIL:
        say(s, "RCPT TO:<bob@example.com>\r\n", RCPT);
        break;
    case RCPT:
        say(s, "DATA\r\n", DATA);
        break;
    case DATA:
        s->phase = BODY;
        write_message(s);
        break;
    case BODY:
        answered(s);
        break;
    }
}

/* A whole reply ends in a line whose fourth character is no "-". */
static bool whole(const char *reply, size_t n)
{
    const char *line = reply, *last = reply;

    if (n == 0 || reply[n - 1] != '\n')
        return false;
    for (const char *nl; (nl = strchr(line, '\n')) != NULL; line = nl + 1)
        last = line;
    return strlen(last) >= 4 && last[3] != '-';
}

static void hear(struct session *s)
{
    ssize_t n = read(s->fd, s->in + s->n_in, REPLY - 1 - s->n_in);

    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        failed(s, "closed the connection");
        return;
    }
    s->n_in += (size_t)n;
    s->in[s->n_in] = '\0';
    if (!whole(s->in, s->n_in))
        return;
    s->n_in = 0;
    go_on(s);
}

int main(int argc, char **argv)
{
    static struct session sessions[SESSIONS_MAX];
    struct epoll_event got[SESSIONS_MAX];
    int64_t begun;
    int n_sessions;

    if (argc != 6 || (n_sessions = atoi(argv[3])) < 1 || n_sessions > SESSIONS_MAX)
        errx(64, "usage: smtp_load PORT FILE SESSIONS MESSAGES FIRST");
    port = argv[1];
    file = argv[2];
    left = strtoull(argv[4], NULL, 10);
    next_number = strtoull(argv[5], NULL, 10);
    local_times_init(&times, left);
    ep = epoll_create1(0);
    for (int i = 0; i < n_sessions; i++)
        message_load(&sessions[i].message, file, "\r\n.\r\n");
    begun = local_now_us();
    for (int i = 0; i < n_sessions; i++)
        begin(&sessions[i]);
    while (unfinished > 0) {
        int n = epoll_wait(ep, got, SESSIONS_MAX, 60000);

        if (n == 0)
            errx(1, "no answer for a minute");
        for (int i = 0; i < n; i++) {
            struct session *s = got[i].data.ptr;

            if ((got[i].events & EPOLLOUT) != 0 && s->writing)
                write_message(s);
            else
                hear(s);
        }
    }
    local_times_print(&times, local_now_us() - begun, bad);
    return 0;
}

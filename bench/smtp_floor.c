/* smtp_floor.c - the limit to measure a filter by: a bare pass-through proxy that looks at nothing.
 *
 * smtp_floor PORT NEXT_PORT WORKERS: so many blocking processes accept from one socket.  A message is taken whole; then a connection of its
 * own to the next hop, EHLO, XFORWARD, the envelope and DATA in one write, the message in another, and the reply is passed back.
 * No message is parsed, no reply but its first digit, and there are no limits: only what any proxy has to do.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <err.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <signal.h>
#include <unistd.h>

#include "bench/parts/local.h"

enum { FIRST_ROOM = 64 * 1024, LINES = 64 * 1024, REPLY = 4096 };

static const char *next_port;

/* What a client has said: commands kept for the next hop, then the message. */
struct taken {
    char *in;                    /* input: unread from `at` to `n` */
    size_t at, n, room;
    char xforward[LINES], envelope[LINES];
    size_t n_xforward, n_envelope, commands;
};

static bool put(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t done = send(fd, p, n, MSG_NOSIGNAL);

        if (done <= 0)
            return false;
        p += done;
        n -= (size_t)done;
    }
    return true;
}

static bool say(int fd, const char *text)
{
    return put(fd, text, strlen(text));
}

static bool fill(struct taken *t, int fd)
{
    ssize_t got;

    if (t->at == t->n)
        t->at = t->n = 0;
    if (t->room - t->n < FIRST_ROOM / 2) {
        t->room *= 2;
        if ((t->in = realloc(t->in, t->room)) == NULL)
            err(1, "memory");
    }
    got = read(fd, t->in + t->n, t->room - t->n);
    if (got <= 0)
        return false;
    t->n += (size_t)got;
    return true;
}

/* ---- the next hop ---- */

/* Reads whole replies until `wanted` have come; false when one is not of the class 2 or 3, whose text is left in `reply`. */
static bool replies(int fd, size_t wanted, char reply[REPLY])
{
    size_t n = 0;
    bool good = true;

    for (;;) {
        ssize_t got = read(fd, reply + n, REPLY - 1 - n);

        if (got <= 0)
            return false;
        n += (size_t)got;
        reply[n] = '\0';
        for (char *nl; (nl = strchr(reply, '\n')) != NULL;) {
            bool last = nl - reply < 4 || reply[3] != '-';

            good = good && (reply[0] == '2' || reply[0] == '3');
            if (last && --wanted == 0)
                return good;
            n -= (size_t)(nl + 1 - reply);
            memmove(reply, nl + 1, n + 1);
        }
    }
}

static bool pass_on(struct taken *t, size_t message, size_t end, char reply[REPLY])
{
    int fd = local_connect(next_port);
    bool ok = replies(fd, 1, reply) && say(fd, "EHLO floor\r\n") && replies(fd, 1, reply);

    if (ok && t->n_xforward > 0)
        ok = put(fd, t->xforward, t->n_xforward) && replies(fd, 1, reply);
    memcpy(t->envelope + t->n_envelope, "DATA\r\n", 6);
    ok = ok && put(fd, t->envelope, t->n_envelope + 6) && replies(fd, t->commands + 1, reply) &&
         put(fd, t->in + message, end - message) && replies(fd, 1, reply);
    if (ok)
        say(fd, "QUIT\r\n");
    close(fd);
    return ok;
}

/* ---- the client ---- */

static bool message(struct taken *t, int fd)
{
    static const char end[] = "\r\n.\r\n";
    static char reply[REPLY];
    size_t begin = t->at, seen = t->at;
    char *found;

    if (!say(fd, "354 go on\r\n"))
        return false;
    while ((found = memmem(t->in + seen, t->n - seen, end, 5)) == NULL) {
        seen = t->n - begin < 4 ? begin : t->n - 4;
        if (t->at == t->n) {             /* nothing of it yet: fill() would move the rest to the front */
            begin = seen = 0;
        }
        if (!fill(t, fd))
            return false;
        t->at = begin;
    }
    t->at = (size_t)(found - t->in) + 5;
    if (!pass_on(t, begin, t->at, reply))
        return say(fd, "451 4.3.0 The next server did not take it\r\n");
    t->n_xforward = t->n_envelope = t->commands = 0;
    return say(fd, reply);
}

static bool keep(char to[LINES], size_t *n, const char *line, size_t length)
{
    if (*n + length + 16 > LINES)
        return false;
    memcpy(to + *n, line, length);
    *n += length;
    return true;
}

static bool obey(struct taken *t, int fd, const char *line, size_t length)
{
    if (strncasecmp(line, "EHLO", 4) == 0)
        return say(fd, "250-floor\r\n250-8BITMIME\r\n250 XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE\r\n");
    if (strncasecmp(line, "XFORWARD", 8) == 0)
        return keep(t->xforward, &t->n_xforward, line, length) && say(fd, "250 Ok\r\n");
    if (strncasecmp(line, "MAIL", 4) == 0 || strncasecmp(line, "RCPT", 4) == 0) {
        t->commands++;
        return keep(t->envelope, &t->n_envelope, line, length) && say(fd, "250 Ok\r\n");
    }
    if (strncasecmp(line, "DATA", 4) == 0)
        return message(t, fd);
    say(fd, "221 bye\r\n");
    return false;
}

static void serve(int fd, struct taken *t)
{
    bool stays = say(fd, "220 floor ESMTP\r\n");

    t->at = t->n = t->n_xforward = t->n_envelope = t->commands = 0;
    while (stays) {
        char *nl = memchr(t->in + t->at, '\n', t->n - t->at);

        if (nl == NULL) {
            stays = fill(t, fd);
            continue;
        }
        size_t length = (size_t)(nl + 1 - (t->in + t->at));
        t->at += length;
        stays = obey(t, fd, nl + 1 - length, length);
    }
    close(fd);
}

static void work(int listening)
{
    struct taken *t = calloc(1, sizeof(*t));
    int on = 1;

    if (t == NULL || (t->in = malloc(t->room = FIRST_ROOM)) == NULL)
        err(1, "memory");
    for (;;) {
        int fd = accept(listening, NULL, NULL);

        if (fd < 0)
            continue;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        serve(fd, t);
    }
}

int main(int argc, char **argv)
{
    int listening;

    if (argc != 4)
        errx(64, "usage: smtp_floor PORT NEXT_PORT WORKERS");
    next_port = argv[2];
    listening = local_listen(argv[1]);
    for (int i = atoi(argv[3]); i > 0; i--) {
        if (fork() == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            work(listening);
        }
    }
    for (;;)
        pause();
}

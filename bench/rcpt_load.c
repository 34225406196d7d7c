/* rcpt_load.c - RCPT after RCPT to an smtpd in lock-step, 100 a mail, then RSET; tells how long one takes.
 *
 * rcpt_load PORT SECONDS KEYS: recipients user<n>@example.com, n counting up to KEYS and again.  Prints "requests seconds p50_us p99_us bad".
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { A_MAIL = 100, SAMPLES = 2000000 };

static int64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static int connect_to(int port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0)
        err(1, "port %d", port);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return fd;
}

/* The reply's first digit; a reply of several lines ends with "NNN ". */
static char reply(int fd)
{
    static char in[8192];
    size_t n = 0;

    for (;;) {
        ssize_t got = read(fd, in + n, sizeof(in) - n);
        const char *line = in;

        if (got <= 0)
            errx(1, "the server has closed");
        n += (size_t)got;
        if (n < 2 || in[n - 1] != '\n')
            continue;
        for (const char *p = in; p + 1 < in + n; p++) {
            if (*p == '\n')
                line = p + 1;
        }
        if (line + 3 < in + n && line[3] == ' ')
            return line[0];
    }
}

static char command(int fd, const char *line, size_t n)
{
    if (write(fd, line, n) != (ssize_t)n)
        err(1, "write");
    return reply(fd);
}

static char say(int fd, const char *line)
{
    return command(fd, line, strlen(line));
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    uint32_t *took = malloc(SAMPLES * sizeof(*took));
    uint64_t n = 0, bad = 0, keys;
    int64_t begun, end;
    int fd;

    if (argc != 4 || took == NULL)
        errx(64, "usage: rcpt_load PORT SECONDS KEYS");
    fd = connect_to(atoi(argv[1]));
    keys = strtoull(argv[3], NULL, 10);
    reply(fd);
    say(fd, "EHLO bench.example\r\n");
    begun = now_ns();
    end = begun + atoll(argv[2]) * 1000000000;
    while (now_ns() < end && n + A_MAIL < SAMPLES) {
        say(fd, "MAIL FROM:<a@sender.example>\r\n");
        for (int i = 0; i < A_MAIL; i++) {
            char line[128];
            int size = snprintf(line, sizeof(line), "RCPT TO:<user%llu@example.com>\r\n", (unsigned long long)(n % keys));
            int64_t at = now_ns();

            bad += command(fd, line, (size_t)size) != '2';
            took[n++] = (uint32_t)((now_ns() - at) / 1000);
        }
        say(fd, "RSET\r\n");
    }
    qsort(took, n, sizeof(*took), by_size);
    printf("%llu %.3f %u %u %llu\n", (unsigned long long)n, (double)(now_ns() - begun) / 1e9, took[n / 2], took[n - 1 - n / 100],
           (unsigned long long)bad);
    return 0;
}

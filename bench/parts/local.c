/* local.c - sockets of 127.0.0.1, the clock and percentiles.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "bench/parts/local.h"

#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

static struct sockaddr_in address(const char *port)
{
    return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

int local_listen(const char *port)
{
    struct sockaddr_in at = address(port);
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(fd, 1024) != 0)
        err(1, "port %s", port);
    return fd;
}

int local_connect(const char *port)
{
    struct sockaddr_in at = address(port);
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

    if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof(at)) != 0)
        err(1, "port %s", port);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

int64_t local_now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

void local_times_init(struct local_times *t, size_t max)
{
    *t = (struct local_times){ .us = malloc(max * sizeof(*t->us)), .max = max };
    if (t->us == NULL)
        err(1, "memory");
}

void local_times_add(struct local_times *t, int64_t us)
{
    if (t->n < t->max)
        t->us[t->n++] = (uint32_t)us;
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

void local_times_print(struct local_times *t, int64_t took_us, uint64_t bad)
{
    if (t->n == 0)
        errx(1, "no answers");
    qsort(t->us, t->n, sizeof(*t->us), by_value);
    printf("%zu %.4f %u %u %llu\n", t->n, (double)took_us / 1e6, t->us[t->n / 2], t->us[t->n * 99 / 100], (unsigned long long)bad);
}

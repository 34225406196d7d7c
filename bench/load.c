/* load.c - asks a server on a unix socket as fast as it answers, over so many connections, and tells rate and latency.
 *
 * load socketmap|policy PATH|PORT CONNECTIONS SECONDS KEYS: each connection has one request under way.  The request number r asks
 * for user<r % KEYS>@example.com.  Prints "requests seconds p50_us p99_us p999_us bad".
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <err.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "bench/parts/local.h"

enum { SAMPLES = 4000000, REQUEST_MAX = 2048 };

static bool policy;
static uint64_t next_request, keys;
static int64_t *sent_ns;            /* by descriptor */
static uint32_t *latency_us;
static size_t n_latency;
static uint64_t bad;

static int64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static size_t make_request(char *to)
{
    uint64_t r = next_request++;
    char payload[128];
    int n;

    if (!policy) {
        n = snprintf(payload, sizeof(payload), "recipients user%llu@example.com", (unsigned long long)(r % keys));
        return (size_t)snprintf(to, REQUEST_MAX, "%d:%s,", n, payload);
    }
    return (size_t)snprintf(
        to, REQUEST_MAX,
        "request=smtpd_access_policy\nprotocol_state=RCPT\nprotocol_name=ESMTP\nclient_address=10.%u.%u.%u\nclient_name=unknown\n"
        "client_port=47010\nreverse_client_name=unknown\nserver_address=127.0.0.1\nserver_port=25\nhelo_name=client.example.org\n"
        "sender=a%llu@sender.example\nrecipient=bob@example.com\nrecipient_count=0\nqueue_id=\ninstance=63f4.%llx.db0b7.0\nsize=1234\n"
        "etrn_domain=\nstress=\nsasl_method=\nsasl_username=\nsasl_sender=\nccert_subject=\nccert_issuer=\nccert_fingerprint=\n"
        "ccert_pubkey_fingerprint=\nencryption_protocol=\nencryption_cipher=\nencryption_keysize=0\npolicy_context=\n\n",
        (unsigned)(r % keys) >> 16 & 255, (unsigned)(r % keys) >> 8 & 255, (unsigned)(r % keys) & 255, (unsigned long long)(r % keys),
        (unsigned long long)r);
}

static void ask(int fd)
{
    char request[REQUEST_MAX];
    size_t n = make_request(request);

    sent_ns[fd] = now_ns();
    if (write(fd, request, n) != (ssize_t)n)
        err(1, "write");
}

static void take(int fd)
{
    char reply[4096];
    ssize_t n = read(fd, reply, sizeof(reply));
    int64_t took = now_ns() - sent_ns[fd];

    if (n <= 0)
        err(1, "the server closed");
    if (n < 7 || (policy ? strncasecmp(reply, "action=DUNNO", 12) : memcmp(reply, "4:OK x,", 7)) != 0)
        bad++;
    if (n_latency < SAMPLES)
        latency_us[n_latency++] = (uint32_t)(took / 1000);
    ask(fd);
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

/* A unix socket, or a port of 127.0.0.1 where the path is a number. */
static int connect_one(const char *path)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    int fd;

    if (path[0] >= '0' && path[0] <= '9')
        return local_connect(path);
    strncpy(un.sun_path, path, sizeof(un.sun_path) - 1);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&un, sizeof(un)) != 0)
        err(1, "%s", path);
    return fd;
}

static void connect_all(int ep, const char *path, int n)
{
    for (int i = 0; i < n; i++) {
        struct epoll_event ev = { .events = EPOLLIN };
        int fd = connect_one(path);

        ev.data.fd = fd;
        epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
        ask(fd);
    }
}

int main(int argc, char **argv)
{
    struct epoll_event got[256];
    int ep = epoll_create1(0);
    int64_t begun, end;

    if (argc != 6)
        errx(64, "usage: load socketmap|policy PATH|PORT CONNECTIONS SECONDS KEYS");
    policy = strcmp(argv[1], "policy") == 0;
    keys = strtoull(argv[5], NULL, 10);
    sent_ns = calloc(65536, sizeof(*sent_ns));
    latency_us = malloc(SAMPLES * sizeof(*latency_us));
    if (sent_ns == NULL || latency_us == NULL || keys == 0)
        err(1, "memory or KEYS");
    begun = now_ns();
    end = begun + strtoll(argv[4], NULL, 10) * 1000000000;
    connect_all(ep, argv[2], atoi(argv[3]));
    while (now_ns() < end) {
        int n = epoll_wait(ep, got, 256, 1000);

        for (int i = 0; i < n; i++)
            take(got[i].data.fd);
    }
    if (n_latency == 0)
        errx(1, "no answers");
    qsort(latency_us, n_latency, sizeof(*latency_us), by_value);
    printf("%llu %.3f %u %u %u %llu\n", (unsigned long long)n_latency, (double)(now_ns() - begun) / 1e9, latency_us[n_latency / 2],
           latency_us[n_latency * 99 / 100], latency_us[n_latency * 999 / 1000], (unsigned long long)bad);
    return 0;
}

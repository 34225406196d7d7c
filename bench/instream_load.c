/* instream_load.c - gives messages to clamd by INSTREAM, a connection each, as mail filters do.
 *
 * instream_load SOCKET FILE SESSIONS MESSAGES FIRST: so many processes, one message after the other.
 * Prints "messages seconds p50_us p99_us bad"; the time is from connect to answer; bad ones were not clean.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <arpa/inet.h>
#include <err.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/parts/local.h"
#include "bench/parts/message.h"

static const char *path;

static int connect_to_clamd(void)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    strncpy(un.sun_path, path, sizeof(un.sun_path) - 1);
    if (fd < 0 || connect(fd, (struct sockaddr *)&un, sizeof(un)) != 0)
        err(1, "%s", path);
    return fd;
}

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

static bool clean(const struct message *m)
{
    char head[14] = "zINSTREAM", answer[256];
    uint32_t size = htonl((uint32_t)m->n), none = 0;
    int fd = connect_to_clamd();
    ssize_t n = 0;

    memcpy(head + 10, &size, 4);
    if (put(fd, head, sizeof(head)) && put(fd, m->bytes, m->n) && put(fd, (const char *)&none, 4))
        n = read(fd, answer, sizeof(answer) - 1);
    close(fd);
    answer[n > 0 ? n : 0] = '\0';
    return strcmp(answer, "stream: OK") == 0;
}

int main(int argc, char **argv)
{
    unsigned long sessions, each, n;
    uint64_t first, bad = 0;
    struct message m;

    if (argc != 6 || (sessions = strtoul(argv[3], NULL, 10)) == 0 || (each = strtoul(argv[4], NULL, 10) / sessions) == 0)
        errx(64, "usage: instream_load SOCKET FILE SESSIONS MESSAGES FIRST");
    path = argv[1];
    first = strtoull(argv[5], NULL, 10);
    message_load(&m, argv[2], "\r\n");
    n = each * sessions;
    int32_t *took = mmap(NULL, n * sizeof(*took), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct local_times times;
    int64_t begun = local_now_us();

    if (took == MAP_FAILED)
        err(1, "memory");
    for (unsigned long s = 0; s < sessions; s++) {
        if (fork() != 0)
            continue;
        for (unsigned long i = s * each; i < (s + 1) * each; i++) {
            int64_t at = local_now_us();

            message_number(&m, first + i);
            took[i] = clean(&m) ? (int32_t)(local_now_us() - at) : -1;
        }
        _exit(0);
    }
    while (wait(NULL) > 0)
        ;
    begun = local_now_us() - begun;
    local_times_init(&times, n);
    for (unsigned long i = 0; i < n; i++) {
        if (took[i] < 0)
            bad++;
        local_times_add(&times, took[i] < 0 ? 0 : took[i]);
    }
    local_times_print(&times, begun, bad);
    return 0;
}

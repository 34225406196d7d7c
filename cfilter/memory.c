/* memory.c - how much memory the engine holder and its workers have for themselves.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/memory.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { WORKERS_TOLD_MAX = 64 };

/* A file of proc(5), NUL-terminated, cut at size; false: cannot be read. */
static bool read_file(const char *path, char *to, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t have = 0;
    ssize_t n = -1;

    while (fd >= 0 && have + 1 < size && (n = read(fd, to + have, size - 1 - have)) > 0)
        have += (size_t)n;
    if (fd >= 0)
        close(fd);
    to[have] = '\0';
    return fd >= 0 && n >= 0 && have > 0;
}

static bool field(const char *text, const char *name, uint64_t *bytes_out)
{
    const char *at = strstr(text, name);
    unsigned long long kb;

    if (at == NULL || sscanf(at + strlen(name), "%llu kB", &kb) != 1)
        return false;
    *bytes_out = kb * 1024;
    return true;
}

bool memory_use(long pid, struct memory_use *out)
{
    char path[60], text[4096];
    struct memory_use m;

    snprintf(path, sizeof path, "/proc/%ld/smaps_rollup", pid);
    if (!read_file(path, text, sizeof text) || !field(text, "\nPrivate_Dirty:", &m.private_dirty) || !field(text, "\nPss:", &m.share))
        return false;
    *out = m;
    return true;
}

static void describe_one(long pid, const char *place, const char *what, struct buf *to)
{
    struct memory_use m;

    buf_printf(to, "%s %s pid=%ld", place, what, pid);
    if (memory_use(pid, &m))
        buf_printf(to, " private=%.1fM share=%.1fM\n", (double)m.private_dirty / (1024 * 1024), (double)m.share / (1024 * 1024));
    else
        buf_append_str(to, " private=unknown\n");
}

void memory_describe(long holder, const char *place, struct buf *to)
{
    char path[60], text[4096];
    span rest, word;
    uint64_t pid;

    describe_one(holder, place, "holder", to);
    snprintf(path, sizeof path, "/proc/%ld/task/%ld/children", holder, holder);
    if (!read_file(path, text, sizeof text))
        return;
    rest = span_str(text);
    for (size_t i = 0; i < WORKERS_TOLD_MAX && span_next(&rest, ' ', &word); i++)
        if (span_to_u64(word, &pid))
            describe_one((long)pid, place, "worker", to);
}

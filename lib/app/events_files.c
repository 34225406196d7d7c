/* events_files.c - the segments of one daemon in a folder, and reading them line by line.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/app/events_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/alloc.h"

enum { READ_BYTES = 1024 * 1024 };

void segment_name(char *out, size_t size, const char *daemon, int64_t first_ms)
{
    snprintf(out, size, "%s-%013" PRId64 ".jsonl", daemon, first_ms);
}

static bool parse_name(const char *name, const char *daemon, struct segment *out)
{
    span s = span_str(name), prefix = span_str(daemon), ending = SPAN(".jsonl"), number;
    uint64_t ms;

    if (s.n >= sizeof out->name || !span_starts(s, prefix) || span_from(s, prefix.n).n < ending.n + 2 || s.p[prefix.n] != '-' ||
        !span_ends_nocase(s, ending))
        return false;
    number = span_of(s.p + prefix.n + 1, s.n - prefix.n - 1 - ending.n);
    if (!span_to_u64(number, &ms) || ms > INT64_MAX)
        return false;
    memcpy(out->name, name, s.n + 1);
    out->first_ms = (int64_t)ms;
    return true;
}

static int by_age(const void *a, const void *b)
{
    const struct segment *x = a, *y = b;

    return x->first_ms < y->first_ms ? -1 : x->first_ms > y->first_ms;
}

int segments_list(int dir_fd, const char *daemon, struct segments *out, struct errtext *err)
{
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *e;
    struct segment seg;
    struct stat st;

    *out = (struct segments){ .n = 0 };
    if (dir == NULL) {
        errtext_errno(err, "cannot list the events");
        if (fd >= 0)
            close(fd);
        return -1;
    }
    while ((e = readdir(dir)) != NULL) {
        if (!parse_name(e->d_name, daemon, &seg) || fstatat(dir_fd, seg.name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
            continue;
        seg.size_bytes = st.st_size;
        seg.last_s = st.st_mtime;
        out->v = xreallocarray(out->v, out->n + 1, sizeof seg);
        out->v[out->n++] = seg;
    }
    closedir(dir);
    if (out->n > 0)
        qsort(out->v, out->n, sizeof out->v[0], by_age);
    return 0;
}

void segments_free(struct segments *s)
{
    free(s->v);
    *s = (struct segments){ .n = 0 };
}

/* Gives the whole lines of text to fn; returns how many bytes they took, or -1 when fn has had enough. */
static ssize_t give_lines(span text, off_t at, bool (*fn)(span line, off_t at, void *arg), void *arg)
{
    size_t used = 0;

    for (;;) {
        span rest = span_from(text, used);
        size_t n = span_find(rest, '\n');

        if (n == rest.n)
            return (ssize_t)used;
        if (n > 0 && !fn(span_head(rest, n), at + (off_t)used, arg))
            return -1;
        used += n + 1;
    }
}

int segment_read(int fd, bool (*fn)(span line, off_t at, void *arg), void *arg, struct errtext *err)
{
    char *block = xmalloc(READ_BYTES);
    size_t have = 0;
    off_t at = 0;
    int r = 0;

    for (;;) {
        ssize_t got = read(fd, block + have, READ_BYTES - have), used;

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            if (got < 0)
                errtext_errno(err, "cannot read events");
            r = got < 0 ? -1 : 0;
            break;
        }
        have += (size_t)got;
        if ((used = give_lines(span_of(block, have), at, fn, arg)) < 0)
            break;
        if (used == 0 && have == READ_BYTES)
            used = READ_BYTES;             /* no record is that long: skip what is not ours */
        have -= (size_t)used;
        memmove(block, block + used, have);
        at += used;
    }
    free(block);
    return r;
}

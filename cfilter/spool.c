/* spool.c - one message on its way through: in memory while small, in an unlinked file when large.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/alloc.h"
#include "lib/base/rand.h"

enum { COPY_BYTES = 64 * 1024 };

struct spool {
    struct spool_limits limits;
    char *directory;
    int fd;                 /* memfd, or the file opened for writing */
    int read_fd;            /* the file opened for reading; -1 for a memfd */
    uint64_t size;
    enum spool_status state;
    bool finished;
    void *map;
};

struct spool *spool_new(const struct spool_limits *limits, struct errtext *err)
{
    int fd = memfd_create("gatepost-spool", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    struct spool *sp;

    if (fd < 0) {
        errtext_errno(err, "no memory file for the message");
        return NULL;
    }
    sp = xcalloc(1, sizeof(*sp));
    sp->limits = *limits;
    sp->directory = xstrdup(limits->directory != NULL ? limits->directory : "");
    sp->fd = fd;
    sp->read_fd = -1;
    return sp;
}

void spool_free(struct spool **sp)
{
    struct spool *s = *sp;

    if (s == NULL)
        return;
    if (s->map != NULL)
        munmap(s->map, s->size);
    if (s->fd >= 0)
        close(s->fd);
    if (s->read_fd >= 0)
        close(s->read_fd);
    free(s->directory);
    free(s);
    *sp = NULL;
}

static bool write_all(int fd, span bytes)
{
    while (bytes.n > 0) {
        ssize_t n = write(fd, bytes.p, bytes.n);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            if (n == 0)
                errno = ENOSPC;
            return false;
        }
        bytes = span_from(bytes, (size_t)n);
    }
    return true;
}

/* A new file, open for writing and apart from that for reading, whose name is gone when this returns. */
static int open_unlinked(const char *directory, int *read_fd_out, struct errtext *err)
{
    char *path = xasprintf("%s/message-%016llx", directory, (unsigned long long)rand_u64());
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    int read_fd = -1;

    if (fd < 0) {
        errtext_errno(err, "cannot make a spool file in %s", directory);
        goto out;
    }
    read_fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (read_fd < 0)
        errtext_errno(err, "cannot open the spool file again in %s", directory);
    unlink(path);
    if (read_fd < 0) {
        close(fd);
        fd = -1;
    }
out:
    free(path);
    *read_fd_out = read_fd;
    return fd;
}

static bool copy_file(int from, int to, uint64_t size)
{
    char *block = xmalloc(COPY_BYTES);
    uint64_t at = 0;
    bool ok = true;

    while (ok && at < size) {
        ssize_t n = pread(from, block, COPY_BYTES, (off_t)at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            errno = EIO;
        ok = n > 0 && write_all(to, span_of(block, (size_t)n));
        at += n > 0 ? (uint64_t)n : 0;
    }
    free(block);
    return ok;
}

static enum spool_status move_to_file(struct spool *sp, struct errtext *err)
{
    int read_fd, fd = open_unlinked(sp->directory, &read_fd, err);

    if (fd < 0)
        return SPOOL_FAILED;
    if (!copy_file(sp->fd, fd, sp->size)) {
        errtext_errno(err, "cannot write the spool file in %s", sp->directory);
        close(fd);
        close(read_fd);
        return SPOOL_FAILED;
    }
    close(sp->fd);
    sp->fd = fd;
    sp->read_fd = read_fd;
    return SPOOL_OK;
}

enum spool_status spool_write(struct spool *sp, span bytes, struct errtext *err)
{
    if (bytes.n == 0)
        return sp->state;
    if (sp->state == SPOOL_OK && (sp->size + bytes.n > sp->limits.max_bytes)) {
        errtext_set(err, "larger than %llu bytes", (unsigned long long)sp->limits.max_bytes);
        sp->state = SPOOL_TOO_BIG;
        /* What is there already is of no use any more: give the memory back while the peer goes on sending. */
        if (ftruncate(sp->fd, 0) != 0)
            sp->state = SPOOL_TOO_BIG;
    }
    if (sp->state == SPOOL_OK && sp->read_fd < 0 && sp->size + bytes.n > sp->limits.memory_bytes)
        sp->state = move_to_file(sp, err);
    if (sp->state == SPOOL_OK && !write_all(sp->fd, bytes)) {
        errtext_errno(err, sp->read_fd < 0 ? "cannot write to the memory file" : "cannot write the spool file");
        sp->state = SPOOL_FAILED;
    }
    sp->size += bytes.n;
    return sp->state;
}

enum spool_status spool_finish(struct spool *sp, struct errtext *err)
{
    struct stat st;

    if (sp->state != SPOOL_OK)
        return sp->state;
    if (sp->read_fd < 0 && fcntl(sp->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0) {
        errtext_errno(err, "cannot seal the message");
        return sp->state = SPOOL_FAILED;
    }
    if (sp->read_fd >= 0) {
        /* close(2) is where a full disk may still speak up. */
        int r = close(sp->fd);

        sp->fd = -1;
        if (r != 0) {
            errtext_errno(err, "cannot write the spool file");
            return sp->state = SPOOL_FAILED;
        }
    }
    if (fstat(spool_fd(sp), &st) != 0 || (uint64_t)st.st_size != sp->size) {
        errtext_set(err, "the spool is not as long as what was written to it");
        return sp->state = SPOOL_FAILED;
    }
    if (sp->size > 0) {
        sp->map = mmap(NULL, sp->size, PROT_READ, MAP_SHARED, spool_fd(sp), 0);
        if (sp->map == MAP_FAILED) {
            sp->map = NULL;
            errtext_errno(err, "cannot map the message");
            return sp->state = SPOOL_FAILED;
        }
    }
    sp->finished = true;
    return SPOOL_OK;
}

uint64_t spool_size(const struct spool *sp)
{
    return sp->size;
}

int spool_fd(const struct spool *sp)
{
    return sp->read_fd >= 0 ? sp->read_fd : sp->fd;
}

span spool_bytes(const struct spool *sp)
{
    return sp->finished ? span_of(sp->map, sp->size) : (span){ NULL, 0 };
}

bool spool_in_file(const struct spool *sp)
{
    return sp->read_fd >= 0;
}

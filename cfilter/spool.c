/* spool.c - one message on its way through: in memory while small, in an unlinked file when large.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/spool.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/alloc.h"
#include "lib/base/rand.h"

struct spool {
    struct spool_limits limits;
    char *directory;
    struct buf bytes;       /* the message; with a file: what is not yet written to it */
    char *block;            /* the memory of `bytes`, when it is one; NULL: its own */
    int fd;                 /* the file opened for writing; -1: in memory */
    int read_fd;            /* the file opened for reading, or the memfd that was asked for */
    uint64_t size;
    bool in_file, finished;
    enum spool_status state;
    void *map;              /* of the file */
};

static size_t own_limit(const struct spool *sp)
{
    return (sp->limits.memory_bytes < sp->limits.max_bytes ? sp->limits.memory_bytes : sp->limits.max_bytes) + SPOOL_PIECE;
}

struct spool *spool_new(const struct spool_limits *limits)
{
    struct spool *sp = xcalloc(1, sizeof(*sp));

    sp->limits = *limits;
    sp->directory = xstrdup(limits->directory != NULL ? limits->directory : "");
    sp->fd = sp->read_fd = -1;
    buf_init(&sp->bytes, own_limit(sp));
    return sp;
}

static void drop_bytes(struct spool *sp)
{
    if (sp->block != NULL)
        spool_block_give(sp->limits.blocks, sp->block);
    else
        buf_free(&sp->bytes);
    sp->block = NULL;
    buf_init(&sp->bytes, own_limit(sp));
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
    drop_bytes(s);
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

/* From here on `bytes` is only what is on its way to the file: no more of it is needed than one piece. */
static enum spool_status move_to_file(struct spool *sp, struct errtext *err)
{
    sp->fd = open_unlinked(sp->directory, &sp->read_fd, err);
    if (sp->fd < 0)
        return SPOOL_FAILED;
    sp->in_file = true;
    return SPOOL_OK;
}

static enum spool_status write_out(struct spool *sp, struct errtext *err)
{
    if (!write_all(sp->fd, buf_span(&sp->bytes))) {
        errtext_errno(err, "cannot write the spool file in %s", sp->directory);
        return SPOOL_FAILED;
    }
    buf_reset(&sp->bytes);
    if (sp->bytes.cap > 4 * SPOOL_PIECE)
        drop_bytes(sp);
    return SPOOL_OK;
}

/* Another piece may follow, and what the decoder holds back. */
static bool fits_block(const struct spool *sp)
{
    return sp->size + 2 * SPOOL_PIECE <= SPOOL_BLOCK_BYTES;
}

static bool move_to_block(struct spool *sp)
{
    span own = buf_span(&sp->bytes);
    char *block = sp->limits.blocks != NULL && fits_block(sp) ? spool_block_take(sp->limits.blocks) : NULL;

    if (block == NULL)
        return false;
    memcpy(block, own.p, own.n);
    buf_free(&sp->bytes);
    sp->block = block;
    sp->bytes = (struct buf){ .base = block, .len = own.n, .cap = SPOOL_BLOCK_BYTES, .limit = SPOOL_BLOCK_BYTES };
    return true;
}

static bool outgrows_memory(struct spool *sp)
{
    if (sp->block != NULL)
        return !fits_block(sp);
    return sp->size > sp->limits.memory_bytes && !move_to_block(sp);
}

struct buf *spool_room(struct spool *sp)
{
    return sp->state == SPOOL_OK ? &sp->bytes : NULL;
}

enum spool_status spool_take(struct spool *sp, struct errtext *err)
{
    if (sp->state != SPOOL_OK)
        return sp->state;
    sp->size = sp->in_file ? sp->size + sp->bytes.len : sp->bytes.len;
    if (sp->size > sp->limits.max_bytes) {
        errtext_set(err, "larger than %llu bytes", (unsigned long long)sp->limits.max_bytes);
        sp->state = SPOOL_TOO_BIG;
    }
    if (sp->state == SPOOL_OK && !sp->in_file && outgrows_memory(sp))
        sp->state = move_to_file(sp, err);
    if (sp->state == SPOOL_OK && sp->in_file)
        sp->state = write_out(sp, err);
    if (sp->state == SPOOL_OK)
        return SPOOL_OK;
    /* What is there already is of no use any more: give it back while the peer goes on sending. */
    drop_bytes(sp);
    if (sp->fd >= 0 && ftruncate(sp->fd, 0) != 0)
        return sp->state;          /* then it goes with the descriptor */
    return sp->state;
}

enum spool_status spool_write(struct spool *sp, span bytes, struct errtext *err)
{
    struct buf *room;

    while (bytes.n > 0 && (room = spool_room(sp)) != NULL) {
        span now = span_head(bytes, SPOOL_PIECE);

        buf_append(room, now);
        bytes = span_from(bytes, now.n);
        spool_take(sp, err);
    }
    sp->size += bytes.n;           /* what nobody takes is counted */
    return sp->state;
}

/* close(2) is where a full disk may still speak up. */
static enum spool_status finish_file(struct spool *sp, struct errtext *err)
{
    struct stat st;
    int r = close(sp->fd);

    sp->fd = -1;
    if (r != 0) {
        errtext_errno(err, "cannot write the spool file");
        return SPOOL_FAILED;
    }
    if (fstat(sp->read_fd, &st) != 0 || (uint64_t)st.st_size != sp->size) {
        errtext_set(err, "the spool is not as long as what was written to it");
        return SPOOL_FAILED;
    }
    sp->map = mmap(NULL, sp->size, PROT_READ, MAP_SHARED, sp->read_fd, 0);
    if (sp->map == MAP_FAILED) {
        sp->map = NULL;
        errtext_errno(err, "cannot map the message");
        return SPOOL_FAILED;
    }
    return SPOOL_OK;
}

enum spool_status spool_finish(struct spool *sp, struct errtext *err)
{
    if (sp->state == SPOOL_OK && sp->in_file)
        sp->state = finish_file(sp, err);
    sp->finished = sp->state == SPOOL_OK;
    return sp->state;
}

uint64_t spool_size(const struct spool *sp)
{
    return sp->size;
}

/* A copy that nobody can write to, be it the front itself. */
static int sealed_copy(span bytes, struct errtext *err)
{
    int fd = memfd_create("gatepost-spool", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0 || !write_all(fd, bytes) || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0) {
        errtext_errno(err, "no memory file for the message");
        if (fd >= 0)
            close(fd);
        fd = -1;
    }
    return fd;
}

int spool_fd(struct spool *sp, struct errtext *err)
{
    assert(sp->finished);
    if (sp->read_fd < 0)
        sp->read_fd = sealed_copy(buf_span(&sp->bytes), err);
    return sp->read_fd;
}

span spool_bytes(const struct spool *sp)
{
    if (!sp->finished)
        return (span){ NULL, 0 };
    return sp->in_file ? span_of(sp->map, sp->size) : buf_span(&sp->bytes);
}

int spool_file(const struct spool *sp)
{
    return sp->in_file ? sp->read_fd : -1;
}

bool spool_in_file(const struct spool *sp)
{
    return sp->in_file;
}

/* store_saver.c - child role "store-saver RUN-FILE DISK-FILE": copies what is live in the run file to disk when told to.
 *
 * It reads the shared mapping while the daemon writes it; a slot that changes under the copy fails its check and is read again.
 * The copy is written beside its place, synced and moved there, so that a crash leaves the old copy or the new one.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/alloc.h"
#include "lib/net/child.h"
#include "lib/store/store.h"
#include "lib/store/store_file.h"

enum { OUT_BYTES = 256 * 1024, READ_TRIES = 100, SAVER_NICE = 10 };

struct copy {
    const struct store_map *from;
    struct store_file_head head;      /* of the copy */
    int fd;
    char *out;
    size_t out_n;
    uint64_t at;                      /* bytes written and in out */
    bool failed;                      /* errno says why */
};

static void flush(struct copy *c)
{
    size_t done = 0;

    while (!c->failed && done < c->out_n) {
        ssize_t n = write(c->fd, c->out + done, c->out_n - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            c->failed = true;
        else
            done += (size_t)n;
    }
    c->out_n = 0;
}

static void put(struct copy *c, const void *bytes, size_t n)
{
    if (c->out_n + n > OUT_BYTES)
        flush(c);
    memcpy(c->out + c->out_n, bytes, n);      /* n is a slot or less: it fits */
    c->out_n += n;
    c->at += n;
}

/* A whole slot, or false: free, expired, or changing all the time. */
static bool slot_read(const struct slot *from, uint32_t slot_bytes, int64_t now_ms, struct slot *to)
{
    for (int i = 0; i < READ_TRIES; i++) {
        if (__atomic_load_n(&from->check, __ATOMIC_ACQUIRE) == 0 && i > 0)
            continue;
        memcpy(to, from, slot_bytes);
        if (to->check == 0 && to->key_bytes == 0)
            return false;
        if (slot_sound(to, slot_bytes))
            return to->expires_ms > now_ms;
    }
    return false;
}

static void pad_to(struct copy *c, uint64_t offset)
{
    static const char zeros[4096];

    while (c->at < offset)
        put(c, zeros, offset - c->at < sizeof(zeros) ? (size_t)(offset - c->at) : sizeof(zeros));
}

static void copy_slab(struct copy *c, size_t which, int64_t now_ms)
{
    const struct store_file_head *h = c->from->base;
    struct slab_head *slab = &c->head.slabs[which];
    uint32_t used = __atomic_load_n(&h->slabs[which].used, __ATOMIC_ACQUIRE);
    uint64_t buffer[SLOT_BYTES_MAX / 8];
    struct slot *s = (struct slot *)(void *)buffer;

    pad_to(c, (c->at + 4095) & ~(uint64_t)4095);
    slab->offset = c->at;
    slab->used = 0;
    for (uint32_t n = 0; n < used && n < slab->slots && !c->failed; n++) {
        uint64_t at = h->slabs[which].offset + (uint64_t)n * slab->slot_bytes;

        if (at + slab->slot_bytes > c->from->size)
            break;
        if (!slot_read((const void *)((const char *)c->from->base + at), slab->slot_bytes, now_ms, s))
            continue;
        put(c, s, slab->slot_bytes);
        slab->used++;
    }
}

static bool copy_all(struct copy *c)
{
    const struct store_file_head *h = c->from->base;

    c->head = *h;
    pad_to(c, sizeof(c->head));                       /* its place; written last */
    for (size_t i = 0; i < SLAB_COUNT; i++)
        copy_slab(c, i, h->last_store_ms);
    for (size_t i = 0; i < SLAB_COUNT; i++) {
        c->head.slabs[i].slots = c->head.slabs[i].used;
        slab_set_used(&c->head.slabs[i], c->head.slabs[i].used);
    }
    store_file_seal(&c->head);
    flush(c);
    if (!c->failed && pwrite(c->fd, &c->head, sizeof(c->head), 0) != (ssize_t)sizeof(c->head))
        c->failed = true;
    return !c->failed && fsync(c->fd) == 0;
}

static void sync_folder(const char *path)
{
    char *dir = xstrdup(path);
    int fd;

    *strrchr(dir, '/') = '\0';
    if ((fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) >= 0) {
        fsync(fd);
        close(fd);
    }
    free(dir);
}

static bool write_copy(const struct store_map *from, const char *path, struct errtext *err)
{
    char *temp = xasprintf("%s.%d", path, (int)getpid());
    struct copy c = { .from = from, .out = xmalloc(OUT_BYTES) };
    bool ok = false;

    c.fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (c.fd >= 0 && copy_all(&c) && rename(temp, path) == 0)
        ok = true;
    else
        errtext_errno(err, "%s", temp);
    if (c.fd >= 0)
        close(c.fd);
    if (ok)
        sync_folder(path);
    else
        unlink(temp);
    free(c.out);
    free(temp);
    return ok;
}

static bool save(const char *run_path, const char *disk_path, struct errtext *err)
{
    struct store_map map = { .fd = -1 };
    bool cut, ok;

    switch (store_map_open(run_path, false, &map, err)) {
    case MAP_OK:
        break;
    case MAP_NO_FILE:
        errtext_set(err, "%s: there is no such file", run_path);
        return false;
    default:
        return false;
    }
    ok = store_file_check(map.base, map.size, &cut, err) && write_copy(&map, disk_path, err);
    store_map_close(&map);
    return ok;
}

int store_saver_run(int argc, char **argv)
{
    char msg[64];

    if (argc != 3 || strchr(argv[1], '/') == NULL || strchr(argv[2], '/') == NULL)
        return 64;
    setpriority(PRIO_PROCESS, 0, SAVER_NICE);
    umask(077);
    while (child_recv_blocking(CHILD_FD, msg, sizeof(msg), NULL, NULL) > 0) {
        struct errtext err = { "" };
        bool ok = save(argv[1], argv[2], &err);

        if (child_send_blocking(CHILD_FD, ok ? SPAN("ok") : span_str(err.text[0] != '\0' ? err.text : "failed"), NULL, 0) < 0)
            return 1;
    }
    return 0;
}

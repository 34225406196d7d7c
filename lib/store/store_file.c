/* store_file.c - the file behind the embedded store: layout, checks, mapping.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/store/store_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define STORE_MAGIC "GPSTORE"

enum { PAGE = 4096 };

/* A limit of an address, or of a login with its domain, fits one of the first two; the last one holds the longest key with the longest value. */
const uint32_t slot_bytes_of_class[SLOT_CLASSES] = { 64, 80, 96, 128, 256, 640, SLOT_BYTES_MAX };

static uint64_t page_up(uint64_t n)
{
    return (n + PAGE - 1) & ~(uint64_t)(PAGE - 1);
}

uint64_t store_file_layout(struct store_file_head *h, uint64_t max_entries)
{
    uint64_t at = page_up(sizeof(*h));

    memset(h, 0, sizeof(*h));
    memcpy(h->magic, STORE_MAGIC, sizeof(STORE_MAGIC));
    h->version = STORE_FILE_VERSION;
    h->head_bytes = sizeof(*h);
    for (size_t i = 0; i < SLAB_COUNT; i++) {
        size_t class = i % SLOT_CLASSES;
        struct slab_head *slab = &h->slabs[i];

        slab->offset = at;
        slab->slot_bytes = slot_bytes_of_class[class];
        slab_set_used(slab, 0);
        slab->slots = (uint32_t)(class < 6 ? max_entries : max_entries / 8 + 8);   /* large values are few */
        at += page_up((uint64_t)slab->slots * slab->slot_bytes);
    }
    return at;
}

static uint64_t mix(uint64_t sum, uint64_t word)
{
    sum = (sum ^ word) * 0x9e3779b97f4a7c15U;
    return sum ^ (sum >> 32);
}

static uint64_t head_check(const struct store_file_head *h)
{
    uint64_t sum = mix(mix(h->version, h->head_bytes), mix(h->key.k0, h->key.k1));

    for (size_t i = 0; i < SLAB_COUNT; i++) {
        sum = mix(sum, h->slabs[i].offset);
        sum = mix(sum, ((uint64_t)h->slabs[i].slot_bytes << 32) | h->slabs[i].slots);
    }
    return sum;
}

void store_file_seal(struct store_file_head *h)
{
    h->check = head_check(h);
}

bool store_file_same_layout(const struct store_file_head *a, const struct store_file_head *b)
{
    for (size_t i = 0; i < SLAB_COUNT; i++)
        if (a->slabs[i].offset != b->slabs[i].offset || a->slabs[i].slot_bytes != b->slabs[i].slot_bytes || a->slabs[i].slots != b->slabs[i].slots)
            return false;
    return true;
}

static bool slab_sound(const struct slab_head *slab, size_t class)
{
    return slab->slot_bytes == slot_bytes_of_class[class] && slab->used <= slab->slots && ~slab->used_inverse - slab->used <= 1
        && slab->offset % PAGE == 0
        && slab->offset >= sizeof(struct store_file_head) && slab->offset < (uint64_t)1 << 50;
}

bool store_file_check(const void *map, uint64_t size, bool *cut_out, struct errtext *err)
{
    const struct store_file_head *h = map;

    *cut_out = false;
    if (size < sizeof(*h) || memcmp(h->magic, STORE_MAGIC, sizeof(STORE_MAGIC)) != 0) {
        errtext_set(err, "this is not a store file, or only its beginning");
        return false;
    }
    if (h->version != STORE_FILE_VERSION || h->head_bytes != sizeof(*h)) {
        errtext_set(err, "version %u of the file's form is not known here", (unsigned)h->version);
        return false;
    }
    if (h->check != head_check(h)) {
        errtext_set(err, "the file's head is damaged");
        return false;
    }
    for (size_t i = 0; i < SLAB_COUNT; i++) {
        const struct slab_head *slab = &h->slabs[i];

        if (!slab_sound(slab, i % SLOT_CLASSES)) {
            errtext_set(err, "the file's head is damaged");
            return false;
        }
        if (slab->offset + (uint64_t)slab->used * slab->slot_bytes > size)
            *cut_out = true;
    }
    return true;
}

bool slot_fits(const struct slot *s, uint32_t slot_bytes)
{
    return s->key_bytes > 0 && slot_bytes_needed(s->data_bytes, s->key_bytes) <= slot_bytes;
}

uint32_t slot_check(const struct slot *s)
{
    size_t words = (slot_pad8(s->data_bytes) + slot_pad8(s->key_bytes)) / 8;
    uint64_t sum = mix(s->hash, (uint64_t)s->expires_ms);

    sum = mix(sum, ((uint64_t)s->key_bytes << 16) | s->data_bytes);
    for (size_t i = 0; i < words; i++)
        sum = mix(sum, s->body[i]);
    return (uint32_t)sum != 0 ? (uint32_t)sum : 1;
}

bool slot_sound(const struct slot *s, uint32_t slot_bytes)
{
    return s->check != 0 && slot_fits(s, slot_bytes) && s->check == slot_check(s);
}

void boot_id_read(uint8_t id[16])
{
    char text[64];
    ssize_t n;
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

    memset(id, 0, 16);
    if (fd < 0)
        return;
    n = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (n <= 0)
        return;
    text[n] = '\0';
    for (size_t i = 0, digits = 0; text[i] != '\0' && digits < 32; i++) {   /* 8-4-4-4-12 hexadecimal digits */
        unsigned value;

        if (text[i] == '-' || sscanf((char[]){ text[i], '\0' }, "%x", &value) != 1)
            continue;
        id[digits / 2] = (uint8_t)(((unsigned)id[digits / 2] << 4) | (value & 15));
        digits++;
    }
}

static int map_fd(int fd, uint64_t size, bool writable, struct store_map *map_out)
{
    void *base = mmap(NULL, size, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);

    if (base == MAP_FAILED)
        return -1;
    *map_out = (struct store_map){ base, size, fd };
    return 0;
}

enum store_map_result store_map_open(const char *path, bool writable, struct store_map *map_out, struct errtext *err)
{
    enum store_map_result r = MAP_E_SYSTEM;
    struct stat st;
    int fd = open(path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0) {
        if (errno == ENOENT)
            return MAP_NO_FILE;
        errtext_errno(err, "%s", path);
        return MAP_E_SYSTEM;
    }
    if (writable && flock(fd, LOCK_EX | LOCK_NB) < 0) {
        errtext_set(err, "%s: another process has this store open", path);
        r = MAP_E_BUSY;
    } else if (fstat(fd, &st) < 0) {
        errtext_errno(err, "%s", path);
    } else if (!S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(struct store_file_head)) {
        errtext_set(err, "%s: this is not a store file, or only its beginning", path);
        r = MAP_NO_STORE;
    } else if (map_fd(fd, (uint64_t)st.st_size, writable, map_out) < 0) {
        errtext_errno(err, "%s: mmap", path);
    } else {
        return MAP_OK;
    }
    close(fd);
    return r;
}

enum store_map_result store_map_create(const char *path, uint64_t size, struct store_map *map_out, struct errtext *err)
{
    int fd = -1;

    if (unlink(path) < 0 && errno != ENOENT) {
        errtext_errno(err, "%s", path);
        return MAP_E_SYSTEM;
    }
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 || ftruncate(fd, (off_t)size) < 0 || map_fd(fd, size, true, map_out) < 0) {
        errtext_errno(err, "%s", path);
        if (fd >= 0) {
            unlink(path);
            close(fd);
        }
        return MAP_E_SYSTEM;
    }
    return MAP_OK;
}

void store_map_close(struct store_map *m)
{
    if (m->base == NULL)
        return;
    munmap(m->base, m->size);
    close(m->fd);
    *m = (struct store_map){ .fd = -1 };
}

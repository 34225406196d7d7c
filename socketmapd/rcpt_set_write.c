/* rcpt_set_write.c - making a set of recipient addresses.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "lib/base/alloc.h"
#include "lib/base/buf.h"
#include "socketmapd/rcpt_set_format.h"

enum { SLOTS_AT_FIRST = 64, WRITE_PIECE = 1 << 20 };
#define SECTION_MAX ((size_t)8 << 30)

/* The table while it grows: at most three quarters full; written with four fifths. */
struct rcpt_set_writer {
    struct hash_key key;
    uint64_t n, n_slots;
    struct set_slot *slots;
    struct buf records, missing, objects, names;
    uint32_t n_objects;
};

struct rcpt_set_writer *rcpt_set_writer_new(void)
{
    struct rcpt_set_writer *w = xcalloc(1, sizeof(*w));

    rand_bytes(&w->key, sizeof(w->key));
    w->n_slots = SLOTS_AT_FIRST;
    w->slots = xcalloc(w->n_slots, sizeof(*w->slots));
    buf_init(&w->records, SECTION_MAX);
    buf_init(&w->missing, SECTION_MAX);
    buf_init(&w->objects, SECTION_MAX);
    buf_init(&w->names, SECTION_MAX);
    return w;
}

void rcpt_set_writer_free(struct rcpt_set_writer **w)
{
    struct rcpt_set_writer *gone = *w;

    if (gone == NULL)
        return;
    *w = NULL;
    free(gone->slots);
    buf_free(&gone->records);
    buf_free(&gone->missing);
    buf_free(&gone->objects);
    buf_free(&gone->names);
    free(gone);
}

uint64_t rcpt_set_writer_count(const struct rcpt_set_writer *w)
{
    return w->n;
}

uint32_t rcpt_set_add_object(struct rcpt_set_writer *w, span name)
{
    uint64_t at = w->names.len;
    uint16_t n = (uint16_t)(name.n < RCPT_SET_NAME_MAX ? name.n : RCPT_SET_NAME_MAX);

    buf_append(&w->objects, span_of((const char *)&at, sizeof(at)));
    buf_append(&w->names, span_of((const char *)&n, sizeof(n)));
    buf_append(&w->names, span_head(name, n));
    return w->n_objects++;
}

/* ---- the table ---- */

static span address_at(const struct rcpt_set_writer *w, uint32_t place)
{
    const char *p = w->records.base + w->records.head + (size_t)place * RECORD_ALIGN;
    uint16_t word;

    memcpy(&word, p + 4, 2);
    return span_of(p + RECORD_HEAD, word & ((1U << RECORD_LENGTH_BITS) - 1));
}

/* Where the address stands, or the free slot where it would. */
static bool find(const struct rcpt_set_writer *w, span address, uint64_t hash, uint64_t *slot_out)
{
    uint32_t tag = set_tag(hash);
    uint64_t i = set_slot_of(hash, w->n_slots);

    while (w->slots[i].tag != 0) {
        if (w->slots[i].tag == tag && span_eq(address_at(w, w->slots[i].place), address)) {
            *slot_out = i;
            return true;
        }
        i = i + 1 < w->n_slots ? i + 1 : 0;
    }
    *slot_out = i;
    return false;
}

static void put(struct set_slot *slots, uint64_t n, uint64_t hash, uint32_t place)
{
    uint64_t i = set_slot_of(hash, n);

    while (slots[i].tag != 0)
        i = i + 1 < n ? i + 1 : 0;
    slots[i] = (struct set_slot){ set_tag(hash), place };
}

static void resize(struct rcpt_set_writer *w, uint64_t n)
{
    struct set_slot *slots = xcalloc(n, sizeof(*slots));

    for (uint64_t i = 0; i < w->n_slots; i++) {
        if (w->slots[i].tag != 0)
            put(slots, n, siphash(address_at(w, w->slots[i].place), &w->key), w->slots[i].place);
    }
    free(w->slots);
    w->slots = slots;
    w->n_slots = n;
}

/* ---- addresses ---- */

static void append_record(struct rcpt_set_writer *w, const struct rcpt_set_entry *e)
{
    static const char zeros[RECORD_ALIGN];
    uint16_t word = (uint16_t)(e->address.n | e->flags << RECORD_LENGTH_BITS | e->attr << (RECORD_LENGTH_BITS + RECORD_FLAGS_BITS));

    buf_append(&w->records, span_of((const char *)&e->object, 4));
    buf_append(&w->records, span_of((const char *)&word, 2));
    buf_append(&w->records, e->address);
    buf_append(&w->records, span_of(zeros, record_bytes(e->address.n) - RECORD_HEAD - e->address.n));
}

/* Two entries name one address: whoever may write to one may write to it. */
static void open_to_all(struct rcpt_set_writer *w, uint32_t place)
{
    char *p = w->records.base + w->records.head + (size_t)place * RECORD_ALIGN + 4;
    uint16_t word;

    memcpy(&word, p, 2);
    word = (uint16_t)(word & ~(unsigned)(RCPT_SET_INTERNAL << RECORD_LENGTH_BITS));
    memcpy(p, &word, 2);
}

bool rcpt_set_add(struct rcpt_set_writer *w, const struct rcpt_set_entry *e)
{
    uint64_t hash = siphash(e->address, &w->key), slot, place = w->records.len / RECORD_ALIGN;

    assert(e->attr < RCPT_SET_ATTRS_MAX);
    if (e->address.n > RCPT_SET_ADDRESS_MAX || e->address.n == 0 || place > UINT32_MAX)
        return false;
    if (find(w, e->address, hash, &slot)) {
        if ((e->flags & RCPT_SET_INTERNAL) == 0)
            open_to_all(w, w->slots[slot].place);
        return false;
    }
    append_record(w, e);
    if ((e->flags & RCPT_SET_MISSING) != 0) {
        struct set_missing m = { place, e->since_ms, e->missed_by, e->missed };

        buf_append(&w->missing, span_of((const char *)&m, sizeof(m)));
    }
    w->slots[slot] = (struct set_slot){ set_tag(hash), (uint32_t)place };
    if (++w->n * 4 > w->n_slots * 3)
        resize(w, w->n_slots * 2);
    return true;
}

bool rcpt_set_added(const struct rcpt_set_writer *w, span address)
{
    uint64_t slot;

    return find(w, address, siphash(address, &w->key), &slot);
}

/* ---- the file ---- */

struct output {
    int fd;
    bool failed;
    uint64_t at;
    uint32_t crc;
};

static void out(struct output *o, const void *bytes, size_t n)
{
    const char *p = bytes;

    while (n > 0 && !o->failed) {
        ssize_t put_n = write(o->fd, p, n < WRITE_PIECE ? n : WRITE_PIECE);

        if (put_n <= 0) {
            o->failed = true;
            break;
        }
        o->crc = (uint32_t)crc32_z(o->crc, (const Bytef *)p, (z_size_t)put_n);
        o->at += (uint64_t)put_n;
        p += put_n;
        n -= (size_t)put_n;
    }
}

static uint64_t section(struct output *o, const void *bytes, size_t n)
{
    static const char zeros[8];
    uint64_t at;

    out(o, zeros, (size_t)(-o->at & 7));
    at = o->at;
    out(o, bytes, n);
    return at;
}

static uint64_t section_of(struct output *o, const struct buf *b)
{
    span s = buf_span(b);

    return section(o, s.p, s.n);
}

static void count_attrs(const struct rcpt_set_writer *w, struct rcpt_set_about *about)
{
    memset(about->per_attr, 0, sizeof(about->per_attr));
    for (uint64_t i = 0; i < w->n_slots; i++) {
        uint16_t word;

        if (w->slots[i].tag == 0)
            continue;
        memcpy(&word, w->records.base + w->records.head + (size_t)w->slots[i].place * RECORD_ALIGN + 4, 2);
        if ((word >> RECORD_LENGTH_BITS & RCPT_SET_MISSING) == 0)
            about->per_attr[word >> (RECORD_LENGTH_BITS + RECORD_FLAGS_BITS)]++;
    }
}

static bool write_body(struct rcpt_set_writer *w, struct output *o, struct rcpt_set_head *h)
{
    out(o, h, sizeof(*h));                        /* its place; written last */
    o->crc = (uint32_t)crc32_z(0, NULL, 0);
    h->slots_at = section(o, w->slots, w->n_slots * sizeof(*w->slots));
    h->records_at = section_of(o, &w->records);
    h->records_end = o->at;
    h->missing_at = section_of(o, &w->missing);
    h->objects_at = section_of(o, &w->objects);
    h->names_at = section_of(o, &w->names);
    h->file_bytes = o->at;
    h->body_crc = o->crc;
    h->head_crc = (uint32_t)crc32_z(crc32_z(0, NULL, 0), (const Bytef *)h, offsetof(struct rcpt_set_head, head_crc));
    if (!o->failed && pwrite(o->fd, h, sizeof(*h), 0) != (ssize_t)sizeof(*h))
        o->failed = true;
    return !o->failed;
}

static void sync_folder(const char *path)
{
    char *dir = xstrdup(path), *slash = strrchr(dir, '/');
    int fd;

    if (slash != NULL) {
        *slash = '\0';
        if ((fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) >= 0) {
            fsync(fd);
            close(fd);
        }
    }
    free(dir);
}

static void fill_head(struct rcpt_set_writer *w, const struct rcpt_set_about *about, struct rcpt_set_head *h)
{
    *h = (struct rcpt_set_head){ .version = RCPT_SET_VERSION, .head_bytes = sizeof(*h), .key = w->key, .about = *about };
    memcpy(h->magic, RCPT_SET_MAGIC, sizeof(h->magic));
    resize(w, w->n + w->n / 4 + 8);
    h->n = w->n;
    h->n_missing = w->missing.len / sizeof(struct set_missing);
    h->slots = w->n_slots;
    h->n_objects = w->n_objects;
    count_attrs(w, &h->about);
}

int rcpt_set_write(struct rcpt_set_writer *w, const struct rcpt_set_about *about, const char *path, struct errtext *err)
{
    char *beside = xasprintf("%s.%d", path, (int)getpid());
    struct output o = { .fd = -1 };
    struct rcpt_set_head h;
    bool ok = false;

    fill_head(w, about, &h);
    o.fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (o.fd >= 0 && write_body(w, &o, &h) && fsync(o.fd) == 0 && rename(beside, path) == 0) {
        sync_folder(path);
        ok = true;
    } else {
        errtext_errno(err, "%s", beside);
        unlink(beside);
    }
    if (o.fd >= 0)
        close(o.fd);
    free(beside);
    return ok ? 0 : -1;
}

int rcpt_set_write_memfd(struct rcpt_set_writer *w, const struct rcpt_set_about *about, struct errtext *err)
{
    struct output o = { .fd = memfd_create("recipients", MFD_CLOEXEC | MFD_ALLOW_SEALING) };
    struct rcpt_set_head h;

    fill_head(w, about, &h);
    if (o.fd >= 0 && write_body(w, &o, &h) && fcntl(o.fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == 0)
        return o.fd;
    errtext_errno(err, "a set of recipients in memory");
    if (o.fd >= 0)
        close(o.fd);
    return -1;
}

/* rcpt_set.c - reading a set of recipient addresses.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "lib/base/alloc.h"
#include "socketmapd/rcpt_set_format.h"

struct rcpt_set {
    const struct rcpt_set_head *head;
    const char *base;
    const struct set_slot *slots;
    uint64_t size;
};

/* ---- opening ---- */

static bool section_fits(uint64_t at, uint64_t end, uint64_t align, uint64_t size)
{
    return at <= end && end <= size && at % align == 0;
}

/* Every offset that is followed later lies within the file. */
static bool layout_is_sound(const struct rcpt_set_head *h, uint64_t size)
{
    return h->file_bytes == size && h->n < UINT32_MAX && h->slots > 0 && h->slots < UINT32_MAX && h->n < h->slots && h->n_missing <= h->n &&
           h->n_objects < UINT32_MAX && h->slots_at >= h->head_bytes &&
           section_fits(h->slots_at, h->slots_at + h->slots * sizeof(struct set_slot), 8, size) && section_fits(h->records_at, h->records_end, 8, size) &&
           section_fits(h->missing_at, h->missing_at + h->n_missing * sizeof(struct set_missing), 8, size) &&
           section_fits(h->objects_at, h->objects_at + 8 * h->n_objects, 8, size) && section_fits(h->names_at, size, 1, size);
}

static bool is_text(const char *field, size_t size)
{
    return memchr(field, '\0', size) != NULL;
}

static bool about_is_text(const struct rcpt_set_about *a)
{
    for (size_t i = 0; i < RCPT_SET_ATTRS_MAX; i++) {
        if (!is_text(a->attr[i], sizeof(a->attr[i])))
            return false;
    }
    return is_text(a->base, sizeof(a->base)) && is_text(a->context, sizeof(a->context)) && is_text(a->server, sizeof(a->server)) &&
           is_text(a->asked, sizeof(a->asked));
}

static uint32_t crc(const char *p, uint64_t n)
{
    return (uint32_t)crc32_z(crc32_z(0, NULL, 0), (const Bytef *)p, (z_size_t)n);
}

static enum rcpt_set_status check(const char *base, uint64_t size, bool whole, struct errtext *err)
{
    const struct rcpt_set_head *h = (const void *)base;

    if (size < 16 || memcmp(h->magic, RCPT_SET_MAGIC, sizeof(h->magic)) != 0) {
        errtext_set(err, "is no set of recipients");
        return RCPT_SET_E_BROKEN;
    }
    if (h->version != RCPT_SET_VERSION) {
        errtext_set(err, "was written by another version of gatepost (format %u, this one reads %d)", h->version, RCPT_SET_VERSION);
        return RCPT_SET_E_VERSION;
    }
    if (size < sizeof(*h) || h->head_bytes != sizeof(*h) || crc(base, offsetof(struct rcpt_set_head, head_crc)) != h->head_crc ||
        !about_is_text(&h->about)) {
        errtext_set(err, "is damaged in its first %zu bytes", sizeof(*h));
        return RCPT_SET_E_BROKEN;
    }
    if (!layout_is_sound(h, size)) {
        errtext_set(err, "is cut or grown: it has %llu bytes, %llu were written", (unsigned long long)size, (unsigned long long)h->file_bytes);
        return RCPT_SET_E_BROKEN;
    }
    if (whole && crc(base + sizeof(*h), size - sizeof(*h)) != h->body_crc) {
        errtext_set(err, "is damaged: its checksum does not match");
        return RCPT_SET_E_BROKEN;
    }
    return RCPT_SET_OK;
}

static struct rcpt_set *set_over(const char *base, uint64_t size)
{
    struct rcpt_set *s = xcalloc(1, sizeof(*s));

    s->base = base;
    s->size = size;
    s->head = (const void *)base;
    s->slots = (const void *)(base + s->head->slots_at);
    return s;
}

enum rcpt_set_status rcpt_set_open_fd(int fd, const char *name, bool whole, struct rcpt_set **set_out, struct errtext *err)
{
    enum rcpt_set_status st;
    void *base = MAP_FAILED;
    struct stat about;

    if (fstat(fd, &about) != 0) {
        errtext_errno(err, "%s", name);
        return RCPT_SET_E_SYSTEM;
    }
    if (about.st_size > 0)
        base = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED) {
        errtext_set(err, "%s: is empty or cannot be mapped", name);
        return RCPT_SET_E_BROKEN;
    }
    if ((st = check(base, (uint64_t)about.st_size, whole, err)) != RCPT_SET_OK) {
        errtext_prefix(err, "%s", name);
        munmap(base, (size_t)about.st_size);
        return st;
    }
    *set_out = set_over(base, (uint64_t)about.st_size);
    return RCPT_SET_OK;
}

enum rcpt_set_status rcpt_set_open(const char *path, bool whole, struct rcpt_set **set_out, struct errtext *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    enum rcpt_set_status st = errno == ENOENT ? RCPT_SET_NO_FILE : RCPT_SET_E_SYSTEM;

    if (fd < 0) {
        errtext_errno(err, "%s", path);
        return st;
    }
    st = rcpt_set_open_fd(fd, path, whole, set_out, err);
    close(fd);
    return st;
}

void rcpt_set_close(struct rcpt_set **s)
{
    if (*s == NULL)
        return;
    munmap((void *)(uintptr_t)(*s)->base, (size_t)(*s)->size);
    free(*s);
    *s = NULL;
}

/* ---- records ---- */

/* The record at a place, or false where none can be (a damaged body that nobody has read whole). */
static bool record_at(const struct rcpt_set *s, uint64_t place, struct rcpt_set_entry *out)
{
    uint64_t at = s->head->records_at + place * RECORD_ALIGN;
    const char *p = s->base + at;
    uint32_t object;
    uint16_t word;
    size_t n;

    if (at + RECORD_HEAD > s->head->records_end)
        return false;
    memcpy(&object, p, 4);
    memcpy(&word, p + 4, 2);
    n = word & ((1U << RECORD_LENGTH_BITS) - 1);
    if (at + RECORD_HEAD + n > s->head->records_end)
        return false;
    *out = (struct rcpt_set_entry){ .address = span_of(p + RECORD_HEAD, n), .object = object,
                                    .flags = (word >> RECORD_LENGTH_BITS) & ((1U << RECORD_FLAGS_BITS) - 1),
                                    .attr = word >> (RECORD_LENGTH_BITS + RECORD_FLAGS_BITS) };
    return true;
}

static void find_missing(const struct rcpt_set *s, uint64_t place, struct rcpt_set_entry *e)
{
    const struct set_missing *v = (const void *)(s->base + s->head->missing_at);
    uint64_t low = 0, high = s->head->n_missing;

    while (low < high) {
        uint64_t mid = low + (high - low) / 2;

        if (v[mid].record < place)
            low = mid + 1;
        else
            high = mid;
    }
    if (low < s->head->n_missing && v[low].record == place) {
        e->since_ms = v[low].since_ms;
        e->missed = (uint32_t)v[low].missed;
        e->missed_by = v[low].missed_by;
    }
}

bool rcpt_set_find(const struct rcpt_set *s, span address, struct rcpt_set_entry *entry_out)
{
    uint64_t hash = siphash(address, &s->head->key), slots = s->head->slots;
    uint32_t tag = set_tag(hash);
    uint64_t i = set_slot_of(hash, slots);

    for (uint64_t looked = 0; looked < slots && s->slots[i].tag != 0; looked++) {
        struct rcpt_set_entry e;

        if (s->slots[i].tag == tag && record_at(s, s->slots[i].place, &e) && span_eq(e.address, address)) {
            if ((e.flags & RCPT_SET_MISSING) != 0)
                find_missing(s, s->slots[i].place, &e);
            *entry_out = e;
            return true;
        }
        i = i + 1 < slots ? i + 1 : 0;
    }
    return false;
}

bool rcpt_set_next(const struct rcpt_set *s, uint64_t *cursor, struct rcpt_set_entry *entry_out)
{
    struct rcpt_set_entry e;
    uint64_t place = *cursor;

    if (s->head->records_at + place * RECORD_ALIGN >= s->head->records_end || !record_at(s, place, &e))
        return false;
    if ((e.flags & RCPT_SET_MISSING) != 0)
        find_missing(s, place, &e);
    *cursor = place + record_bytes(e.address.n) / RECORD_ALIGN;
    *entry_out = e;
    return true;
}

span rcpt_set_object(const struct rcpt_set *s, uint32_t object)
{
    uint64_t at;
    uint16_t n;

    if (object >= s->head->n_objects)
        return SPAN("");
    memcpy(&at, s->base + s->head->objects_at + 8ULL * object, 8);
    if (at > s->size - s->head->names_at || s->head->names_at + at + 2 > s->size)
        return SPAN("");
    memcpy(&n, s->base + s->head->names_at + at, 2);
    if (s->head->names_at + at + 2 + n > s->size)
        return SPAN("");
    return span_of(s->base + s->head->names_at + at + 2, n);
}

span rcpt_set_dn(const struct rcpt_set *s, uint32_t object)
{
    span both = rcpt_set_object(s, object);

    return span_head(both, span_find(both, '\0'));
}

span rcpt_set_login(const struct rcpt_set *s, uint32_t object)
{
    span both = rcpt_set_object(s, object);

    return span_from(both, span_find(both, '\0') + 1);
}

const struct rcpt_set_about *rcpt_set_about(const struct rcpt_set *s)
{
    return &s->head->about;
}

uint64_t rcpt_set_count(const struct rcpt_set *s)
{
    return s->head->n;
}

uint64_t rcpt_set_missing(const struct rcpt_set *s)
{
    return s->head->n_missing;
}

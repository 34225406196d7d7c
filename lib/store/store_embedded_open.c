/* store_embedded_open.c - gets the old content of the embedded store: from the run file, or after a reboot from the disk copy.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <errno.h>
#include <fcntl.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/alloc.h"
#include "lib/store/store_embedded.h"

/* ---- store time ---- */

int64_t embedded_now_ms(const struct embedded *e)
{
    return e->head->anchor_store_ms + (loop_now_ms(e->store.loop) - e->head->anchor_mono_ms);
}

void embedded_mark_time(struct embedded *e)
{
    e->head->last_store_ms = embedded_now_ms(e);
    e->head->last_wall_ms = loop_wall_ms(e->store.loop);
}

/* Goes on from where the content's time stood.  Within one boot the monotonic clock has counted on; after a reboot only the wall clock
 * knows how long it was, and it may be wrong by years. */
static void time_anchor(struct embedded *e, const struct store_file_head *old)
{
    struct store_file_head *h = e->head;
    int64_t mono_ms = loop_now_ms(e->store.loop), wall_ms = loop_wall_ms(e->store.loop), pause_ms, now_ms;
    uint8_t boot_id[16];

    boot_id_read(boot_id);
    if (old == NULL) {
        now_ms = wall_ms;
    } else {
        int64_t counted_ms = old->anchor_store_ms + (mono_ms - old->anchor_mono_ms);

        pause_ms = wall_ms - old->last_wall_ms;
        if (pause_ms < 0)
            pause_ms = 0;
        if (pause_ms > STORE_PAUSE_MAX_MS)
            pause_ms = STORE_PAUSE_MAX_MS;
        now_ms = old->last_store_ms + pause_ms;
        if (memcmp(boot_id, old->boot_id, sizeof(boot_id)) == 0 && counted_ms >= old->last_store_ms)
            now_ms = counted_ms;
    }
    memcpy(h->boot_id, boot_id, sizeof(boot_id));
    h->anchor_store_ms = now_ms;
    h->anchor_mono_ms = mono_ms;
    h->last_store_ms = now_ms;
    h->last_wall_ms = wall_ms;
}

/* Times that no clock of ours can have made would overflow sums: such a head is as good as damaged. */
static bool times_sound(const struct store_file_head *h)
{
    const int64_t most = (int64_t)1 << 52, values[] = { h->anchor_store_ms, h->anchor_mono_ms, h->last_store_ms, h->last_wall_ms };

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        if (values[i] < -most || values[i] > most)
            return false;
    return true;
}

/* ---- reading another file's content ---- */

struct import {
    uint64_t taken, damaged;
    bool cut;
};

static void import_slot(struct embedded *e, enum store_table_id id, const struct slot *from)
{
    span key = slot_key(from);
    uint64_t hash = siphash(key, &e->head->key);
    struct slot *to = table_find(&e->tables[id], hash, key);

    if (to != NULL && to->used_s > from->used_s)
        return;
    if (to != NULL)
        table_remove(&e->tables[id], hash, to);
    if ((to = table_insert(&e->tables[id], hash, key, from->data_bytes)) == NULL)
        return;
    memcpy(slot_data(to), from->body, from->data_bytes);
    to->used_s = from->used_s;
    to->expires_ms = from->expires_ms;
    table_write_end(to);
}

static void import_slab(struct embedded *e, const struct store_map *map, size_t which, int64_t now_ms, struct import *im)
{
    const struct slab_head *slab = &((const struct store_file_head *)map->base)->slabs[which];
    uint64_t room = slab->offset < map->size ? (map->size - slab->offset) / slab->slot_bytes : 0;
    uint64_t slots = slab->used < room ? slab->used : room;

    for (uint64_t n = 0; n < slots; n++) {
        const struct slot *from = (const void *)((const char *)map->base + slab->offset + n * slab->slot_bytes);

        if (!slot_sound(from, slab->slot_bytes)) {
            im->damaged += from->check != 0;
            continue;
        }
        if (from->expires_ms <= now_ms)
            continue;
        import_slot(e, (enum store_table_id)(which / SLOT_CLASSES), from);
        im->taken++;
    }
}

static void import_all(struct embedded *e, const struct store_map *map, struct import *im)
{
    int64_t now_ms = embedded_now_ms(e);

    for (size_t i = 0; i < SLAB_COUNT; i++)
        import_slab(e, map, i, now_ms, im);
}

static void import_warn(const struct import *im, const char *path, struct errtext *warn)
{
    if (im->cut)
        errtext_set(warn, "%s: the end of the file is missing; %" PRIu64 " entries were read", path, im->taken);
    else if (im->damaged > 0)
        errtext_set(warn, "%s: %" PRIu64 " damaged entries were dropped, %" PRIu64 " read", path, im->damaged, im->taken);
}

/* ---- opening ---- */

static void tables_open(struct embedded *e, uint64_t max_entries, struct import *im)
{
    int64_t now_ms = embedded_now_ms(e);

    for (size_t i = 0; i < TABLE_COUNT; i++) {
        im->damaged += table_open(&e->tables[i], (enum store_table_id)i, &e->map, max_entries, now_ms);
        im->taken += e->tables[i].count;
    }
}

/* A new run file is made beside its place and moved there when it is whole. */
static int make_new(struct embedded *e, uint64_t max_entries, const struct store_map *old, bool old_cut, const char *old_path, struct errtext *err)
{
    struct store_file_head h;
    uint64_t size = store_file_layout(&h, max_entries);
    struct import im = { .cut = old_cut };
    char *path = xasprintf("%s.new", e->run_path);
    int r = -1;

    rand_bytes(&h.key, sizeof(h.key));
    store_file_seal(&h);
    if (store_map_create(path, size, &e->map, err) != MAP_OK)
        goto out;
    if (posix_fallocate(e->map.fd, 0, sizeof(h)) != 0) {
        errtext_set(err, "%s: no room for a store file", path);
        goto out;
    }
    e->head = e->map.base;
    *e->head = h;
    time_anchor(e, old != NULL ? old->base : NULL);
    tables_open(e, max_entries, &im);
    if (old != NULL) {
        import_all(e, old, &im);
        import_warn(&im, old_path, err);
    }
    if (rename(path, e->run_path) < 0) {
        errtext_errno(err, "rename %s to %s", path, e->run_path);
        goto out;
    }
    r = 0;
out:
    if (r < 0) {
        unlink(path);
        embedded_unmap(e);
    }
    free(path);
    return r;
}

/* Maps path for reading its content; a file that cannot be read as a store leaves a warning and is as good as none. */
static bool source_open(const char *path, bool writable, struct store_map *map, bool *cut_out, struct errtext *warn, enum store_map_result *result_out)
{
    struct errtext why = { "" };

    *cut_out = false;
    *result_out = store_map_open(path, writable, map, &why);
    if (*result_out == MAP_OK && store_file_check(map->base, map->size, cut_out, &why)) {
        if (times_sound(map->base))
            return true;
        errtext_set(&why, "the file's head is damaged");
    }
    if (*result_out == MAP_OK) {
        store_map_close(map);
        errtext_prefix(&why, "%s", path);
    }
    if (*result_out != MAP_NO_FILE)
        errtext_set(warn, "%s; its content is dropped", why.text);
    return false;
}

/* The run file as it is, if it has the wanted layout; its slots are checked one by one. */
static bool take_over(struct embedded *e, uint64_t max_entries, struct store_map *map, struct errtext *warn)
{
    struct store_file_head want, old = *(const struct store_file_head *)map->base;
    struct import im = { 0 };

    if (store_file_layout(&want, max_entries) != map->size || !store_file_same_layout(&want, &old))
        return false;
    e->map = *map;
    e->head = map->base;
    time_anchor(e, &old);
    tables_open(e, max_entries, &im);
    import_warn(&im, e->run_path, warn);
    return true;
}

static int ensure_directory(const char *file_path, struct errtext *err)
{
    char *dir = xstrdup(file_path);
    int r = 0;

    *strrchr(dir, '/') = '\0';
    if (mkdir(dir, 0750) < 0 && errno != EEXIST) {
        errtext_errno(err, "%s", dir);
        r = -1;
    }
    free(dir);
    return r;
}

int embedded_map(struct embedded *e, uint64_t max_entries, struct errtext *err)
{
    struct store_map old = { .fd = -1 };
    struct errtext warn = { "" }, disk_warn = { "" };
    enum store_map_result got;
    const char *from = NULL;
    bool cut = false;
    int r;

    if (max_entries >= (uint64_t)1 << 28)
        max_entries = ((uint64_t)1 << 28) - 1;
    if (ensure_directory(e->run_path, err) < 0)
        return -1;
    if (source_open(e->run_path, true, &old, &cut, &warn, &got)) {
        if (!cut && take_over(e, max_entries, &old, err))
            return 0;
        from = e->run_path;
    } else if (got == MAP_E_BUSY) {
        errtext_set(err, "%s: another process has this store open", e->run_path);
        return -1;
    } else if (source_open(e->disk_path, false, &old, &cut, &disk_warn, &got)) {
        from = e->disk_path;
    }
    r = make_new(e, max_entries, from != NULL ? &old : NULL, cut, from, err);
    store_map_close(&old);
    if (r == 0 && err != NULL && err->text[0] == '\0' && (warn.text[0] != '\0' || disk_warn.text[0] != '\0'))
        errtext_set(err, "%s", warn.text[0] != '\0' ? warn.text : disk_warn.text);
    return r;
}

void embedded_unmap(struct embedded *e)
{
    for (size_t i = 0; i < TABLE_COUNT; i++)
        table_close(&e->tables[i]);
    store_map_close(&e->map);
    e->head = NULL;
}

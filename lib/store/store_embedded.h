/* store_embedded.h - inside the embedded store: its struct, and what its files offer each other.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_STORE_EMBEDDED_H
#define GATEPOST_STORE_EMBEDDED_H

#include "lib/net/child.h"
#include "lib/store/store_backend.h"
#include "lib/store/store_rules.h"
#include "lib/store/store_table.h"

struct scan_walk;

/* The data of a slot, table by table; a limit's is union limit_data, as long as its kind is. */
struct once_data { int64_t charged_us; };           /* 0: given back */
struct grey_data { int64_t first_ms, last_ms, tries, passed; };
struct value_data { int64_t written_ms; char value[]; };

struct embedded {
    struct store store;
    char *run_path, *disk_path;
    struct store_map map;
    struct store_file_head *head;        /* the map's beginning */
    struct table tables[TABLE_COUNT];
    struct loop_timer sweep_timer;
    struct scan_walk *walks;

    struct child *saver;
    struct loop_timer save_timer;
    int64_t save_interval_ms;
    bool saving;
    int64_t saves;                       /* copies that are whole on disk */
    char problem[256];
};

/* store_embedded_open.c: maps or makes the file, reads the old content, fills the tables. */
int embedded_map(struct embedded *e, uint64_t max_entries, struct errtext *err);
void embedded_unmap(struct embedded *e);
int64_t embedded_now_ms(const struct embedded *e);   /* store time */
void embedded_mark_time(struct embedded *e);         /* notes both clocks in the head */

/* The caller's time, or the store's. */
static inline int64_t embedded_time(const struct embedded *e, int64_t asked_ms)
{
    return asked_ms > 0 ? asked_ms : embedded_now_ms(e);
}

static inline uint64_t embedded_hash(const struct embedded *e, span key)
{
    return siphash(key, &e->head->key);
}

/* The live slot, marked as used; an expired one goes. */
struct slot *embedded_find(struct embedded *e, enum store_table_id id, uint64_t hash, span key, int64_t now_ms);
struct slot *embedded_insert(struct embedded *e, enum store_table_id id, uint64_t hash, span key, size_t data_bytes, int64_t now_ms);

/* store_embedded_limits.c */
void embedded_limits(struct store *s, const struct store_limits_request *q, store_limits_fn *fn, void *arg, struct store_call **call_out);
void embedded_refund(struct store *s, const struct store_limits_request *q, store_refund_fn *fn, void *arg, struct store_call **call_out);
void embedded_limit_read(struct slot *s, struct limit_state *st);

/* store_embedded_scan.c */
void embedded_scan(struct store *s, const char *table, span prefix, size_t limit, store_scan_fn *fn, void *arg);
void embedded_scan_stop(struct embedded *e);

/* store_embedded_save.c: the saver child and its timer. */
void embedded_save_start(struct embedded *e);
void embedded_save_stop(struct embedded *e);         /* a last copy, at most SAVE_LAST_MS */

/* The key of a remembered value: "table:key". */
enum { VALUE_KEY_MAX = STORE_KEY_MAX + 33 };
span embedded_value_key(const char *table, span key, char room[VALUE_KEY_MAX]);

#endif

/* store_embedded.c - the store in this process' memory: the domain operations over the tables.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/store/store_embedded.h"

#include <assert.h>
#include <stdlib.h>

#include "lib/base/alloc.h"

#define FROM_STORE(s) ((struct embedded *)(void *)(s))
#define SWEEP_MS 100
#define SWEEP_ROUND_MS SECONDS(60)    /* each entry is looked at about once in this time */

struct slot *embedded_find(struct embedded *e, enum store_table_id id, uint64_t hash, span key, int64_t now_ms)
{
    struct slot *s = table_find(&e->tables[id], hash, key);

    if (s == NULL)
        return NULL;
    if (s->expires_ms <= now_ms) {
        table_remove(&e->tables[id], hash, s);
        return NULL;
    }
    s->used_s = (uint32_t)(now_ms / 1000);
    return s;
}

struct slot *embedded_insert(struct embedded *e, enum store_table_id id, uint64_t hash, span key, size_t data_bytes, int64_t now_ms)
{
    struct slot *s = table_insert(&e->tables[id], hash, key, data_bytes);

    if (s != NULL)
        s->used_s = (uint32_t)(now_ms / 1000);
    return s;
}

/* ---- greylist ---- */

static void grey_read(struct slot *s, struct grey_state *st)
{
    const struct grey_data *d;

    *st = (struct grey_state){ 0 };
    if (s == NULL)
        return;
    d = slot_data(s);
    *st = (struct grey_state){ d->first_ms, d->last_ms, d->tries, d->passed != 0 };
}

static bool grey_write(struct embedded *e, uint64_t hash, span key, const struct grey_state *st, int64_t expires_ms, int64_t now_ms)
{
    struct slot *s = table_find(&e->tables[TABLE_GREY], hash, key);

    if (s != NULL)
        table_write_begin(s);
    else if ((s = embedded_insert(e, TABLE_GREY, hash, key, sizeof(struct grey_data), now_ms)) == NULL)
        return false;
    *(struct grey_data *)slot_data(s) = (struct grey_data){ st->first_ms, st->last_ms, st->tries, st->passed };
    s->expires_ms = expires_ms + 1;        /* the last millisecond still counts */
    table_write_end(s);
    return true;
}

/* One key, without the authority's. */
static void grey_one(struct embedded *e, const struct store_grey_request *q, int64_t now_ms, struct store_grey_result *r)
{
    uint64_t hash = embedded_hash(e, q->key);
    struct grey_state st;
    int64_t expires_ms;

    grey_read(embedded_find(e, TABLE_GREY, hash, q->key, now_ms), &st);
    grey_step(&st, q, now_ms, r, &expires_ms);
    if (!grey_write(e, hash, q->key, &st, expires_ms, now_ms))   /* what cannot be noted would wait for ever: nobody knows */
        *r = (struct store_grey_result){ .outcome = STORE_DOWN, .why = "no memory for another greylist entry" };
}

static void embedded_grey(struct store *store, const struct store_grey_request *q, store_grey_fn *fn, void *arg, struct store_call **call_out)
{
    struct embedded *e = FROM_STORE(store);
    int64_t now_ms = embedded_time(e, q->now_ms);
    uint64_t hash = q->auto_key.n > 0 ? embedded_hash(e, q->auto_key) : 0;
    struct store_grey_result r = { 0 };
    struct grey_state whole = { 0 };

    if (q->auto_key.n > 0)
        grey_read(embedded_find(e, TABLE_GREY, hash, q->auto_key, now_ms), &whole);
    if (grey_auto_pass(&whole, q, now_ms)) {
        r = (struct store_grey_result){ .outcome = STORE_HIT, .answer = GREY_PASS, .tries = whole.tries, .automatic = true };
    } else {
        grey_one(e, q, now_ms, &r);
        if (r.answer == GREY_PASS && q->auto_key.n > 0)
            grey_auto_count(&whole, q, now_ms);
    }
    if (q->auto_key.n > 0 && r.outcome == STORE_HIT && r.answer == GREY_PASS)
        grey_write(e, hash, q->auto_key, &whole, now_ms + q->auto_keep_ms, now_ms);
    *call_out = NULL;
    fn(&r, arg);
}

/* ---- values ---- */

span embedded_value_key(const char *table, span key, char room[VALUE_KEY_MAX])
{
    size_t n = strlen(table);

    memcpy(room, table, n);
    room[n] = ':';
    if (key.n > 0)
        memcpy(room + n + 1, key.p, key.n);
    return span_of(room, n + 1 + key.n);
}

static void embedded_remember(struct store *store, const char *table, span key, span value, int64_t ttl_ms, int64_t asked_ms,
                              store_value_fn *fn, void *arg)
{
    struct embedded *e = FROM_STORE(store);
    int64_t now_ms = embedded_time(e, asked_ms);
    char room[VALUE_KEY_MAX];
    span full = embedded_value_key(table, key, room);
    uint64_t hash = embedded_hash(e, full);
    struct table *t = &e->tables[TABLE_VALUES];
    struct slot *s = table_find(t, hash, full);
    struct value_data *d;

    if (s != NULL && s->data_bytes != sizeof(*d) + value.n) {
        table_remove(t, hash, s);
        s = NULL;
    }
    if (s != NULL) {
        table_write_begin(s);
        s->used_s = (uint32_t)(now_ms / 1000);
    } else if ((s = embedded_insert(e, TABLE_VALUES, hash, full, sizeof(*d) + value.n, now_ms)) == NULL) {
        fn(&(struct store_value_result){ .outcome = STORE_DOWN, .why = "no memory for another value" }, arg);
        return;
    }
    d = slot_data(s);
    d->written_ms = now_ms;
    if (value.n > 0)
        memcpy(d->value, value.p, value.n);
    s->expires_ms = now_ms + ttl_ms;
    table_write_end(s);
    fn(&(struct store_value_result){ .outcome = STORE_HIT, .value = value, .ttl_left_ms = ttl_ms }, arg);
}

static void embedded_recall(struct store *store, const char *table, span key, int64_t asked_ms, store_value_fn *fn, void *arg,
                            struct store_call **call_out)
{
    struct embedded *e = FROM_STORE(store);
    int64_t now_ms = embedded_time(e, asked_ms);
    char room[VALUE_KEY_MAX], value[STORE_VALUE_MAX];
    span full = embedded_value_key(table, key, room);
    struct slot *s = embedded_find(e, TABLE_VALUES, embedded_hash(e, full), full, now_ms);
    struct store_value_result r = { .outcome = STORE_MISS };

    if (s != NULL) {
        const struct value_data *d = slot_data(s);

        /* A copy: the callback may write to the store. */
        r.value = span_of(value, s->data_bytes - sizeof(*d));
        memcpy(value, d->value, r.value.n);
        r.outcome = STORE_HIT;
        r.age_ms = now_ms > d->written_ms ? now_ms - d->written_ms : 0;
        r.ttl_left_ms = s->expires_ms - now_ms;
    }
    *call_out = NULL;
    fn(&r, arg);
}

static void embedded_forget(struct store *store, const char *table, span key, store_value_fn *fn, void *arg)
{
    struct embedded *e = FROM_STORE(store);
    char room[VALUE_KEY_MAX];
    enum store_table_id id = strcmp(table, "limits") == 0 ? TABLE_LIMITS : strcmp(table, "grey") == 0 ? TABLE_GREY : TABLE_VALUES;
    span full = id == TABLE_VALUES ? embedded_value_key(table, key, room) : key;
    uint64_t hash = embedded_hash(e, full);
    struct slot *s = table_find(&e->tables[id], hash, full);

    if (s != NULL)
        table_remove(&e->tables[id], hash, s);
    fn(&(struct store_value_result){ .outcome = s != NULL ? STORE_HIT : STORE_MISS }, arg);
}

/* ---- life ---- */

static void on_sweep(void *arg)
{
    struct embedded *e = arg;
    int64_t now_ms = embedded_now_ms(e);

    for (size_t i = 0; i < TABLE_COUNT; i++)
        if (e->tables[i].count > 0)
            table_sweep(&e->tables[i], e->tables[i].index_size * SWEEP_MS / SWEEP_ROUND_MS + 1, now_ms);
    embedded_mark_time(e);
    loop_timer_start(e->store.loop, &e->sweep_timer, SWEEP_MS, on_sweep, e);
}

static void embedded_cancel(struct store_call *call)
{
    (void)call;
    assert(false);       /* no call of this back end is ever pending */
}

static bool embedded_up(const struct store *s)
{
    (void)s;
    return true;
}

static const char *embedded_problem(const struct store *s)
{
    return ((const struct embedded *)(const void *)s)->problem;
}

static void embedded_close(struct store *store)
{
    struct embedded *e = FROM_STORE(store);

    embedded_scan_stop(e);
    loop_timer_stop(&e->sweep_timer);
    embedded_mark_time(e);
    embedded_save_stop(e);
    embedded_unmap(e);
    free(e->run_path);
    free(e->disk_path);
    free(e);
}

static const struct store_backend embedded_backend = {
    .limits = embedded_limits,
    .refund = embedded_refund,
    .grey = embedded_grey,
    .remember = embedded_remember,
    .recall = embedded_recall,
    .forget = embedded_forget,
    .scan = embedded_scan,
    .cancel = embedded_cancel,
    .up = embedded_up,
    .problem = embedded_problem,
    .close = embedded_close,
};

struct store *store_embedded_open(struct loop *l, const char *name, const struct settings *set, struct errtext *err)
{
    struct embedded *e = xcalloc(1, sizeof(*e));

    e->store = (struct store){ &embedded_backend, l };
    e->run_path = xasprintf("%s/%s.shm", set->process.run_directory, name);
    e->disk_path = xasprintf("%s/%s.store", set->process.state_directory, name);
    e->save_interval_ms = set->store.save_interval_ms;
    if (embedded_map(e, set->store.max_entries > 0 ? (uint64_t)set->store.max_entries : 1, err) < 0) {
        free(e->run_path);
        free(e->disk_path);
        free(e);
        return NULL;
    }
    embedded_save_start(e);
    loop_timer_start(l, &e->sweep_timer, SWEEP_MS, on_sweep, e);
    return &e->store;
}

/* store_embedded.c - the store in this process' memory: the domain operations over the tables.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/store/store_embedded.h"

#include <assert.h>
#include <stdlib.h>

#include "lib/base/alloc.h"
#include "lib/store/store_rules.h"

#define FROM_STORE(s) ((struct embedded *)(void *)(s))
#define SWEEP_MS 100
#define SWEEP_ROUND_MS SECONDS(60)    /* each entry is looked at about once in this time */

static int64_t time_of(const struct embedded *e, int64_t asked_ms)
{
    return asked_ms > 0 ? asked_ms : embedded_now_ms(e);
}

static uint64_t hash_of(const struct embedded *e, span key)
{
    return siphash(key, &e->head->key);
}

/* The live slot, marked as used; an expired one goes. */
static struct slot *find_live(struct embedded *e, enum store_table_id id, uint64_t hash, span key, int64_t now_ms)
{
    struct slot *s = table_find(&e->tables[id], hash, key);

    if (s == NULL)
        return NULL;
    if (s->expires_ms <= now_ms) {
        table_remove(&e->tables[id], s);
        return NULL;
    }
    s->used_s = (uint32_t)(now_ms / 1000);
    return s;
}

static struct slot *insert(struct embedded *e, enum store_table_id id, uint64_t hash, span key, size_t data_bytes, int64_t now_ms)
{
    struct slot *s = table_insert(&e->tables[id], hash, key, data_bytes);

    if (s != NULL)
        s->used_s = (uint32_t)(now_ms / 1000);
    return s;
}

/* ---- limits ---- */

struct limit_step {
    struct gcra gcra;
    uint64_t hash;
    struct slot *slot;
    int64_t free_us;       /* before this decision */
};

static void limit_write(struct slot *s, const struct gcra *g, int64_t full_us)
{
    struct limit_data *d = slot_data(s);

    d->full_us = full_us;
    d->every_us = g->every_us;
    d->window_us = g->window_us;
    s->expires_ms = (full_us + 999) / 1000;
    table_write_end(s);
}

/* When the bucket is full again; 0: it is. */
static int64_t limit_read(struct slot *s, const struct gcra *g, int64_t now_us)
{
    int64_t full_us, capped_us;

    if (s == NULL)
        return 0;
    full_us = ((struct limit_data *)slot_data(s))->full_us;
    capped_us = gcra_capped_us(g, full_us, now_us);
    if (capped_us != full_us) {
        table_write_begin(s);
        limit_write(s, g, capped_us);
    }
    return capped_us;
}

static bool limits_look(struct embedded *e, const struct store_limits_request *q, struct limit_step *steps, int64_t now_ms)
{
    bool fits = true;

    for (size_t i = 0; i < q->n; i++) {
        steps[i].hash = hash_of(e, q->limits[i].key);
        table_prefetch(&e->tables[TABLE_LIMITS], steps[i].hash);
    }
    for (size_t i = 0; i < q->n; i++) {
        struct limit_step *st = &steps[i];

        st->gcra = gcra_of(&q->limits[i]);
        st->slot = find_live(e, TABLE_LIMITS, st->hash, q->limits[i].key, now_ms);
        st->free_us = gcra_free_us(&st->gcra, limit_read(st->slot, &st->gcra, now_ms * 1000), now_ms * 1000);
        fits = gcra_fits(&st->gcra, st->free_us) && fits;
    }
    return fits;
}

/* A kill between two of these leaves a decision that nobody heard of counted in part: at worst one event too many. */
static void limits_charge(struct embedded *e, const struct store_limits_request *q, const struct limit_step *steps, int64_t now_ms)
{
    bool moved = false;

    for (size_t i = 0; i < q->n; i++) {
        const struct limit_step *st = &steps[i];
        struct slot *s = st->slot;

        if (st->gcra.need_us == 0)
            continue;
        if (moved || s == NULL)      /* an insertion may have evicted what was found before it */
            s = table_find(&e->tables[TABLE_LIMITS], st->hash, q->limits[i].key);
        if (s != NULL) {
            table_write_begin(s);
        } else {
            s = insert(e, TABLE_LIMITS, st->hash, q->limits[i].key, sizeof(struct limit_data), now_ms);
            moved = true;
        }
        if (s != NULL)
            limit_write(s, &st->gcra, now_ms * 1000 + st->gcra.window_us - st->free_us + st->gcra.need_us);
    }
}

static void once_write(struct embedded *e, const struct store_limits_request *q, uint64_t hash, int64_t now_ms)
{
    struct slot *s = insert(e, TABLE_ONCE, hash, q->once, 0, now_ms);

    if (s == NULL)
        return;
    s->expires_ms = now_ms + q->once_ms;
    table_write_end(s);
}

static bool costs_something(const struct store_limits_request *q)
{
    for (size_t i = 0; i < q->n; i++)
        if (q->limits[i].cost > 0)
            return true;
    return false;
}

static void embedded_limits(struct store *store, const struct store_limits_request *q, store_limits_fn *fn, void *arg, struct store_call **call_out)
{
    struct embedded *e = FROM_STORE(store);
    int64_t now_ms = time_of(e, q->now_ms);
    struct limit_step steps[STORE_LIMITS_MAX];
    struct store_limits_result r;
    uint64_t once_hash = q->once.n > 0 ? hash_of(e, q->once) : 0;
    bool fits = limits_look(e, q, steps, now_ms);
    bool again = q->once.n > 0 && find_live(e, TABLE_ONCE, once_hash, q->once, now_ms) != NULL;
    bool charge = fits && !again;

    if (charge) {
        limits_charge(e, q, steps, now_ms);
        if (q->once.n > 0 && q->once_ms > 0 && costs_something(q))
            once_write(e, q, once_hash, now_ms);
    }
    r.outcome = STORE_HIT;
    r.committed = fits || again;
    r.n = q->n;
    r.why = NULL;
    for (size_t i = 0; i < q->n; i++)
        gcra_result(&steps[i].gcra, steps[i].free_us, !again && !gcra_fits(&steps[i].gcra, steps[i].free_us), charge, &r.each[i]);
    *call_out = NULL;
    fn(&r, arg);
}

/* ---- greylist ---- */

static void embedded_grey(struct store *store, const struct store_grey_request *q, store_grey_fn *fn, void *arg, struct store_call **call_out)
{
    struct embedded *e = FROM_STORE(store);
    int64_t now_ms = time_of(e, q->now_ms), expires_ms;
    uint64_t hash = hash_of(e, q->key);
    struct slot *s = find_live(e, TABLE_GREY, hash, q->key, now_ms);
    struct grey_state st = { 0 };
    struct store_grey_result r = { 0 };

    if (s != NULL) {
        const struct grey_data *d = slot_data(s);

        st = (struct grey_state){ d->first_ms, d->last_ms, d->tries, d->passed != 0 };
    }
    grey_step(&st, q, now_ms, &r, &expires_ms);
    if (s != NULL)
        table_write_begin(s);
    else
        s = insert(e, TABLE_GREY, hash, q->key, sizeof(struct grey_data), now_ms);
    if (s != NULL) {
        *(struct grey_data *)slot_data(s) = (struct grey_data){ st.first_ms, st.last_ms, st.tries, st.passed };
        s->expires_ms = expires_ms + 1;        /* the last millisecond still counts */
        table_write_end(s);
    } else {
        /* What cannot be noted would wait for ever: nobody knows. */
        r = (struct store_grey_result){ .outcome = STORE_DOWN, .why = "no memory for another greylist entry" };
    }
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
    int64_t now_ms = time_of(e, asked_ms);
    char room[VALUE_KEY_MAX];
    span full = embedded_value_key(table, key, room);
    uint64_t hash = hash_of(e, full);
    struct table *t = &e->tables[TABLE_VALUES];
    struct slot *s = table_find(t, hash, full);
    struct value_data *d;

    if (s != NULL && s->data_bytes != sizeof(*d) + value.n) {
        table_remove(t, s);
        s = NULL;
    }
    if (s != NULL) {
        table_write_begin(s);
        s->used_s = (uint32_t)(now_ms / 1000);
    } else if ((s = insert(e, TABLE_VALUES, hash, full, sizeof(*d) + value.n, now_ms)) == NULL) {
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
    int64_t now_ms = time_of(e, asked_ms);
    char room[VALUE_KEY_MAX], value[STORE_VALUE_MAX];
    span full = embedded_value_key(table, key, room);
    struct slot *s = find_live(e, TABLE_VALUES, hash_of(e, full), full, now_ms);
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
    struct slot *s = table_find(&e->tables[id], hash_of(e, full), full);

    if (s != NULL)
        table_remove(&e->tables[id], s);
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

/* store_embedded_limits.c - limits in the embedded store: looked at together, charged together, given back.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/store/store_embedded.h"

#define FROM_STORE(s) ((struct embedded *)(void *)(s))

struct limit_step {
    struct limit_rate rate;
    uint64_t hash;
    struct slot *slot;
    struct limit_state state;
};

void embedded_limit_read(struct slot *s, struct limit_state *st)
{
    static const union limit_data *d;

    st->there = false;
    st->kind = STORE_GCRA;
    if (s == NULL)
        return;
    st->kind = s->data_bytes == sizeof(d->sliding) ? STORE_SLIDING : STORE_GCRA;
    st->there = s->data_bytes == limit_data_bytes(st->kind);
    if (st->there)
        memcpy(&st->data, slot_data(s), s->data_bytes);
}

/* Into a slot that table_write_begin or an insertion has opened. */
static void write_state(struct slot *s, const struct limit_state *st)
{
    memcpy(slot_data(s), &st->data, limit_data_bytes(st->kind));
    s->expires_ms = (limit_expires_us(st) + 999) / 1000;
    table_write_end(s);
}

/* A slot of another kind's length is replaced. */
static void keep_state(struct embedded *e, struct slot *s, uint64_t hash, span key, const struct limit_state *st, int64_t now_ms)
{
    if (s != NULL && s->data_bytes != limit_data_bytes(st->kind)) {
        table_remove(&e->tables[TABLE_LIMITS], hash, s);
        s = NULL;
    }
    if (s != NULL)
        table_write_begin(s);
    else
        s = embedded_insert(e, TABLE_LIMITS, hash, key, limit_data_bytes(st->kind), now_ms);
    if (s != NULL)
        write_state(s, st);
}

/* What has expired counts nothing, and its slot is written over when the key is charged: it need not go and come again. */
static struct slot *limit_find(struct embedded *e, uint64_t hash, span key, int64_t now_ms, struct limit_state *st)
{
    struct slot *s = table_find(&e->tables[TABLE_LIMITS], hash, key);

    embedded_limit_read(s, st);
    if (s != NULL) {
        st->there = st->there && s->expires_ms > now_ms;
        s->used_s = (uint32_t)(now_ms / 1000);
    }
    return s;
}

static bool limits_look(struct embedded *e, const struct store_limits_request *q, struct limit_step *steps, int64_t now_ms,
                        struct store_limit_result *results)
{
    bool fits = true;

    for (size_t i = 0; i < q->n; i++) {
        steps[i].hash = embedded_hash(e, q->limits[i].key);
        table_prefetch(&e->tables[TABLE_LIMITS], steps[i].hash);
    }
    for (size_t i = 0; i < q->n; i++)
        table_prefetch_slot(&e->tables[TABLE_LIMITS], steps[i].hash);
    for (size_t i = 0; i < q->n; i++) {
        struct limit_step *st = &steps[i];

        st->rate = limit_rate_of(&q->limits[i]);
        st->slot = limit_find(e, st->hash, q->limits[i].key, now_ms, &st->state);
        if (limit_now(&st->rate, &st->state, now_ms * 1000) && st->slot != NULL)
            keep_state(e, st->slot, st->hash, q->limits[i].key, &st->state, now_ms);
        limit_look(&st->rate, &st->state, now_ms * 1000, &results[i]);
        fits = !results[i].exceeded && fits;
    }
    return fits;
}

/* A kill between two of these leaves a decision that nobody heard of counted in part: at worst one event too many. */
static void limits_charge(struct embedded *e, const struct store_limits_request *q, struct limit_step *steps, int64_t now_ms,
                          struct store_limit_result *results)
{
    bool moved = false;

    for (size_t i = 0; i < q->n; i++) {
        struct limit_step *st = &steps[i];
        struct slot *s = st->slot;

        if (st->rate.cost == 0)
            continue;
        if (moved || s == NULL)      /* an insertion may have evicted what was found before it */
            s = table_find(&e->tables[TABLE_LIMITS], st->hash, q->limits[i].key);
        moved = moved || s == NULL;
        limit_charge(&st->rate, &st->state, now_ms * 1000);
        keep_state(e, s, st->hash, q->limits[i].key, &st->state, now_ms);
        results[i].left = results[i].left > st->rate.cost ? results[i].left - st->rate.cost : 0;
    }
}

static void once_write(struct embedded *e, const struct store_limits_request *q, uint64_t hash, int64_t now_ms)
{
    struct slot *s = embedded_insert(e, TABLE_ONCE, hash, q->once, sizeof(struct once_data), now_ms);

    if (s == NULL)
        return;
    *(struct once_data *)slot_data(s) = (struct once_data){ now_ms * 1000 };
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

void embedded_limits(struct store *store, const struct store_limits_request *q, store_limits_fn *fn, void *arg, struct store_call **call_out)
{
    struct embedded *e = FROM_STORE(store);
    int64_t now_ms = embedded_time(e, q->now_ms);
    struct limit_step steps[STORE_LIMITS_MAX];
    struct store_limits_result r;
    uint64_t once_hash = q->once.n > 0 ? embedded_hash(e, q->once) : 0;
    bool fits, again;

    if (q->once.n > 0)
        table_prefetch(&e->tables[TABLE_ONCE], once_hash);
    fits = limits_look(e, q, steps, now_ms, r.each);
    again = q->once.n > 0 && embedded_find(e, TABLE_ONCE, once_hash, q->once, now_ms) != NULL;

    if ((fits || q->force) && !again) {
        limits_charge(e, q, steps, now_ms, r.each);
        if (q->once.n > 0 && q->once_ms > 0 && costs_something(q))
            once_write(e, q, once_hash, now_ms);
    }
    r.outcome = STORE_HIT;
    r.committed = fits || again || q->force;
    r.n = q->n;
    r.why = NULL;
    r.repeated = again;
    r.remembered = false;
    for (size_t i = 0; again && i < q->n; i++) {
        r.each[i].exceeded = false;
        r.each[i].retry_ms = 0;
    }
    *call_out = NULL;
    fn(&r, arg);
}

static void give_back(struct embedded *e, const struct store_limits_request *q, int64_t charged_us, int64_t now_ms)
{
    for (size_t i = 0; i < q->n; i++) {
        struct limit_rate rate = limit_rate_of(&q->limits[i]);
        uint64_t hash = embedded_hash(e, q->limits[i].key);
        struct limit_state st;
        struct slot *s = limit_find(e, hash, q->limits[i].key, now_ms, &st);

        if (!st.there || st.kind != rate.kind || rate.cost == 0)
            continue;
        limit_now(&rate, &st, now_ms * 1000);
        limit_refund(&rate, &st, charged_us, now_ms * 1000);
        keep_state(e, s, hash, q->limits[i].key, &st, now_ms);
    }
}

void embedded_refund(struct store *store, const struct store_limits_request *q, store_refund_fn *fn, void *arg, struct store_call **call_out)
{
    struct embedded *e = FROM_STORE(store);
    int64_t now_ms = embedded_time(e, q->now_ms);
    struct slot *once = embedded_find(e, TABLE_ONCE, embedded_hash(e, q->once), q->once, now_ms);
    struct once_data *d = once != NULL && once->data_bytes == sizeof(*d) ? slot_data(once) : NULL;
    int64_t charged_us = d != NULL ? d->charged_us : 0;

    if (charged_us != 0) {
        table_write_begin(once);
        d->charged_us = 0;
        table_write_end(once);
        give_back(e, q, charged_us, now_ms);
    }
    *call_out = NULL;
    fn(charged_us != 0 ? STORE_HIT : STORE_MISS, arg);
}

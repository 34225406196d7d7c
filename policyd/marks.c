/* marks.c - what an administrator has said of keys, logins and authorities.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "policyd/marks.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/alloc.h"
#include "lib/base/lru.h"
#include "lib/base/rand.h"

#define CHANGED_TABLE "marks"

enum { MARKS_MAX = 100000, WHY_MAX = 160 };

struct marked {
    char why[WHY_MAX];
    unsigned round;              /* of the reading that saw it last */
};

struct mark_set {
    struct marks *all;
    struct lru *keys;            /* key -> struct marked */
    unsigned round;
    bool reading;
};

struct marks {
    struct services *services;
    struct loop_timer again;
    struct store_call *asking;
    char changed[24];            /* what the store said of the last change */
    bool read;                   /* all were read once */
    int64_t read_at_ms;
    struct mark_set sets[MARK_COUNT];
};

const char *marks_table(enum mark mark)
{
    static const char *const tables[MARK_COUNT] = { "limit-exempt", "limit-rate", "limit-block", "grey-pass" };

    return tables[mark];
}

static void put(struct mark_set *set, span key, span why, int64_t until_ms)
{
    struct marked *m = lru_put(set->keys, key, until_ms);

    snprintf(m->why, sizeof(m->why), "%.*s", SPAN_ARG(why));
    m->round = set->round;
}

/* ---- reading ---- */

struct stale { struct mark_set *set; span key; };

static bool find_stale(span key, void *value, int64_t expires_ms, void *arg)
{
    struct stale *w = arg;
    const struct marked *m = value;

    (void)expires_ms;
    if (m->round == w->set->round)
        return true;
    w->key = key;
    return false;
}

static void drop_stale(struct mark_set *set)
{
    for (;;) {
        struct stale w = { .set = set };

        lru_each(set->keys, find_stale, &w);
        if (w.key.p == NULL)
            return;
        lru_remove(set->keys, w.key);
    }
}

static void on_item(const struct store_scan_item *item, enum store_outcome outcome, bool done, void *arg)
{
    struct mark_set *set = arg;

    if (!done) {
        int64_t ttl_ms = item->ttl_left_ms >= 0 ? item->ttl_left_ms : BLOCK_KEEP_MS;

        put(set, item->key, item->value, loop_now_ms(set->all->services->loop) + ttl_ms);
        return;
    }
    set->reading = false;
    if (outcome == STORE_HIT)
        drop_stale(set);
}

static void read_all(struct marks *m)
{
    m->read_at_ms = loop_now_ms(m->services->loop);
    for (int i = 0; i < MARK_COUNT; i++) {
        struct mark_set *set = &m->sets[i];

        if (set->reading)
            continue;
        set->reading = true;
        set->round++;
        store_scan(m->services->store, marks_table((enum mark)i), (span){ NULL, 0 }, MARKS_MAX, on_item, set);
    }
}

static void on_changed(const struct store_value_result *r, void *arg)
{
    struct marks *m = arg;
    bool due = !m->read || loop_now_ms(m->services->loop) - m->read_at_ms >= MARKS_WHOLE_MS;

    m->asking = NULL;
    if (r->outcome == STORE_DOWN || (!due && r->outcome == STORE_MISS) || (!due && span_eq(r->value, span_str(m->changed))))
        return;
    if (r->outcome == STORE_HIT)
        snprintf(m->changed, sizeof(m->changed), "%.*s", SPAN_ARG(r->value));
    m->read = true;
    read_all(m);
}

static void look(void *arg)
{
    struct marks *m = arg;

    loop_timer_start(m->services->loop, &m->again, MARKS_EVERY_MS, look, m);
    if (m->asking == NULL)
        store_recall(m->services->store, CHANGED_TABLE, SPAN("changed"), 0, on_changed, m, &m->asking);
}

/* For the other hosts, and for this one too: another may have said something in the same moment. */
static void tell_changed(struct marks *m)
{
    char text[24];

    snprintf(text, sizeof(text), "%016llx", (unsigned long long)rand_u64());
    store_remember(m->services->store, CHANGED_TABLE, SPAN("changed"), span_str(text), BLOCK_KEEP_MS, 0, NULL, NULL);
}

/* ---- what is asked and said ---- */

bool marks_any(const struct marks *m, enum mark mark)
{
    return m != NULL && lru_count(m->sets[mark].keys) > 0;
}

const char *marks_why(const struct marks *m, enum mark mark, span key)
{
    int64_t expires_ms;
    const struct marked *found;

    if (!marks_any(m, mark))
        return NULL;
    found = lru_get(m->sets[mark].keys, key, &expires_ms);
    return found != NULL && expires_ms > loop_now_ms(m->services->loop) ? found->why : NULL;
}

void marks_set(struct marks *m, enum mark mark, span key, const char *why, int64_t ttl_ms, store_value_fn *fn, void *arg)
{
    put(&m->sets[mark], key, span_str(why), loop_now_ms(m->services->loop) + ttl_ms);
    store_remember(m->services->store, marks_table(mark), key, span_head(span_str(why), WHY_MAX - 1), ttl_ms, 0, fn, arg);
    tell_changed(m);
}

void marks_clear(struct marks *m, enum mark mark, span key, store_value_fn *fn, void *arg)
{
    lru_remove(m->sets[mark].keys, key);
    store_forget(m->services->store, marks_table(mark), key, fn, arg);
    tell_changed(m);
}

struct marks *marks_new(struct services *s)
{
    struct marks *m = xcalloc(1, sizeof(*m));

    m->services = s;
    for (int i = 0; i < MARK_COUNT; i++)
        m->sets[i] = (struct mark_set){ .all = m, .keys = lru_new(MARKS_MAX, sizeof(struct marked), NULL) };
    loop_timer_start(s->loop, &m->again, 0, look, m);
    return m;
}

void marks_free(struct marks **mp)
{
    struct marks *m = *mp;

    *mp = NULL;
    if (m == NULL)
        return;
    loop_timer_stop(&m->again);
    for (int i = 0; i < MARK_COUNT; i++)
        lru_free(&m->sets[i].keys);
    free(m);
}

/* store_embedded_scan.c - walks a table in pieces, so that a long walk holds up no decision.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdlib.h>

#include "lib/base/alloc.h"
#include "lib/store/store_embedded.h"

enum { WALK_SLOTS = 2000 };      /* a turn of the loop */

struct scan_walk {
    struct scan_walk *next, **link;
    struct embedded *e;
    enum store_table_id id;
    size_t class;
    uint32_t at;
    size_t left;
    int64_t now_ms;
    span prefix;                 /* as in the slots: a value's with its table */
    size_t strip;                /* bytes of the table's name before a value's key */
    store_scan_fn *fn;
    void *arg;
    struct loop_timer turn;
    char room[VALUE_KEY_MAX];
};

static void item_of(const struct scan_walk *w, struct slot *s, struct buf *text, struct store_scan_item *item)
{
    const struct grey_data *grey = slot_data(s);
    const struct value_data *value = slot_data(s);
    struct limit_state limit;

    item->key = span_from(slot_key(s), w->strip);
    item->ttl_left_ms = s->expires_ms - w->now_ms;
    switch (w->id) {
    case TABLE_LIMITS:
        embedded_limit_read(s, &limit);
        limit_describe(text, &limit, w->now_ms * 1000);
        item->age_ms = -1;
        break;
    case TABLE_GREY:
        grey_describe(text, &(struct grey_state){ grey->first_ms, grey->last_ms, grey->tries, grey->passed != 0 });
        item->age_ms = w->now_ms - grey->first_ms;
        break;
    default:
        buf_append(text, span_of(value->value, s->data_bytes - sizeof(*value)));
        item->age_ms = w->now_ms - value->written_ms;
        break;
    }
    item->value = buf_span(text);
}

static bool on_slot(struct slot *s, void *arg)
{
    struct scan_walk *w = arg;
    struct store_scan_item item;
    struct buf key, text;

    if (s->expires_ms <= w->now_ms || !span_starts(slot_key(s), w->prefix))
        return true;
    buf_init(&text, STORE_VALUE_MAX);
    buf_init(&key, VALUE_KEY_MAX);
    item_of(w, s, &text, &item);
    buf_append(&key, item.key);          /* a copy: the callback may write to the store */
    item.key = buf_span(&key);
    w->left--;
    w->fn(&item, STORE_HIT, false, w->arg);
    buf_free(&key);
    buf_free(&text);
    return w->left > 0;
}

static void walk_free(struct scan_walk *w)
{
    loop_timer_stop(&w->turn);
    if (w->next != NULL)
        w->next->link = w->link;
    *w->link = w->next;
    free(w);
}

static void walk_turn(void *arg)
{
    struct scan_walk *w = arg;
    store_scan_fn *fn = w->fn;
    void *fn_arg = w->arg;

    if (w->left > 0)
        w->at = table_walk(&w->e->tables[w->id], w->class, w->at, WALK_SLOTS, on_slot, w);
    if (w->at == UINT32_MAX) {
        w->class++;
        w->at = 0;
    }
    if (w->left > 0 && w->class < SLOT_CLASSES) {
        loop_timer_start(w->e->store.loop, &w->turn, 0, walk_turn, w);
        return;
    }
    walk_free(w);
    fn(NULL, STORE_HIT, true, fn_arg);
}

void embedded_scan(struct store *s, const char *table, span prefix, size_t limit, store_scan_fn *fn, void *arg)
{
    struct embedded *e = (struct embedded *)(void *)s;
    struct scan_walk *w = xcalloc(1, sizeof(*w));

    w->e = e;
    w->id = strcmp(table, "limits") == 0 ? TABLE_LIMITS : strcmp(table, "grey") == 0 ? TABLE_GREY : TABLE_VALUES;
    prefix = span_head(prefix, STORE_KEY_MAX);
    if (w->id == TABLE_VALUES) {
        w->prefix = embedded_value_key(table, prefix, w->room);
        w->strip = strlen(table) + 1;
    } else {
        if (prefix.n > 0)
            memcpy(w->room, prefix.p, prefix.n);
        w->prefix = span_of(w->room, prefix.n);
    }
    w->left = limit;
    w->now_ms = embedded_now_ms(e);
    w->fn = fn;
    w->arg = arg;
    w->next = e->walks;
    w->link = &e->walks;
    if (w->next != NULL)
        w->next->link = &w->next;
    e->walks = w;
    loop_timer_start(e->store.loop, &w->turn, 0, walk_turn, w);
}

void embedded_scan_stop(struct embedded *e)
{
    while (e->walks != NULL)
        walk_free(e->walks);
}

/* store_redis_scan.c - walks a table in Redis with SCAN, a page at a time; in a Cluster one node after the other.
 *
 * The pattern is our own prefix and a table's name; what an administrator typed is compared here, never sent as a pattern.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/alloc.h"
#include "lib/store/store_redis.h"

#define SCAN_COUNT "1000"            /* places Redis looks at in a step */
#define PATTERN_MAX 600

enum { PAGE_KEYS = REDIS_KEYS_MAX };

/* Values that are being read: of names[at] to names[at + n].  In a Cluster each key alone, for it may be anywhere. */
struct peek {
    struct redis_walk *walk;
    struct store_call *call;
    size_t at, n;
};

struct redis_walk {
    struct redis_walk *next, **link;
    struct store_redis *s;
    struct redis_node *node;         /* whose keys are walked; NULL: none any more */
    char *table;
    struct buf pattern;
    char *prefix;
    size_t prefix_n, strip;          /* bytes before the key itself */
    size_t behind;                   /* and behind it */
    size_t left;
    store_scan_fn *fn;
    void *arg;
    char cursor[24];
    struct redisc_call *step;
    struct peek peeks[PAGE_KEYS];
    size_t n_peeks;                  /* without an answer */
    bool peeking, failed;
    struct buf names;                /* found and not yet shown, each ended by its length in names_at */
    size_t *names_at, n_names, shown;
};

static void stand_at(struct redis_walk *w, struct redis_node *node)
{
    if (w->node != NULL)
        w->node->walks--;
    if (node != NULL)
        node->walks++;
    w->node = node;
}

static void walk_free(struct redis_walk *w)
{
    stand_at(w, NULL);
    redisc_cancel(&w->step);
    for (size_t i = 0; i < PAGE_KEYS; i++)
        store_cancel(&w->peeks[i].call);
    if (w->next != NULL)
        w->next->link = w->link;
    *w->link = w->next;
    buf_free(&w->pattern);
    buf_free(&w->names);
    free(w->names_at);
    free(w->prefix);
    free(w->table);
    free(w);
}

static void walk_end(struct redis_walk *w, enum store_outcome outcome)
{
    store_scan_fn *fn = w->fn;
    void *arg = w->arg;

    walk_free(w);
    fn(NULL, outcome, true, arg);
}

static span name_at(const struct redis_walk *w, size_t i)
{
    return span_of(buf_span(&w->names).p + w->names_at[i], w->names_at[i + 1] - w->names_at[i]);
}

/* The key itself. */
static span key_at(const struct redis_walk *w, size_t i)
{
    span key = span_from(name_at(w, i), w->strip);

    return span_head(key, key.n - w->behind);
}

static bool show_limit(span value, int64_t now_us, struct buf *text, struct store_scan_item *item)
{
    struct limit_state st;

    if (!redis_limit_read(value, &st) || limit_expires_us(&st) <= now_us)
        return false;
    limit_describe(text, &st, now_us);
    item->age_ms = -1;
    item->ttl_left_ms = (limit_expires_us(&st) - now_us) / 1000;
    return true;
}

/* "wait|pass FIRST_MS LAST_MS TRIES"; how long it is kept is the key's TTL, which only Redis knows: -1. */
static bool show_grey(span value, int64_t now_ms, struct buf *text, struct store_scan_item *item)
{
    uint64_t first, last, tries;
    span word, piece;

    if (!span_next(&value, ' ', &word) || !span_next(&value, ' ', &piece) || !span_to_u64(piece, &first) || !span_next(&value, ' ', &piece)
        || !span_to_u64(piece, &last) || !span_to_u64(value, &tries))
        return false;
    grey_describe(text, &(struct grey_state){ (int64_t)first, (int64_t)last, (int64_t)tries, span_eq(word, SPAN("pass")) });
    item->age_ms = now_ms - (int64_t)first;
    item->ttl_left_ms = -1;
    return true;
}

/* "WRITTEN_MS EXPIRES_MS VALUE" */
static bool show_value(span value, int64_t now_ms, struct buf *text, struct store_scan_item *item)
{
    uint64_t written, expires;
    span piece;

    if (!span_next(&value, ' ', &piece) || !span_to_u64(piece, &written) || !span_next(&value, ' ', &piece) || !span_to_u64(piece, &expires)
        || (int64_t)expires <= now_ms)
        return false;
    buf_append(text, value);
    item->age_ms = now_ms - (int64_t)written;
    item->ttl_left_ms = (int64_t)expires - now_ms;
    return true;
}

static void show(struct redis_walk *w, span key, span value, int64_t now_us)
{
    struct store_scan_item item = { .key = key };
    struct buf text;
    bool there;

    buf_init(&text, STORE_VALUE_MAX + 64);
    if (strcmp(w->table, "limits") == 0)
        there = show_limit(value, now_us, &text, &item);
    else if (strcmp(w->table, "grey") == 0)
        there = show_grey(value, now_us / 1000, &text, &item);
    else
        there = show_value(value, now_us / 1000, &text, &item);
    item.value = buf_span(&text);
    if (there) {
        w->left--;
        w->fn(&item, STORE_HIT, false, w->arg);
    }
    buf_free(&text);
}

static void walk_on(struct redis_walk *w);

static void on_peek(struct redis_call *c, const redisReply *reply, const char *why)
{
    struct peek *p = c->arg;
    struct redis_walk *w = p->walk;

    (void)why;
    p->call = NULL;
    w->n_peeks--;
    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY || reply->elements != c->n_keys + 1 || reply->element[0]->type != REDIS_REPLY_INTEGER)
        w->failed = true;
    for (size_t i = 0; !w->failed && i < p->n && w->left > 0; i++) {
        const redisReply *value = reply->element[i + 1];

        if (value->type == REDIS_REPLY_STRING)
            show(w, key_at(w, p->at + i), span_of(value->str, (size_t)value->len), reply->element[0]->integer);
    }
    if (w->n_peeks == 0 && !w->peeking)
        walk_on(w);
}

static void peek_at(struct redis_walk *w, struct peek *p, size_t at, size_t n)
{
    struct redis_call *c = redis_call_new(w->s, SCRIPT_PEEK, on_peek);

    *p = (struct peek){ w, NULL, at, n };
    c->arg = p;
    for (size_t i = at; i < at + n; i++) {
        if (strcmp(w->table, "limits") == 0)
            redis_call_limit(c, key_at(w, i));
        else
            redis_call_key(c, w->table, key_at(w, i));
    }
    w->n_peeks++;
    redis_call_start(c, &p->call);
}

/* The next page of names. */
static void peek(struct redis_walk *w)
{
    size_t n = w->n_names - w->shown < PAGE_KEYS ? w->n_names - w->shown : PAGE_KEYS, at = w->shown;

    w->shown += n;
    w->peeking = true;                   /* answers may come at once */
    if (!redis_nodes_clustered(w->s->nodes)) {
        peek_at(w, &w->peeks[0], at, n);
    } else {
        for (size_t i = 0; i < n; i++)
            peek_at(w, &w->peeks[i], at + i, 1);
    }
    w->peeking = false;
    if (w->n_peeks == 0)
        walk_on(w);
}

static void keep_names(struct redis_walk *w, const redisReply *keys)
{
    buf_reset(&w->names);
    w->n_names = w->shown = 0;
    free(w->names_at);
    w->names_at = xcalloc(keys->elements + 1, sizeof(*w->names_at));
    for (size_t i = 0; i < keys->elements; i++) {
        const redisReply *key = keys->element[i];
        span name = key->type == REDIS_REPLY_STRING ? span_of(key->str, (size_t)key->len) : SPAN("");

        if (name.n < w->strip + w->behind || name.n - w->strip - w->behind > STORE_KEY_MAX || !span_starts(name, span_of(w->prefix, w->prefix_n))
            || !buf_append(&w->names, name))
            continue;
        w->names_at[++w->n_names] = w->names.len;
    }
}

static void on_step(const redisReply *reply, const char *why, void *arg)
{
    struct redis_walk *w = arg;

    w->step = NULL;
    redis_node_result(w->node, false, reply != NULL, why);
    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 || reply->element[0]->type != REDIS_REPLY_STRING
        || reply->element[0]->len >= (int)sizeof(w->cursor) || reply->element[1]->type != REDIS_REPLY_ARRAY) {
        walk_end(w, STORE_DOWN);
        return;
    }
    snprintf(w->cursor, sizeof(w->cursor), "%s", reply->element[0]->str);
    keep_names(w, reply->element[1]);
    walk_on(w);
}

static bool node_done(const struct redis_walk *w)
{
    return w->cursor[0] == '0' && w->cursor[1] == '\0';
}

static void walk_on(struct redis_walk *w)
{
    struct redisc_call *step;

    if (w->failed)
        return walk_end(w, STORE_DOWN);
    if (w->left > 0 && w->shown < w->n_names)
        return peek(w);
    if (node_done(w)) {
        stand_at(w, redis_nodes_next(w->s->nodes, w->node));
        w->cursor[0] = '\0';
    }
    if (w->left == 0 || w->node == NULL)
        return walk_end(w, STORE_HIT);
    step = redisc_command(w->node->redisc, 6, (span[]){ SPAN("SCAN"), span_str(w->cursor[0] != '\0' ? w->cursor : "0"), SPAN("MATCH"),
                                                        buf_span(&w->pattern), SPAN("COUNT"), SPAN(SCAN_COUNT) }, on_step, w);
    if (step != NULL)            /* else it has ended, and w with it */
        w->step = step;
}

/* What stands before the keys of a table. */
static char *head_of(const struct store_redis *s, const char *table)
{
    if (strcmp(table, "limits") != 0)
        return xasprintf("%s:%s:", s->prefix, table);
    return redis_nodes_clustered(s->nodes) ? xasprintf("%s:%s:{", s->prefix, REDIS_CLUSTER_LIMIT_TABLE)
                                           : xasprintf("%s:%s:", s->prefix, REDIS_LIMIT_TABLE);
}

static void make_pattern(struct buf *pattern, const char *head)
{
    buf_init(pattern, PATTERN_MAX);
    for (const char *p = head; *p != '\0'; p++) {
        if (strchr("*?[]\\^-", *p) != NULL)
            buf_append_char(pattern, '\\');
        buf_append_char(pattern, *p);
    }
    buf_append_char(pattern, '*');
}

void redis_scan(struct store *store, const char *table, span prefix, size_t limit, store_scan_fn *fn, void *arg)
{
    struct store_redis *s = (struct store_redis *)(void *)store;
    struct redis_walk *w = xcalloc(1, sizeof(*w));
    char *head = head_of(s, table);

    w->s = s;
    w->table = xstrdup(table);
    w->strip = strlen(head);
    w->behind = head[w->strip - 1] == '{' ? 1 : 0;
    w->prefix = xasprintf("%s%.*s", head, SPAN_ARG(prefix));
    w->prefix_n = strlen(w->prefix);
    w->left = limit;
    w->fn = fn;
    w->arg = arg;
    buf_init(&w->names, 1024 * 1024);
    make_pattern(&w->pattern, head);
    free(head);
    w->next = s->walks;
    w->link = &s->walks;
    if (w->next != NULL)
        w->next->link = &w->next;
    s->walks = w;
    stand_at(w, redis_nodes_next(s->nodes, NULL));
    w->failed = w->node == NULL;
    walk_on(w);
}

void redis_scan_stop(struct store_redis *s)
{
    while (s->walks != NULL)
        walk_free(s->walks);
}

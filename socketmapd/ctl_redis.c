/* ctl_redis.c - "redis keys|show|check": what Gatepost keeps in Redis.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "socketmapd/ctl_redis.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/app/daemon.h"
#include "lib/base/alloc.h"
#include "socketmapd/ctl_redis_private.h"

#define WAIT_MS SECONDS(3)             /* for a Sentinel or a node that says who is to be asked */
#define LOOK_MS 50
enum { USAGE = 64, SHOWN_MAX = 1000, BYTES_MAX = 1 << 20 };

const char *look_prefix(const struct redis_look *k)
{
    return redis_prefix(&k->set->store.redis);
}

void look_stand_at(struct redis_look *k, struct redis_node *node)
{
    if (k->node != NULL)
        k->node->walks--;
    if (node != NULL)
        node->walks++;
    k->node = node;
}

/* ---- one command ---- */

static void free_look(void *arg)
{
    struct redis_look *k = arg;

    loop_timer_stop(&k->again);
    redis_ask_stop(&k->ask);
    look_stand_at(k, NULL);
    redis_nodes_free(&k->nodes);
    map_free(&k->tables, free);
    rcpt_index_free(&k->checked.index);
    buf_free(&k->bytes);
    buf_free(&k->pointers);
    ctl_finish(&k->q, k->status);
    settings_unref(&k->set);
    free(k);
}

/* At the end of the turn: a reply may be what ends it. */
void look_end(struct redis_look *k)
{
    loop_defer(k->loop, &k->ending, free_look, k);
}

static size_t look_argv(struct redis_ask *a, span *argv)
{
    const struct redis_look *k = (const struct redis_look *)(const void *)a;

    for (size_t i = 0; i < k->argc; i++)
        argv[i] = span_of(buf_span(&k->bytes).p + k->starts[i], k->starts[i + 1] - k->starts[i]);
    return k->argc;
}

static void look_done(struct redis_ask *a, const redisReply *reply, const char *why)
{
    struct redis_look *k = (struct redis_look *)(void *)a;

    if (reply != NULL && !ctl_gone(k->q)) {
        k->fn(k, reply);
        return;
    }
    if (reply == NULL)
        ctl_complain(k->q, "%s\n", why);
    k->status = 1;
    look_end(k);
}

static const struct redis_ask_kind look_kind = { .argv_max = LOOK_ARGV_MAX, .argv = look_argv, .done = look_done };

void look_ask(struct redis_look *k, struct redis_node *node, span key, size_t argc, const span *argv, look_fn *fn)
{
    buf_reset(&k->bytes);
    for (size_t i = 0; i < argc; i++) {
        buf_append(&k->bytes, argv[i]);
        k->starts[i + 1] = k->bytes.len;
    }
    k->argc = argc;
    k->fn = fn;
    k->ask = (struct redis_ask){ .node = node };
    redis_ask_start(&k->ask, &look_kind, k->nodes, key, SECONDS(3));
}

/* ---- a walk ---- */

static void walk_on(struct redis_look *k);

static void on_scanned(struct redis_look *k, const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 || reply->element[0]->type != REDIS_REPLY_STRING ||
        reply->element[1]->type != REDIS_REPLY_ARRAY || reply->element[0]->len >= sizeof(k->cursor)) {
        ctl_complain(k->q, "SCAN was answered with something else\n");
        k->status = 1;
        look_end(k);
        return;
    }
    for (size_t i = 0; i < reply->element[1]->elements; i++) {
        const redisReply *key = reply->element[1]->element[i];

        if (key->type == REDIS_REPLY_STRING && !k->each(k, span_of(key->str, key->len))) {
            k->walked(k);
            return;
        }
    }
    snprintf(k->cursor, sizeof(k->cursor), "%s", reply->element[0]->str);
    if (strcmp(k->cursor, "0") == 0)
        look_stand_at(k, redis_nodes_next(k->nodes, k->node));
    walk_on(k);
}

static void walk_on(struct redis_look *k)
{
    char pattern[300];

    if (k->node == NULL) {
        k->walked(k);
        return;
    }
    snprintf(pattern, sizeof(pattern), "%s:*", look_prefix(k));
    look_ask(k, k->node, SPAN(""), 6, (const span[]){ SPAN("SCAN"), span_str(k->cursor), SPAN("MATCH"), span_str(pattern), SPAN("COUNT"), SPAN("1000") }, on_scanned);
}

void look_walk(struct redis_look *k, bool (*each)(struct redis_look *k, span key), void (*walked)(struct redis_look *k))
{
    k->each = each;
    k->walked = walked;
    look_stand_at(k, redis_nodes_next(k->nodes, NULL));
    snprintf(k->cursor, sizeof(k->cursor), "0");
    walk_on(k);
}

/* ---- keys ---- */

struct table_count { unsigned long long n; };

static void print_key(struct ctl_request *q, span key)
{
    for (size_t i = 0; i < key.n; i++) {
        unsigned char c = (unsigned char)key.p[i];

        if (c < 0x20 || c == 0x7f)
            ctl_print(q, "\\x%02x", c);
        else
            ctl_write(q, span_of(key.p + i, 1));
    }
    ctl_write(q, SPAN("\n"));
}

static bool list_key(struct redis_look *k, span key)
{
    span rest = span_from(key, strlen(look_prefix(k)) + 1), table = span_head(rest, span_find(rest, ':')), part = ctl_arg(k->q, 1);
    struct table_count *c = map_get(k->tables, table);

    if (c == NULL && table.n > 0)
        map_put(k->tables, table, c = xcalloc(1, sizeof(*c)));
    if (c != NULL)
        c->n++;
    if (part.n == 0 || k->shown >= SHOWN_MAX || (!span_starts(key, part) && !span_starts(rest, part)))
        return true;
    k->shown++;
    print_key(k->q, key);
    return true;
}

static bool print_table(span name, void *value, void *arg)
{
    struct redis_look *k = arg;

    ctl_print(k->q, "%10llu  %s:%.*s:...\n", ((struct table_count *)value)->n, look_prefix(k), SPAN_ARG(name));
    return true;
}

static void keys_walked(struct redis_look *k)
{
    if (ctl_arg(k->q, 1).n == 0)
        map_each(k->tables, print_table, k);
    if (k->shown >= SHOWN_MAX)
        ctl_print(k->q, "... and perhaps more\n");
    k->status = map_count(k->tables) > 0 ? 0 : 1;
    look_end(k);
}

static void redis_keys(struct redis_look *k)
{
    look_walk(k, list_key, keys_walked);
}

/* ---- show ---- */

static void print_reply(struct ctl_request *q, const redisReply *r)
{
    switch (r->type) {
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
        ctl_write(q, span_of(r->str, r->len));
        ctl_write(q, r->len > 0 && r->str[r->len - 1] == '\n' ? SPAN("") : SPAN("\n"));
        break;
    case REDIS_REPLY_INTEGER:
        ctl_print(q, "%lld\n", r->integer);
        break;
    case REDIS_REPLY_ARRAY:
        for (size_t i = 0; i + 1 < r->elements; i += 2) {
            if (r->element[i]->type == REDIS_REPLY_STRING)
                ctl_print(q, "%.*s\t", (int)r->element[i]->len, r->element[i]->str);
            print_reply(q, r->element[i + 1]);
        }
        break;
    default:
        break;
    }
}

static void on_shown(struct redis_look *k, const redisReply *reply)
{
    print_reply(k->q, reply);
    look_end(k);
}

static void on_type(struct redis_look *k, const redisReply *reply)
{
    static const struct { const char *type, *command; } kinds[] = { { "string", "GET" }, { "hash", "HGETALL" } };
    span type = reply->type == REDIS_REPLY_STATUS ? span_of(reply->str, reply->len) : SPAN("none"), key = ctl_arg(k->q, 1);

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (span_eq(type, span_str(kinds[i].type))) {
            look_ask(k, NULL, key, 2, (const span[]){ span_str(kinds[i].command), key }, on_shown);
            return;
        }
    }
    ctl_complain(k->q, span_eq(type, SPAN("none")) ? "there is no such key\n" : "Gatepost writes no key of this type\n");
    k->status = 1;
    look_end(k);
}

static void redis_show(struct redis_look *k)
{
    look_ask(k, NULL, ctl_arg(k->q, 1), 2, (const span[]){ SPAN("TYPE"), ctl_arg(k->q, 1) }, on_type);
}

/* ---- beginning ---- */

static void try_begin(void *arg)
{
    struct redis_look *k = arg;

    if (redis_nodes_next(k->nodes, NULL) != NULL) {
        k->begin(k);
    } else if (loop_now_ms(k->loop) < k->give_up_ms) {
        loop_timer_start(k->loop, &k->again, LOOK_MS, try_begin, k);
    } else {
        ctl_complain(k->q, "%s\n", redis_nodes_problem(k->nodes)[0] != '\0' ? redis_nodes_problem(k->nodes) : "nobody says which Redis is to be asked");
        k->status = 1;
        look_end(k);
    }
}

static const struct { const char *verb; size_t least, most; void (*run)(struct redis_look *k); } verbs[] = {
    { "keys", 1, 2, redis_keys }, { "show", 2, 2, redis_show }, { "check", 1, 1, redis_check },
};

static void start_look(struct ctl_request *q, struct daemon *d, void (*begin)(struct redis_look *k))
{
    struct errtext err = { "" };
    struct redis_look *k;
    struct redis_nodes *nodes;

    if (d->settings->store.type != STORE_TYPE_REDIS) {
        ctl_complain(q, "the store is not in Redis (store.type)\n");
        ctl_finish(&q, 1);
        return;
    }
    if ((nodes = redis_nodes_new(d->loop, &d->settings->store.redis, &err)) == NULL) {
        ctl_complain(q, "%s\n", err.text);
        ctl_finish(&q, 1);
        return;
    }
    k = xcalloc(1, sizeof(*k));
    k->q = q;
    k->loop = d->loop;
    k->set = settings_ref(d->settings);
    k->nodes = nodes;
    k->begin = begin;
    k->tables = map_new();
    k->give_up_ms = loop_now_ms(d->loop) + WAIT_MS;
    buf_init(&k->bytes, BYTES_MAX);
    buf_init(&k->pointers, BYTES_MAX);
    try_begin(k);
}

void ctl_redis(struct ctl_request *q, void *daemon)
{
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (span_eq(ctl_arg(q, 0), span_str(verbs[i].verb)) && ctl_argc(q) >= verbs[i].least && ctl_argc(q) <= verbs[i].most) {
            start_look(q, daemon, verbs[i].run);
            return;
        }
    }
    ctl_complain(q, "usage: redis keys [PART] | show KEY | check\n");
    ctl_finish(&q, USAGE);
}

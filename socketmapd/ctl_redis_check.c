/* ctl_redis_check.c - "redis check": how each server is set up, and whether every shared set is there whole.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <inttypes.h>
#include <stdlib.h>

#include "lib/base/alloc.h"
#include "socketmapd/ctl_redis_private.h"
#include "socketmapd/rcpt_piece.h"

enum { EXIST_MAX = 100, PIECE_KEY = LOOK_KEY_MAX + 80 };

/* ---- shared sets ---- */

static void warn(struct redis_look *k, const char *text)
{
    k->status = 1;
    ctl_print(k->q, "  WRONG: %s\n", text);
}

static void next_pointer(struct redis_look *k);

static void done_with_set(struct redis_look *k)
{
    rcpt_index_free(&k->checked.index);
    k->at += strlen(k->checked.base) + strlen(":current") + 1;
    next_pointer(k);
}

static void ask_pieces(struct redis_look *k);

static void on_exist(struct redis_look *k, const redisReply *reply)
{
    k->checked.there += reply->type == REDIS_REPLY_INTEGER ? (size_t)reply->integer : 0;
    ask_pieces(k);
}

static void ask_pieces(struct redis_look *k)
{
    char (*keys)[PIECE_KEY] = xcalloc(EXIST_MAX, sizeof(*keys));
    span argv[1 + EXIST_MAX] = { SPAN("EXISTS") };
    size_t n = 0;

    for (; k->checked.next < k->checked.index.n && n < EXIST_MAX; k->checked.next++) {
        if (k->checked.index.pieces[k->checked.next].bytes == 0)
            continue;
        snprintf(keys[n], sizeof(keys[n]), "%s:piece:%.32s", k->checked.base, k->checked.index.pieces[k->checked.next].digest);
        argv[1 + n] = span_str(keys[n]);
        n++;
    }
    k->checked.asked += n;
    if (n > 0)
        look_ask(k, NULL, span_str(k->checked.base), 1 + n, argv, on_exist);
    free(keys);
    if (n > 0)
        return;
    ctl_print(k->q, "  %" PRIu64 " addresses in %zu pieces\n", k->checked.index.addresses, k->checked.asked);
    if (k->checked.there < k->checked.asked)
        warn(k, "pieces of it are missing: is maxmemory-policy one of the evicting ones? The host that leads writes them again when a follower needs them");
    done_with_set(k);
}

static void on_index(struct redis_look *k, const redisReply *reply)
{
    struct errtext err = { "" };
    char digest[RCPT_DIGEST];

    if (reply->type != REDIS_REPLY_STRING) {
        warn(k, "its index is missing");
        done_with_set(k);
        return;
    }
    rcpt_digest(span_of(reply->str, reply->len), digest);
    if (strncmp(digest, k->checked.generation, strlen(k->checked.generation)) != 0 || !rcpt_index_decode(span_of(reply->str, reply->len), &k->checked.index, &err)) {
        warn(k, "its index is damaged");
        done_with_set(k);
        return;
    }
    ask_pieces(k);
}

static span field(const redisReply *reply, const char *name)
{
    for (size_t i = 0; i + 1 < reply->elements; i += 2) {
        if (reply->element[i]->type == REDIS_REPLY_STRING && strcmp(reply->element[i]->str, name) == 0 && reply->element[i + 1]->type == REDIS_REPLY_STRING)
            return span_of(reply->element[i + 1]->str, reply->element[i + 1]->len);
    }
    return SPAN("");
}

static void on_pointer(struct redis_look *k, const redisReply *reply)
{
    char key[PIECE_KEY];
    uint64_t confirmed_ms;
    span generation;

    if (reply->type != REDIS_REPLY_ARRAY || (generation = field(reply, "generation")).n == 0 || generation.n >= sizeof(k->checked.generation)) {
        warn(k, "its pointer names no generation");
        done_with_set(k);
        return;
    }
    snprintf(k->checked.generation, sizeof(k->checked.generation), "%.*s", SPAN_ARG(generation));
    ctl_print(k->q, "  generation %s by %.*s, token %.*s", k->checked.generation, SPAN_ARG(field(reply, "by")), SPAN_ARG(field(reply, "token")));
    if (span_to_u64(field(reply, "confirmed_ms"), &confirmed_ms))
        ctl_print(k->q, ", the directory said so %llds ago", (long long)((loop_wall_ms(k->loop) - (int64_t)confirmed_ms) / 1000));
    ctl_print(k->q, "\n");
    if (field(reply, "broken").n > 0)
        warn(k, "a follower found it damaged");
    snprintf(key, sizeof(key), "%s:index:%s", k->checked.base, k->checked.generation);
    look_ask(k, NULL, span_str(k->checked.base), 2, (const span[]){ SPAN("GET"), span_str(key) }, on_index);
}

static void next_pointer(struct redis_look *k)
{
    span key;

    if (k->at >= k->pointers.len) {
            ctl_print(k->q, "%s\n", k->status == 0 ? "all is well" : "not all is well");
        look_end(k);
        return;
    }
    key = span_str(buf_span(&k->pointers).p + k->at);
    k->checked = (struct redis_checked){ .next = 0 };
    snprintf(k->checked.base, sizeof(k->checked.base), "%.*s", (int)(key.n - strlen(":current")), key.p);
    ctl_print(k->q, "shared set %s\n", k->checked.base);
    look_ask(k, NULL, key, 2, (const span[]){ SPAN("HGETALL"), key }, on_pointer);
}

/* Anything that ends so and begins as ours do; whatever else it is, its type tells. */
static bool keep_pointer(struct redis_look *k, span key)
{
    span rest = span_from(key, strlen(look_prefix(k)) + 1), end = SPAN(":current");

    if (span_starts(rest, SPAN("rcpt:{")) && key.n < LOOK_KEY_MAX && key.n > end.n && span_eq(span_from(key, key.n - end.n), end)) {
        buf_append(&k->pointers, key);
        buf_append_char(&k->pointers, '\0');
    }
    return true;
}

/* ---- servers ---- */

static span info(const redisReply *reply, const char *name)
{
    span all = span_of(reply->str, reply->len), line, head;

    while (all.n > 0 && span_next(&all, '\n', &line)) {
        if (span_next(&line, ':', &head) && span_eq(head, span_str(name)))
            return span_trim(line);
    }
    return SPAN("?");
}

static void ask_info(struct redis_look *k);

static void on_info(struct redis_look *k, const redisReply *reply)
{
    span policy, evicted;

    if (reply->type != REDIS_REPLY_STRING) {
        warn(k, "INFO was answered with something else");
    } else {
        policy = info(reply, "maxmemory_policy");
        evicted = info(reply, "evicted_keys");
        ctl_print(k->q, "server %s: Redis %.*s, %.*s, %.*s in memory, maxmemory-policy %.*s, rdb %.*s, aof %.*s\n", k->node->address,
                  SPAN_ARG(info(reply, "redis_version")), SPAN_ARG(info(reply, "role")), SPAN_ARG(info(reply, "used_memory_human")), SPAN_ARG(policy),
                  SPAN_ARG(info(reply, "rdb_last_bgsave_status")), SPAN_ARG(info(reply, "aof_enabled")));
        if (span_starts(policy, SPAN("allkeys-")))
            warn(k, "this maxmemory-policy throws away sets and greylist entries that are still wanted: noeviction or volatile-ttl");
        if (!span_eq(evicted, SPAN("0")) && span_starts(policy, SPAN("allkeys-")))
            warn(k, "it has thrown away keys");
        if (!span_eq(info(reply, "role"), SPAN("master")))
            warn(k, "this server is no master: it takes nothing");
    }
    look_stand_at(k, redis_nodes_next(k->nodes, k->node));
    ask_info(k);
}

static void ask_info(struct redis_look *k)
{
    if (k->node != NULL)
        look_ask(k, k->node, SPAN(""), 1, (const span[]){ SPAN("INFO") }, on_info);
    else
        look_walk(k, keep_pointer, next_pointer);
}

void redis_check(struct redis_look *k)
{
    look_stand_at(k, redis_nodes_next(k->nodes, NULL));
    ask_info(k);
}

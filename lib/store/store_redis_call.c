/* store_redis_call.c - one script call: EVALSHA to the node of its key, EVAL when that does not know the script, elsewhere when it says so.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <assert.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/alloc.h"
#include "lib/store/store_redis.h"

enum { CALL_BYTES_MAX = 64 * 1024 };

/* ---- a call ---- */

static void call_cancel(struct redis_pending *pending)
{
    struct redis_call *c = (struct redis_call *)(void *)pending;

    c->done = NULL;
    c->ask.unwanted = true;
}

struct redis_call *redis_call_new(struct store_redis *s, enum redis_script script, redis_call_fn *done)
{
    struct redis_call *c = xmalloc(sizeof(*c));

    c->pend = (struct redis_pending){ { &s->store }, call_cancel };
    c->next = s->calls;
    c->link = &s->calls;
    if (c->next != NULL)
        c->next->link = &c->next;
    s->calls = c;
    c->ask = (struct redis_ask){ .node = NULL };
    c->done = done;
    c->script = script;
    c->sent_whole = false;
    c->ended_out = NULL;
    c->n_keys = c->n_args = 0;
    buf_init(&c->bytes, CALL_BYTES_MAX);
    c->starts[0] = 0;
    c->fn = NULL;
    c->arg = c->more = NULL;
    return c;
}

void redis_call_free(struct redis_call *c)
{
    if (c->next != NULL)
        c->next->link = c->link;
    *c->link = c->next;
    buf_free(&c->bytes);
    free(c->more);
    free(c);
}

static void argument_ends(struct redis_call *c)
{
    c->starts[c->n_keys + c->n_args] = c->bytes.len;
}

static struct store_redis *store_of(const struct redis_call *c)
{
    return (struct store_redis *)(void *)c->pend.call.store;
}

static void key_begins(struct redis_call *c, const char *table)
{
    assert(c->n_args == 0 && c->n_keys < REDIS_KEYS_MAX);
    buf_append_str(&c->bytes, store_of(c)->prefix);
    buf_append_char(&c->bytes, ':');
    buf_append_str(&c->bytes, table);
    buf_append_char(&c->bytes, ':');
}

/* The key as it was given goes in. */
static void key_itself(struct redis_call *c, span key)
{
    c->heads[c->n_keys] = c->bytes.len - c->starts[c->n_keys];
    c->key_sizes[c->n_keys] = key.n;
    buf_append(&c->bytes, key);
}

static void key_ends(struct redis_call *c)
{
    c->n_keys++;
    argument_ends(c);
}

span redis_call_key_at(const struct redis_call *c, size_t i)
{
    return span_of(buf_span(&c->bytes).p + c->starts[i] + c->heads[i], c->key_sizes[i]);
}

void redis_call_key(struct redis_call *c, const char *table, span key)
{
    key_begins(c, table);
    key_itself(c, key);
    key_ends(c);
}

static void in_braces(struct redis_call *c, span key)
{
    buf_append_char(&c->bytes, '{');
    key_itself(c, key);
    buf_append_char(&c->bytes, '}');
}

void redis_call_limit(struct redis_call *c, span key)
{
    if (!redis_nodes_clustered(store_of(c)->nodes))
        return redis_call_key(c, REDIS_LIMIT_TABLE, key);
    key_begins(c, REDIS_CLUSTER_LIMIT_TABLE);
    in_braces(c, key);
    key_ends(c);
}

void redis_call_once(struct redis_call *c, span limit, span once)
{
    if (!redis_nodes_clustered(store_of(c)->nodes))
        return redis_call_key(c, REDIS_ONCE_TABLE, once);
    key_begins(c, REDIS_CLUSTER_ONCE_TABLE);
    in_braces(c, limit);
    buf_append_char(&c->bytes, ':');
    buf_append(&c->bytes, once);
    key_ends(c);
}

void redis_call_arg_bytes(struct redis_call *c, span bytes)
{
    assert(c->n_args < REDIS_ARGS_MAX);
    buf_append(&c->bytes, bytes);
    c->n_args++;
    argument_ends(c);
}

void redis_call_arg(struct redis_call *c, int64_t number)
{
    char text[24];

    redis_call_arg_bytes(c, span_of(text, (size_t)snprintf(text, sizeof(text), "%" PRId64, number)));
}

/* ---- sending it ---- */

#define FROM_ASK(a) ((struct redis_call *)(void *)((char *)(a) - offsetof(struct redis_call, ask)))

static size_t script_argv(struct redis_ask *a, span *argv)
{
    struct redis_call *c = FROM_ASK(a);
    const struct redis_script_text *script = redis_script(c->script);
    size_t argc = 0;

    argv[argc++] = c->sent_whole ? SPAN("EVAL") : SPAN("EVALSHA");
    argv[argc++] = span_str(c->sent_whole ? script->text : script->sha1);
    argv[argc++] = span_of(c->n_keys_text, (size_t)snprintf(c->n_keys_text, sizeof(c->n_keys_text), "%zu", c->n_keys));
    for (size_t i = 0; i < c->n_keys + c->n_args; i++)
        argv[argc++] = span_of(buf_span(&c->bytes).p + c->starts[i], c->starts[i + 1] - c->starts[i]);
    return argc;
}

static void script_done(struct redis_ask *a, const redisReply *reply, const char *why)
{
    struct redis_call *c = FROM_ASK(a);
    redis_call_fn *done = c->done;

    if (done != NULL)
        done(c, reply, why);
    if (c->ended_out != NULL)
        *c->ended_out = true;
    redis_call_free(c);
}

/* The server does not know the script yet: it gets the text. */
static bool script_unknown(struct redis_ask *a, const char *error)
{
    struct redis_call *c = FROM_ASK(a);

    if (c->sent_whole || strncmp(error, "NOSCRIPT", 8) != 0)
        return false;
    c->sent_whole = true;
    return true;
}

static const struct redis_ask_kind script_kind = {
    .argv_max = 3 + REDIS_KEYS_MAX + REDIS_ARGS_MAX, .argv = script_argv, .done = script_done, .again = script_unknown,
};

void redis_call_start(struct redis_call *c, struct store_call **call_out)
{
    struct store_redis *s = store_of(c);
    bool ended = false;

    if (call_out != NULL)
        *call_out = NULL;
    assert(!c->bytes.overflow && c->n_keys > 0);
    c->ended_out = &ended;
    redis_ask_start(&c->ask, &script_kind, s->nodes, span_head(buf_span(&c->bytes), c->starts[1]), s->timeout_ms);
    if (ended)
        return;
    c->ended_out = NULL;
    if (call_out != NULL)
        *call_out = &c->pend.call;
}

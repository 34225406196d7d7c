/* store_redis_call.c - one script call: EVALSHA, EVAL when Redis does not know the script, a breaker in front.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/alloc.h"
#include "lib/store/store_redis.h"

enum {
    BREAK_AFTER = 3,             /* failures in a row */
    CALL_BYTES_MAX = 64 * 1024,
};
#define BREAK_MS 400              /* with the client's own back-off: in use again within 2 s */

/* ---- the breaker ---- */

bool redis_gate(struct store_redis *s, bool *probe_out, const char **why_out)
{
    *probe_out = false;
    if (s->failures < BREAK_AFTER)
        return true;
    if (s->probing || loop_now_ms(s->store.loop) < s->closed_until_ms) {
        *why_out = s->problem;
        return false;
    }
    s->probing = true;
    *probe_out = true;
    return true;
}

void redis_gate_result(struct store_redis *s, bool probe, bool answered, const char *why)
{
    if (probe)
        s->probing = false;
    if (answered) {
        s->failures = 0;
        s->problem[0] = '\0';
        return;
    }
    if (s->failures < BREAK_AFTER)
        s->failures++;
    s->closed_until_ms = loop_now_ms(s->store.loop) + BREAK_MS;
    if (why != s->problem)
        snprintf(s->problem, sizeof(s->problem), "%.250s", why);
}

/* ---- a call ---- */

struct redis_call *redis_call_new(struct store_redis *s, enum redis_script script, redis_call_fn *done)
{
    struct redis_call *c = xmalloc(sizeof(*c));

    c->call.store = &s->store;
    c->next = s->calls;
    c->link = &s->calls;
    if (c->next != NULL)
        c->next->link = &c->next;
    s->calls = c;
    c->pending = NULL;
    c->done = done;
    c->script = script;
    c->sent_whole = c->probe = false;
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

void redis_call_key(struct redis_call *c, const char *table, span key)
{
    struct store_redis *s = (struct store_redis *)(void *)c->call.store;

    assert(c->n_args == 0 && c->n_keys < REDIS_KEYS_MAX);
    buf_append_str(&c->bytes, s->prefix);
    buf_append_char(&c->bytes, ':');
    buf_append_str(&c->bytes, table);
    buf_append_char(&c->bytes, ':');
    buf_append(&c->bytes, key);
    c->n_keys++;
    argument_ends(c);
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

static bool send_script(struct redis_call *c);

static void finish(struct redis_call *c, const redisReply *reply, const char *why)
{
    redis_call_fn *done = c->done;

    if (done != NULL)
        done(c, reply, why);
    redis_call_free(c);
}

static void on_reply(const redisReply *reply, const char *why, void *arg)
{
    struct redis_call *c = arg;
    struct store_redis *s = (struct store_redis *)(void *)c->call.store;
    char text[256];

    c->pending = NULL;
    redis_gate_result(s, c->probe, reply != NULL, why);
    c->probe = false;
    if (reply != NULL && reply->type == REDIS_REPLY_ERROR) {
        if (!c->sent_whole && c->done != NULL && strncmp(reply->str, "NOSCRIPT", 8) == 0) {
            c->sent_whole = true;
            send_script(c);
            return;
        }
        snprintf(text, sizeof(text), "Redis says: %.200s", reply->str);
        reply = NULL;
        why = text;
        snprintf(s->problem, sizeof(s->problem), "%s", why);   /* it answers, and at once: no case for the breaker */
    }
    finish(c, reply, why);
}

/* false: it has ended already. */
static bool send_script(struct redis_call *c)
{
    struct store_redis *s = (struct store_redis *)(void *)c->call.store;
    const struct redis_script_text *script = redis_script(c->script);
    span argv[3 + REDIS_KEYS_MAX + REDIS_ARGS_MAX];
    char n_keys[24];
    size_t argc = 0;
    int64_t left_ms = c->until_ms - loop_now_ms(s->store.loop);
    struct redisc_call *pending;

    if (left_ms <= 0) {
        finish(c, NULL, "no time left to send the script");
        return false;
    }
    argv[argc++] = c->sent_whole ? SPAN("EVAL") : SPAN("EVALSHA");
    argv[argc++] = span_str(c->sent_whole ? script->text : script->sha1);
    argv[argc++] = span_of(n_keys, (size_t)snprintf(n_keys, sizeof(n_keys), "%zu", c->n_keys));
    for (size_t i = 0; i < c->n_keys + c->n_args; i++)
        argv[argc++] = span_of(buf_span(&c->bytes).p + c->starts[i], c->starts[i + 1] - c->starts[i]);
    pending = redisc_command_within(s->redisc, argc, argv, left_ms, on_reply, c);
    if (pending == NULL)
        return false;
    c->pending = pending;
    return true;
}

void redis_call_start(struct redis_call *c, struct store_call **call_out)
{
    struct store_redis *s = (struct store_redis *)(void *)c->call.store;
    struct store_call *none;
    const char *why;
    redis_call_fn *done = c->done;

    if (call_out == NULL)
        call_out = &none;
    *call_out = NULL;
    assert(!c->bytes.overflow);
    if (!redis_gate(s, &c->probe, &why)) {
        done(c, NULL, why);
        redis_call_free(c);
        return;
    }
    c->until_ms = loop_now_ms(s->store.loop) + s->timeout_ms;
    if (send_script(c))
        *call_out = &c->call;
}

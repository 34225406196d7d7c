/* share_redis.c - the keys of a shared source in Redis, and the scripts that hold its rules.
 *
 * All keys of a source carry one hash tag, so that a Cluster keeps them on one node and a script may see them together.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <inttypes.h>
#include <stdlib.h>

#include "lib/base/alloc.h"
#include "socketmapd/share_private.h"

enum { ARGV_MAX = 128, PIECE_KEY_DIGITS = 32 };

/* KEYS: leader, token, current.  ARGV: me, lease, want, age of what the leader knows (-1: nothing), age of its last whole reading. */
static const char turn_script[] =
    "local t = redis.call('TIME')\n"
    "local now = t[1] * 1000 + math.floor(t[2] / 1000)\n"
    "local holder = redis.call('GET', KEYS[1])\n"
    "if holder == ARGV[1] then\n"
    "  if ARGV[3] == '1' then redis.call('PEXPIRE', KEYS[1], ARGV[2])\n"
    "  else redis.call('DEL', KEYS[1]); holder = false end\n"
    "elseif not holder and ARGV[3] == '1' then\n"
    "  local last = tonumber(redis.call('HGET', KEYS[3], 'token') or '0') or 0\n"
    "  local mine = redis.call('INCR', KEYS[2])\n"
    "  if mine <= last then mine = last + 1; redis.call('SET', KEYS[2], string.format('%.0f', mine)) end\n"
    "  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])\n"
    "  holder = ARGV[1]\n"
    "end\n"
    "local token = redis.call('GET', KEYS[2]) or '0'\n"
    "local c = redis.call('HMGET', KEYS[3], 'generation', 'by', 'confirmed_ms', 'complete_ms', 'accepts', 'broken', 'token')\n"
    "if holder == ARGV[1] and c[1] and c[7] == token and tonumber(ARGV[4]) >= 0 then\n"
    "  c[3] = string.format('%.0f', now - tonumber(ARGV[4]))\n"
    "  c[4] = string.format('%.0f', now - tonumber(ARGV[5]))\n"
    "  redis.call('HSET', KEYS[3], 'confirmed_ms', c[3], 'complete_ms', c[4])\n"
    "end\n"
    "local function age(at) at = tonumber(at or ''); return at and string.format('%.0f', math.max(0, now - at)) or '-1' end\n"
    "return {holder or '', token, c[1] or '', c[2] or '', age(c[3]), age(c[4]), c[5] or '', c[6] or ''}\n";

/* KEYS: leader, token, current, generations, index.  ARGV: me, token, generation, addresses, ages as above, accepts. */
static const char pointer_script[] =
    "local t = redis.call('TIME')\n"
    "local now = t[1] * 1000 + math.floor(t[2] / 1000)\n"
    "if redis.call('GET', KEYS[1]) ~= ARGV[1] or redis.call('GET', KEYS[2]) ~= ARGV[2] then return 'another host leads' end\n"
    "if redis.call('EXISTS', KEYS[5]) == 0 then return 'its index is gone' end\n"
    "local before = redis.call('HGET', KEYS[3], 'generation') or ''\n"
    "if before ~= ARGV[3] then redis.call('HSET', KEYS[3], 'previous', before) end\n"
    "redis.call('HSET', KEYS[3], 'version', '1', 'generation', ARGV[3], 'token', ARGV[2], 'by', ARGV[1], 'addresses', ARGV[4],\n"
    "  'published_ms', string.format('%.0f', now), 'confirmed_ms', string.format('%.0f', now - tonumber(ARGV[5])),\n"
    "  'complete_ms', string.format('%.0f', now - tonumber(ARGV[6])), 'accepts', ARGV[7], 'broken', '')\n"
    "redis.call('HSET', KEYS[4], ARGV[3], string.format('%.0f', now))\n"
    "return 'ok'\n";

/* KEYS: current.  ARGV: generation. */
static const char broken_script[] =
    "if redis.call('HGET', KEYS[1], 'generation') == ARGV[1] then redis.call('HSET', KEYS[1], 'broken', '1') end\n"
    "return 'ok'\n";

static const char exist_script[] =
    "local r = {}\n"
    "for i = 1, #KEYS do r[i] = redis.call('EXISTS', KEYS[i]) end\n"
    "return r\n";

/* KEYS: leader, then what goes.  ARGV: me. */
static const char unlink_script[] =
    "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end\n"
    "for i = 2, #KEYS do redis.call('UNLINK', KEYS[i]) end\n"
    "return #KEYS - 1\n";

/* ---- commands ---- */

struct share_command {
    struct redis_ask ask;              /* first */
    struct share *share;
    struct share_command *next, **link;
    share_reply_fn *fn;
    void *owner, *arg;
    size_t argc;
    size_t starts[ARGV_MAX + 1];
    struct buf bytes;
};

static size_t command_argv(struct redis_ask *a, span *argv)
{
    struct share_command *c = (struct share_command *)(void *)a;

    for (size_t i = 0; i < c->argc; i++)
        argv[i] = span_of(buf_span(&c->bytes).p + c->starts[i], c->starts[i + 1] - c->starts[i]);
    return c->argc;
}

static void command_free(struct share_command *c)
{
    *c->link = c->next;
    if (c->next != NULL)
        c->next->link = c->link;
    buf_free(&c->bytes);
    free(c);
}

static void command_done(struct redis_ask *a, const redisReply *reply, const char *why)
{
    struct share_command *c = (struct share_command *)(void *)a;
    struct share *h = c->share;
    share_reply_fn *fn = c->fn;
    void *arg = c->arg;

    command_free(c);
    fn(h, reply, why, arg);
}

static const struct redis_ask_kind command_kind = { .argv_max = ARGV_MAX, .argv = command_argv, .done = command_done };

void share_command_of(struct share *h, void *owner, size_t argc, const span *argv, share_reply_fn *fn, void *arg)
{
    struct share_command *c = xcalloc(1, sizeof(*c));

    c->share = h;
    c->fn = fn;
    c->owner = owner;
    c->arg = arg;
    c->argc = argc;
    c->next = h->commands;
    c->link = &h->commands;
    if (c->next != NULL)
        c->next->link = &c->next;
    h->commands = c;
    buf_init(&c->bytes, (size_t)RCPT_PIECE_BYTES_MAX * 2);
    for (size_t i = 0; i < argc; i++) {
        buf_append(&c->bytes, argv[i]);
        c->starts[i + 1] = c->bytes.len;
    }
    redis_ask_start(&c->ask, &command_kind, h->nodes, span_str(h->base), h->sync->all->store.redis.timeout_ms * 2);
}

void share_command(struct share *h, size_t argc, const span *argv, share_reply_fn *fn, void *arg)
{
    share_command_of(h, arg, argc, argv, fn, arg);
}

void share_commands_stop(struct share *h, void *owner)
{
    struct share_command *c = h->commands, *next;

    for (; c != NULL; c = next) {
        next = c->next;
        if (owner == NULL || c->owner == owner) {
            redis_ask_stop(&c->ask);
            command_free(c);
        }
    }
}

/* ---- keys ---- */

span share_key(const struct share *h, char room[SHARE_KEY], const char *kind, const char *name)
{
    int n = snprintf(room, SHARE_KEY, "%s:%s%s%.*s", h->base, kind, name != NULL ? ":" : "", PIECE_KEY_DIGITS, name != NULL ? name : "");

    return span_of(room, n > 0 && n < SHARE_KEY ? (size_t)n : SHARE_KEY - 1);
}

void share_generation_name(span index, char out[SHARE_NAME])
{
    char digest[RCPT_DIGEST];

    rcpt_digest(index, digest);
    snprintf(out, SHARE_NAME, "%.*s", SHARE_NAME - 1, digest);
}

/* ---- scripts ---- */

static span number(char room[24], int64_t n)
{
    return span_of(room, (size_t)snprintf(room, 24, "%" PRId64, n));
}

/* What the leader knows is as old as the directory's last word. */
static int64_t confirmed_age_ms(const struct share *h)
{
    return h->sync->in_force != NULL && h->sync->sure_ms >= 0 ? loop_now_ms(h->loop) - h->sync->sure_ms : -1;
}

static bool is_told(span address, void *value, void *arg)
{
    (void)address;
    *(bool *)arg = ((const struct sync_news *)value)->serial > 0;
    return !*(bool *)arg;
}

/* What the directory has told since the set was read is not in the generation, which then is not the directory as it is. */
static bool told_since(const struct share *h)
{
    bool told = false;

    map_each(h->sync->news, is_told, &told);
    return told;
}

void share_turn(struct share *h, bool want, share_reply_fn *fn)
{
    char keys[3][SHARE_KEY], numbers[3][24];
    bool whole = h->publish == NULL && !h->publish_again && !told_since(h) && share_published_stands(h);
    const span argv[] = { SPAN("EVAL"), span_str(turn_script), SPAN("3"), share_key(h, keys[0], "leader", NULL), share_key(h, keys[1], "token", NULL),
                          share_key(h, keys[2], "current", NULL), span_str(h->me), number(numbers[2], SHARE_LEASE_MS), want ? SPAN("1") : SPAN("0"),
                          number(numbers[0], whole ? confirmed_age_ms(h) : -1), number(numbers[1], sync_age_ms(h->sync)) };

    share_command(h, sizeof(argv) / sizeof(argv[0]), argv, fn, NULL);
}

static bool take(const redisReply *r, char *out, size_t size)
{
    if (r->type != REDIS_REPLY_STRING || r->len >= size)
        return false;
    for (size_t i = 0; i <= r->len; i++)
        out[i] = i < r->len && ((unsigned char)r->str[i] < 0x20 || r->str[i] == 0x7f) ? '?' : i < r->len ? r->str[i] : '\0';
    return true;
}

static bool take_age(const redisReply *r, int64_t *out)
{
    uint64_t n;

    *out = -1;
    if (r->type != REDIS_REPLY_STRING)
        return false;
    if (!span_to_u64(span_of(r->str, r->len), &n))
        return strcmp(r->str, "-1") == 0;
    *out = n < INT64_MAX / 2 ? (int64_t)n : INT64_MAX / 2;
    return true;
}

bool share_turn_read(const redisReply *reply, struct share_now *out)
{
    struct share_now n = { .token = 0 };

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 8 || !take(reply->element[0], n.leader, sizeof(n.leader)) ||
        reply->element[1]->type != REDIS_REPLY_STRING || !span_to_u64(span_of(reply->element[1]->str, reply->element[1]->len), &n.token) ||
        !take(reply->element[2], n.generation, sizeof(n.generation)) || !take(reply->element[3], n.by, sizeof(n.by)) ||
        !take_age(reply->element[4], &n.confirmed_age_ms) || !take_age(reply->element[5], &n.complete_age_ms) ||
        !take(reply->element[6], n.accepts, sizeof(n.accepts)) || reply->element[7]->type != REDIS_REPLY_STRING)
        return false;
    n.broken = reply->element[7]->len > 0;
    *out = n;
    return true;
}

void share_send_pointer(struct share *h, const char *generation, uint64_t addresses, share_reply_fn *fn, void *arg)
{
    char keys[5][SHARE_KEY], numbers[4][24], accepts[ACCEPTED_TEXT];
    int64_t confirmed = confirmed_age_ms(h);

    accepted_write(&h->accepted, accepts);
    const span argv[] = { SPAN("EVAL"), span_str(pointer_script), SPAN("5"), share_key(h, keys[0], "leader", NULL), share_key(h, keys[1], "token", NULL),
                          share_key(h, keys[2], "current", NULL), share_key(h, keys[3], "generations", NULL), share_key(h, keys[4], "index", generation),
                          span_str(h->me), number(numbers[0], (int64_t)h->now.token), span_str(generation), number(numbers[1], (int64_t)addresses),
                          number(numbers[2], confirmed >= 0 ? confirmed : sync_age_ms(h->sync)), number(numbers[3], sync_age_ms(h->sync)),
                          span_str(accepts) };
    share_command(h, sizeof(argv) / sizeof(argv[0]), argv, fn, arg);
}

static void nothing_more(struct share *h, const redisReply *reply, const char *why, void *arg)
{
    (void)h;
    (void)reply;
    (void)why;
    (void)arg;
}

void share_send_broken(struct share *h, const char *generation)
{
    char key[SHARE_KEY];

    share_command(h, 5, (const span[]){ SPAN("EVAL"), span_str(broken_script), SPAN("1"), share_key(h, key, "current", NULL), span_str(generation) },
                  nothing_more, NULL);
}

void share_send_exist(struct share *h, const struct rcpt_piece *pieces, size_t n, share_reply_fn *fn, void *arg)
{
    char (*keys)[SHARE_KEY] = xcalloc(n, sizeof(*keys)), count[24];
    span argv[ARGV_MAX] = { SPAN("EVAL"), span_str(exist_script), number(count, (int64_t)n) };

    for (size_t i = 0; i < n; i++)
        argv[3 + i] = share_key(h, keys[i], "piece", pieces[i].digest);
    share_command(h, 3 + n, argv, fn, arg);
    free(keys);
}

void share_send_unlink(struct share *h, size_t n, const span *keys, share_reply_fn *fn, void *arg)
{
    char leader[SHARE_KEY], count[24];
    span argv[ARGV_MAX] = { SPAN("EVAL"), span_str(unlink_script), number(count, (int64_t)n + 1), share_key(h, leader, "leader", NULL) };

    memcpy(argv + 4, keys, n * sizeof(*keys));
    argv[4 + n] = span_str(h->me);
    share_command(h, 5 + n, argv, fn, arg);
}

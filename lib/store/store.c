/* store.c - checks a request and hands it to the back end in use.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/store/store.h"

#include <assert.h>
#include <openssl/sha.h>
#include <stdio.h>

#include "lib/store/store_backend.h"

enum {
    TABLE_NAME_MAX = 32,
    DIGEST_BYTES = 16,
    KEY_KEPT = STORE_KEY_MAX - 1 - 2 * DIGEST_BYTES,   /* readable start of a key that is too long */
};

/* A key that is too long keeps its start and gets a digest of the whole: unlike keys stay unlike, on every host. */
static span key_fit(span key, char room[STORE_KEY_MAX])
{
    static const char hex[] = "0123456789abcdef";
    unsigned char digest[SHA256_DIGEST_LENGTH];
    char *to = room;

    if (key.n <= STORE_KEY_MAX)
        return key.n > 0 ? key : SPAN("-");
    SHA256((const unsigned char *)key.p, key.n, digest);
    memcpy(to, key.p, KEY_KEPT);
    to += KEY_KEPT;
    *to++ = '~';
    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        *to++ = hex[digest[i] >> 4];
        *to++ = hex[digest[i] & 15];
    }
    return span_of(room, STORE_KEY_MAX);
}

/* A table is named by our own code, never by a peer. */
static bool table_ok(const char *table)
{
    size_t n = strlen(table);

    return n > 0 && n <= TABLE_NAME_MAX && strspn(table, "abcdefghijklmnopqrstuvwxyz0123456789_-") == n;
}

static bool table_own(const char *table)
{
    return table_ok(table) && strcmp(table, "limits") != 0 && strcmp(table, "grey") != 0;
}

static void ignore_value(const struct store_value_result *r, void *arg)
{
    (void)r;
    (void)arg;
}

/* Where keys that were too long stand for the time of a call. */
struct long_keys {
    struct store_limits_request fitted;
    struct store_limit limits[STORE_LIMITS_MAX];
    char room[STORE_LIMITS_MAX + 1][STORE_KEY_MAX];
};

static bool keys_fit(const struct store_limits_request *q)
{
    bool fits = q->once.n <= STORE_KEY_MAX;

    for (size_t i = 0; i < q->n; i++)
        fits = fits && q->limits[i].key.n > 0 && q->limits[i].key.n <= STORE_KEY_MAX;
    return fits;
}

static void fit_keys(const struct store_limits_request *q, struct long_keys *to)
{
    to->fitted = *q;
    to->fitted.limits = to->limits;
    for (size_t i = 0; i < q->n; i++) {
        to->limits[i] = q->limits[i];
        to->limits[i].key = key_fit(q->limits[i].key, to->room[i]);
    }
    if (q->once.n > 0)
        to->fitted.once = key_fit(q->once, to->room[STORE_LIMITS_MAX]);
}

static void limits_with_long_keys(struct store *s, const struct store_limits_request *q, store_limits_fn *fn, void *arg, struct store_call **call_out)
{
    struct long_keys keys;

    fit_keys(q, &keys);
    s->backend->limits(s, &keys.fitted, fn, arg, call_out);
}

void store_limits(struct store *s, const struct store_limits_request *q, store_limits_fn *fn, void *arg, struct store_call **call_out)
{
    assert(q->n <= STORE_LIMITS_MAX);
    *call_out = NULL;
    if (q->n == 0)
        fn(&(struct store_limits_result){ .outcome = STORE_HIT, .committed = true }, arg);
    else if (keys_fit(q))
        s->backend->limits(s, q, fn, arg, call_out);
    else
        limits_with_long_keys(s, q, fn, arg, call_out);
}

void store_refund(struct store *s, const struct store_limits_request *q, store_refund_fn *fn, void *arg, struct store_call **call_out)
{
    struct long_keys keys;

    assert(q->n <= STORE_LIMITS_MAX);
    *call_out = NULL;
    if (q->n == 0 || q->once.n == 0) {
        fn(STORE_MISS, arg);
        return;
    }
    fit_keys(q, &keys);
    s->backend->refund(s, &keys.fitted, fn, arg, call_out);
}

void store_grey(struct store *s, const struct store_grey_request *q, store_grey_fn *fn, void *arg, struct store_call **call_out)
{
    char room[STORE_KEY_MAX], auto_room[STORE_KEY_MAX];
    struct store_grey_request fitted = *q;

    *call_out = NULL;
    fitted.key = key_fit(q->key, room);
    if (q->auto_key.n > 0)
        fitted.auto_key = key_fit(q->auto_key, auto_room);
    s->backend->grey(s, &fitted, fn, arg, call_out);
}

void store_remember(struct store *s, const char *table, span key, span value, int64_t ttl_ms, int64_t now_ms, store_value_fn *fn, void *arg)
{
    char room[STORE_KEY_MAX];

    assert(table_own(table));
    if (fn == NULL)
        fn = ignore_value;
    if (value.n > STORE_VALUE_MAX || ttl_ms <= 0) {
        fn(&(struct store_value_result){ .outcome = STORE_MISS, .why = ttl_ms <= 0 ? "nothing to keep it for" : "the value is too long" }, arg);
        return;
    }
    s->backend->remember(s, table, key_fit(key, room), value, ttl_ms, now_ms, fn, arg);
}

void store_recall(struct store *s, const char *table, span key, int64_t now_ms, store_value_fn *fn, void *arg, struct store_call **call_out)
{
    char room[STORE_KEY_MAX];

    assert(table_own(table));
    *call_out = NULL;
    s->backend->recall(s, table, key_fit(key, room), now_ms, fn, arg, call_out);
}

void store_forget(struct store *s, const char *table, span key, store_value_fn *fn, void *arg)
{
    char room[STORE_KEY_MAX];

    assert(table_ok(table));
    s->backend->forget(s, table, key_fit(key, room), fn != NULL ? fn : ignore_value, arg);
}

void store_scan(struct store *s, const char *table, span prefix, size_t limit, store_scan_fn *fn, void *arg)
{
    assert(table_ok(table));
    s->backend->scan(s, table, prefix, limit, fn, arg);
}

void store_cancel(struct store_call **call)
{
    if (*call == NULL)
        return;
    (*call)->store->backend->cancel(*call);
    *call = NULL;
}

struct store *store_open(struct loop *l, const char *name, const struct settings *set, struct errtext *err)
{
    if (err != NULL)
        err->text[0] = '\0';
    return set->store.type == STORE_TYPE_REDIS ? store_redis_open(l, &set->store.redis, err) : store_embedded_open(l, name, set, err);
}

void store_close(struct store **s)
{
    if (*s == NULL)
        return;
    (*s)->backend->close(*s);
    *s = NULL;
}

bool store_up(const struct store *s)
{
    return s->backend->up(s);
}

const char *store_problem(const struct store *s)
{
    return s->backend->problem(s);
}

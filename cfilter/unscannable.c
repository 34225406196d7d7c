/* unscannable.c - counts how often a message could not be scanned.
 *
 * Two front processes that count the same message at the same moment may count it once: that costs the sender one more
 * try, never a refusal.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/unscannable.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/alloc.h"

#define TABLE "unscannable"
enum { KEY_TEXT = 2 * sizeof(struct digest) + 1 };

struct unscannable {
    struct store *store;
    struct poison *memory;
    struct store_call *call;
    unscannable_fn *fn;
    void *arg;
    struct poison_record record;         /* as it will be */
    int64_t keep_ms;
    bool in_call, done;
    char key[KEY_TEXT];
};

static void key_text(const struct digest *d, char out[KEY_TEXT])
{
    for (size_t i = 0; i < sizeof d->b; i++)
        snprintf(out + 2 * i, 3, "%02x", d->b[i]);
}

/* ---- a value in the store: "TRIES FIRST_MS LAST_MS OUTCOME BYTES APART" ---- */

static void put_value(const struct poison_record *r, char *to, size_t size)
{
    snprintf(to, size, "%lld %lld %lld %d %llu %d", (long long)r->tries, (long long)r->first_ms, (long long)r->last_ms, (int)r->outcome,
             (unsigned long long)r->key.size_bytes, r->apart);
}

static bool get_value(span value, struct poison_record *out)
{
    uint64_t v[6];
    span word;

    for (size_t i = 0; i < 6; i++) {
        if (!span_next(&value, ' ', &word) || !span_to_u64(word, &v[i]) || v[i] > INT64_MAX)
            return false;
    }
    if (value.p != NULL || v[0] == 0 || v[3] > SCAN_BUSY || v[5] > 1)
        return false;
    *out = (struct poison_record){ .tries = (int64_t)v[0], .first_ms = (int64_t)v[1], .last_ms = (int64_t)v[2], .outcome = (enum scan_outcome)v[3],
                                   .key = { .size_bytes = v[4] }, .apart = v[5] == 1 };
    return true;
}

/* ---- counting ---- */

static void add_earlier(struct poison_record *r, const struct poison_record *earlier)
{
    if (earlier->tries > r->tries)
        r->tries = earlier->tries;
    if (earlier->first_ms < r->first_ms)
        r->first_ms = earlier->first_ms;
}

static void finish(struct unscannable *u, const struct poison_record *stored)
{
    const struct poison_record *known = poison_find_key(u->memory, &u->record.key);
    struct poison_record *r = &u->record;
    char value[120];

    if (known != NULL)
        add_earlier(r, known);
    if (stored != NULL)
        add_earlier(r, stored);
    r->tries++;
    poison_put(u->memory, r);
    put_value(r, value, sizeof value);
    if (u->store != NULL)
        store_remember(u->store, TABLE, span_str(u->key), span_str(value), u->keep_ms, 0, NULL, NULL);
    u->done = true;
    u->fn(r->tries, r->last_ms > r->first_ms ? r->last_ms - r->first_ms : 0, u->arg);
}

static void on_recalled(const struct store_value_result *r, void *arg)
{
    struct unscannable *u = arg;
    struct poison_record stored;

    u->call = NULL;
    finish(u, r->outcome == STORE_HIT && get_value(r->value, &stored) ? &stored : NULL);
    if (!u->in_call)
        free(u);
}

struct unscannable *unscannable_count(struct store *s, struct poison *memory, span message, enum scan_outcome outcome, bool apart, int64_t wall_ms,
                                      int64_t keep_ms, unscannable_fn *fn, void *arg)
{
    struct unscannable *u = xcalloc(1, sizeof(*u));

    *u = (struct unscannable){ .store = s, .memory = memory, .fn = fn, .arg = arg, .keep_ms = keep_ms, .in_call = true,
                               .record = { .outcome = outcome, .apart = apart, .first_ms = wall_ms, .last_ms = wall_ms } };
    poison_key_of(message, &u->record.key);
    key_text(&u->record.key.digest, u->key);
    if (s != NULL)
        store_recall(s, TABLE, span_str(u->key), 0, on_recalled, u, &u->call);
    else
        finish(u, NULL);
    u->in_call = false;
    if (!u->done)
        return u;
    free(u);
    return NULL;
}

void unscannable_cancel(struct unscannable **u)
{
    if (*u == NULL)
        return;
    store_cancel(&(*u)->call);
    free(*u);
    *u = NULL;
}

void unscannable_forget(struct store *s, struct poison *memory, span message)
{
    struct poison_key key;
    char text[KEY_TEXT];

    poison_key_of(message, &key);
    poison_forget(memory, &key);
    key_text(&key.digest, text);
    if (s != NULL)
        store_forget(s, TABLE, span_str(text), NULL, NULL);
}

/* ---- at start ---- */

static bool digest_from(span hex, struct digest *out)
{
    static const char digits[] = "0123456789abcdef";

    if (hex.n != 2 * sizeof out->b)
        return false;
    for (size_t i = 0; i < hex.n; i++) {
        const char *d = hex.p[i] != '\0' ? strchr(digits, hex.p[i]) : NULL;
        if (d == NULL)
            return false;
        out->b[i / 2] = (uint8_t)(out->b[i / 2] << 4 | (d - digits));
    }
    return true;
}

static void on_item(const struct store_scan_item *item, enum store_outcome outcome, bool done, void *arg)
{
    struct poison_record r;

    (void)outcome;                 /* what does not come is learned anew */
    (void)done;
    if (item == NULL || !get_value(item->value, &r) || !digest_from(item->key, &r.key.digest))
        return;
    if (poison_find_key(arg, &r.key) == NULL)
        poison_put(arg, &r);
}

void unscannable_load(struct store *s, struct poison *memory)
{
    store_scan(s, TABLE, SPAN(""), POISON_MAX, on_item, memory);
}

/* unscannable.c - counts how often a message could not be scanned, by its SHA-256, in the store.
 *
 * Two front processes that count the same message at the same moment may count it once: that costs the sender one more
 * try, never a refusal.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/unscannable.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/alloc.h"
#include "lib/proto/header.h"

struct unscannable {
    struct store *store;
    struct store_call *call;
    unscannable_fn *fn;
    void *arg;
    int64_t wall_ms, keep_ms;
    bool in_call, done;
    char key[2 * SHA256_DIGEST_LENGTH + 1];
};

/* What follows the fields that the front writes anew for each try. */
static span behind_trace(span message)
{
    struct header_field f;
    size_t at = 0, begin = 0;

    while (header_next(message, &at, &f) && f.name.n > 0) {
        if (!header_is(&f, SPAN("Received")) && !header_is(&f, SPAN("X-Gatepost")))
            break;
        begin = at;
        if (header_is(&f, SPAN("Received")))
            break;
    }
    return span_from(message, begin);
}

/* The header grows with each try by other Received lines, and may be signed anew, so the body is what is recognised again; a
 * message without one by its header. */
static void digest_of(span message, char key[2 * SHA256_DIGEST_LENGTH + 1])
{
    span body = span_from(message, header_section_end(message));
    unsigned char d[SHA256_DIGEST_LENGTH];

    if (body.n == 0)
        body = behind_trace(message);
    SHA256((const unsigned char *)body.p, body.n, d);
    for (size_t i = 0; i < sizeof(d); i++)
        snprintf(key + 2 * i, 3, "%02x", d[i]);
}

/* "TRIES FIRST_WALL_MS" */
static bool read_count(span value, uint64_t *tries, uint64_t *first_ms)
{
    span word;

    return span_next(&value, ' ', &word) && span_to_u64(word, tries) && span_to_u64(value, first_ms);
}

static void on_recalled(const struct store_value_result *r, void *arg)
{
    struct unscannable *u = arg;
    uint64_t tries = 0, first_ms = (uint64_t)u->wall_ms;
    char value[64];
    int n;

    u->call = NULL;
    u->done = true;
    if (r->outcome == STORE_DOWN) {
        u->fn(0, 0, u->arg);
    } else {
        if (r->outcome == STORE_HIT && !read_count(r->value, &tries, &first_ms))
            tries = 0;
        tries++;
        n = snprintf(value, sizeof(value), "%llu %llu", (unsigned long long)tries, (unsigned long long)first_ms);
        store_remember(u->store, "unscannable", span_str(u->key), span_of(value, (size_t)n), u->keep_ms, 0, NULL, NULL);
        u->fn((int64_t)tries, u->wall_ms > (int64_t)first_ms ? u->wall_ms - (int64_t)first_ms : 0, u->arg);
    }
    if (!u->in_call)
        free(u);
}

struct unscannable *unscannable_count(struct store *s, span message, int64_t wall_ms, int64_t keep_ms, unscannable_fn *fn, void *arg)
{
    struct unscannable *u = xcalloc(1, sizeof(*u));

    *u = (struct unscannable){ .store = s, .fn = fn, .arg = arg, .wall_ms = wall_ms, .keep_ms = keep_ms, .in_call = true };
    digest_of(message, u->key);
    store_recall(s, "unscannable", span_str(u->key), 0, on_recalled, u, &u->call);
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

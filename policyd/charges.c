/* charges.c - what each message was charged, for as long as cfilter may still refuse it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "policyd/charges.h"

#include <stdlib.h>

#include "lib/base/alloc.h"
#include "lib/base/lru.h"
#include "policyd/limit_commit.h"

enum { CHARGES_BYTES_MAX = 64 * 1024 * 1024 };    /* of all messages */

struct charge_part {
    struct store_limit limit;
    int64_t weight;
};

struct charge {
    struct charge *next;
    size_t bytes;
    span once;
    size_t n;
    struct charge_part parts[];          /* and the keys behind them */
};

struct charged {
    struct charges *all;
    struct charge *first;
};

struct charges {
    struct lru *messages;                /* id -> struct charged */
    size_t bytes;
};

static void forget(void *value)
{
    struct charged *m = value;

    while (m->first != NULL) {
        struct charge *gone = m->first;

        m->first = gone->next;
        m->all->bytes -= gone->bytes;
        free(gone);
    }
}

struct charges *charges_new(size_t max_messages)
{
    struct charges *c = xcalloc(1, sizeof(*c));

    c->messages = lru_new(max_messages, sizeof(struct charged), forget);
    return c;
}

void charges_free(struct charges **c)
{
    if (*c == NULL)
        return;
    lru_free(&(*c)->messages);
    free(*c);
    *c = NULL;
}

static struct charge *charge_new(const struct store_limits_request *q, const struct limit_rule *const *rules)
{
    size_t bytes = sizeof(struct charge) + q->once.n, n = 0;
    struct charge *c;
    char *at;

    for (size_t i = 0; i < q->n; i++) {
        if (q->limits[i].cost > 0) {
            bytes += sizeof(c->parts[0]) + q->limits[i].key.n;
            n++;
        }
    }
    c = xmalloc(bytes);
    at = (char *)&c->parts[n];
    *c = (struct charge){ .bytes = bytes, .once = span_keep(&at, q->once) };
    for (size_t i = 0; i < q->n; i++) {
        if (q->limits[i].cost > 0) {
            c->parts[c->n] = (struct charge_part){ q->limits[i], rules[i]->set->refused_weight };
            c->parts[c->n++].limit.key = span_keep(&at, q->limits[i].key);
        }
    }
    return c;
}

static bool noted(const struct charged *m, span once)
{
    for (const struct charge *c = m->first; c != NULL; c = c->next) {
        if (span_eq(c->once, once))
            return true;
    }
    return false;
}

void charges_note(struct charges *c, const char *id, const struct store_limits_request *q, const struct limit_rule *const *rules, int64_t now_ms)
{
    struct charged *m;
    struct charge *new;

    if (q->once.n == 0)                  /* nothing that could be told from another charge later */
        return;
    m = lru_put(c->messages, span_str(id), now_ms + CHARGE_ONCE_MS);
    m->all = c;
    if (c->bytes > CHARGES_BYTES_MAX || noted(m, q->once))
        return;
    new = charge_new(q, rules);
    new->next = m->first;
    m->first = new;
    c->bytes += new->bytes;
}

/* ---- what cfilter did ---- */

/* Those of a charge that weigh nothing: as if the message had never come. */
static void give_back(struct services *s, const struct charge *c)
{
    struct store_limit limits[STORE_LIMITS_MAX];
    struct store_limits_request q = { .limits = limits, .once = c->once, .once_ms = CHARGE_ONCE_MS };

    for (size_t i = 0; i < c->n; i++) {
        if (c->parts[i].weight == 0)
            limits[q.n++] = c->parts[i].limit;
    }
    limit_commit_refund(s, &q);
}

/* Those that weigh more than one message: what is lacking is charged, whether it fits or not. */
static void charge_more(struct services *s, const struct charge *c)
{
    struct store_limit limits[STORE_LIMITS_MAX];
    struct store_limits_request q = { .limits = limits };

    for (size_t i = 0; i < c->n; i++) {
        if (c->parts[i].weight <= 1)
            continue;
        limits[q.n] = c->parts[i].limit;
        limits[q.n++].cost *= c->parts[i].weight - 1;
    }
    limit_commit(s, &q);
}

bool charges_settle(struct services *s, span id, bool refused)
{
    int64_t expires_ms;
    struct charged *m = lru_get(s->charges->messages, id, &expires_ms);
    bool known = m != NULL && expires_ms > loop_now_ms(s->loop);

    for (const struct charge *c = known ? m->first : NULL; c != NULL; c = c->next) {
        give_back(s, c);
        if (refused)
            charge_more(s, c);
    }
    lru_remove(s->charges->messages, id);
    return known;
}

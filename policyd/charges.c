/* charges.c - what each message was charged, for as long as cfilter may still refuse it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "policyd/charges.h"

#include <stdlib.h>

#include "lib/base/alloc.h"
#include "policyd/handover.h"
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

static size_t kept_bytes;

void charges_forget(struct message *msg)
{
    while (msg->charges != NULL) {
        struct charge *gone = msg->charges;

        msg->charges = gone->next;
        kept_bytes -= gone->bytes;
        free(gone);
    }
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

static bool noted(const struct message *msg, span once)
{
    for (const struct charge *c = msg->charges; c != NULL; c = c->next) {
        if (span_eq(c->once, once))
            return true;
    }
    return false;
}

void charges_note(struct message *msg, const struct store_limits_request *q, const struct limit_rule *const *rules, int64_t now_ms)
{
    struct charge *new;

    if (q->once.n == 0)                  /* nothing that could be told from another charge later */
        return;
    if (msg->charged_until_ms <= now_ms)
        charges_forget(msg);
    msg->charged_until_ms = now_ms + CHARGE_ONCE_MS;
    if (kept_bytes > CHARGES_BYTES_MAX || noted(msg, q->once))
        return;
    new = charge_new(q, rules);
    new->next = msg->charges;
    msg->charges = new;
    kept_bytes += new->bytes;
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
    struct message *msg = handover_by_id(s->messages, id);
    bool charged = msg != NULL && msg->charges != NULL && msg->charged_until_ms > loop_now_ms(s->loop);

    for (const struct charge *c = charged ? msg->charges : NULL; c != NULL; c = c->next) {
        give_back(s, c);
        if (refused)
            charge_more(s, c);
    }
    if (msg != NULL)
        charges_forget(msg);
    return charged;
}

/* limit_commit.c - charges and refunds that nobody waits for.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "policyd/limit_commit.h"

#include <stdlib.h>

#include "lib/base/alloc.h"
#include "policyd/limit_local.h"

struct limit_commit {
    struct services *services;
    struct limit_commit *next, **link;
    struct store_call *call;
    struct store_limits_request q;
    struct store_limit limits[STORE_LIMITS_MAX];
    bool refund;
    char keys[];
};

static void commit_free(struct limit_commit *c)
{
    if (c->next != NULL)
        c->next->link = c->link;
    *c->link = c->next;
    free(c);
}

static char *copy_key(char *to, span *key)
{
    if (key->n > 0)
        memcpy(to, key->p, key->n);
    key->p = to;
    return to + key->n;
}

static struct limit_commit *commit_new(struct services *s, const struct store_limits_request *q, bool refund)
{
    struct limit_commit *c;
    size_t bytes = q->once.n;
    char *to;

    for (size_t i = 0; i < q->n; i++)
        bytes += q->limits[i].key.n;
    c = xcalloc(1, sizeof(*c) + bytes);
    c->services = s;
    c->refund = refund;
    c->q = *q;
    c->q.limits = c->limits;
    c->q.force = true;
    memcpy(c->limits, q->limits, q->n * sizeof(q->limits[0]));
    to = copy_key(c->keys, &c->q.once);
    for (size_t i = 0; i < q->n; i++)
        to = copy_key(to, &c->limits[i].key);
    c->next = s->commits;
    c->link = &s->commits;
    if (c->next != NULL)
        c->next->link = &c->next;
    s->commits = c;
    return c;
}

static void keep_here(struct limit_commit *c)
{
    struct services *s = c->services;
    struct store_limits_result r;

    ++*s->count.store_down;
    if (c->refund)
        limit_local_refund(s->local, &c->q, loop_now_ms(s->loop));
    else
        limit_local_decide(s->local, &c->q, loop_now_ms(s->loop), &r);
}

static void on_charged(const struct store_limits_result *r, void *arg)
{
    struct limit_commit *c = arg;

    if (r->outcome == STORE_DOWN)
        keep_here(c);
    commit_free(c);
}

static void on_refunded(enum store_outcome outcome, void *arg)
{
    struct limit_commit *c = arg;

    if (outcome != STORE_HIT)            /* charged here while the store was away, perhaps */
        limit_local_refund(c->services->local, &c->q, loop_now_ms(c->services->loop));
    commit_free(c);
}

void limit_commit(struct services *s, const struct store_limits_request *q)
{
    struct limit_commit *c;

    if (s->store == NULL || q->n == 0)
        return;
    c = commit_new(s, q, false);
    store_limits(s->store, &c->q, on_charged, c, &c->call);
}

void limit_commit_refund(struct services *s, const struct store_limits_request *q)
{
    struct limit_commit *c;

    if (s->store == NULL || q->n == 0 || q->once.n == 0)
        return;
    c = commit_new(s, q, true);
    store_refund(s->store, &c->q, on_refunded, c, &c->call);
}

/* So much in a turn: a store that has just come back has other questions to answer, too. */
enum { OWED_BATCHES = 16 };
#define OWED_EVERY_MS 10

static void on_owed(void *arg)
{
    struct services *s = arg;

    if (store_up(s->store))
        limit_commit_owed(s);
}

void limit_commit_owed(struct services *s)
{
    struct store_limit limits[STORE_LIMITS_MAX];
    struct store_limits_request q = { .limits = limits };

    if (s->store == NULL || loop_timer_active(&s->owed_again))
        return;
    for (int i = 0; i < OWED_BATCHES; i++) {
        if ((q.n = limit_local_take_owed(s->local, limits)) == 0)
            return;
        limit_commit(s, &q);
    }
    loop_timer_start(s->loop, &s->owed_again, OWED_EVERY_MS, on_owed, s);
}

void limit_commits_stop(struct services *s)
{
    loop_timer_stop(&s->owed_again);
    while (s->commits != NULL)
        commit_free(s->commits);
}

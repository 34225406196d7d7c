/* share_sweep.c - what former generations have left in Redis, removed: all but the current one and the one before it.
 *
 * A follower may still be fetching the one before; an older one it gives up and takes the current one.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdlib.h>

#include "lib/app/log.h"
#include "lib/base/alloc.h"
#include "lib/base/map.h"
#include "socketmapd/share_private.h"

enum { UNLINK_MAX = 100, GENERATIONS_MAX = 64 };

struct generation {
    struct share_sweep *sweep;
    char name[SHARE_NAME];
    bool keep;
    struct rcpt_index index;           /* pieces NULL: it is not there */
};

struct share_sweep {
    struct generation all[GENERATIONS_MAX];
    size_t n, waiting;
    struct map *kept;                  /* digests of pieces that stay */
    size_t at, piece;                  /* where removing stands */
};

void share_sweep_stop(struct share *h)
{
    struct share_sweep *w = h->sweep;

    if (w == NULL)
        return;
    h->sweep = NULL;
    share_commands_stop(h, w);
    for (size_t i = 0; i < w->n; i++)
        rcpt_index_free(&w->all[i].index);
    map_free(&w->kept, NULL);
    free(w);
}

/* ---- removing ---- */

static void remove_more(struct share *h);

static void on_removed(struct share *h, const redisReply *reply, const char *why, void *arg)
{
    (void)why;
    (void)arg;
    if (reply == NULL || reply->type != REDIS_REPLY_INTEGER || reply->integer < 0)
        share_sweep_stop(h);           /* the next generation tries again */
    else
        remove_more(h);
}

static void on_forgotten(struct share *h, const redisReply *reply, const char *why, void *arg)
{
    struct share_sweep *w = arg;

    (void)why;
    if (reply == NULL) {
        share_sweep_stop(h);
        return;
    }
    w->at++;
    w->piece = 0;
    remove_more(h);
}

/* One generation after the other: its pieces that nobody else has, its index, its name last. */
static void remove_more(struct share *h)
{
    struct share_sweep *w = h->sweep;
    static char keys[UNLINK_MAX + 1][SHARE_KEY];
    span argv[UNLINK_MAX + 1];
    char key[SHARE_KEY];
    size_t n = 0;

    while (w->at < w->n && w->all[w->at].keep)
        w->at++;
    if (w->at == w->n) {
        share_sweep_stop(h);
        return;
    }
    for (const struct rcpt_index *x = &w->all[w->at].index; n < UNLINK_MAX && x->pieces != NULL && w->piece < x->n; w->piece++) {
        if (map_get(w->kept, span_str(x->pieces[w->piece].digest)) == NULL) {
            argv[n] = share_key(h, keys[n], "piece", x->pieces[w->piece].digest);
            n++;
        }
    }
    if (n == 0 && w->all[w->at].index.pieces != NULL) {
        argv[n] = share_key(h, keys[n], "index", w->all[w->at].name);
        n++;
        rcpt_index_free(&w->all[w->at].index);
    }
    if (n > 0)
        share_send_unlink(h, n, argv, on_removed, w);
    else
        share_command(h, 3, (const span[]){ SPAN("HDEL"), share_key(h, key, "generations", NULL), span_str(w->all[w->at].name) }, on_forgotten, w);
}

/* ---- what there is ---- */

static void all_known(struct share *h)
{
    struct share_sweep *w = h->sweep;

    for (size_t i = 0; i < w->n; i++) {
        for (size_t k = 0; w->all[i].keep && k < w->all[i].index.n; k++)
            map_put(w->kept, span_str(w->all[i].index.pieces[k].digest), w);
    }
    remove_more(h);
}

static void on_index(struct share *h, const redisReply *reply, const char *why, void *arg)
{
    struct generation *g = arg;
    struct share_sweep *w = g->sweep;
    struct errtext err = { "" };

    (void)why;
    if (reply == NULL) {
        share_sweep_stop(h);
        return;
    }
    if (reply->type == REDIS_REPLY_STRING)
        rcpt_index_decode(span_of(reply->str, reply->len), &g->index, &err);
    if (g->keep && g->index.pieces == NULL) {         /* what it needs is not known: nothing is removed */
        share_sweep_stop(h);
        return;
    }
    if (--w->waiting == 0)
        all_known(h);
}

static void ask_indexes(struct share *h)
{
    struct share_sweep *w = h->sweep;
    char key[SHARE_KEY];

    w->waiting = w->n;
    for (size_t i = 0; i < w->n && h->sweep == w; i++)
        share_command_of(h, w, 2, (const span[]){ SPAN("GET"), share_key(h, key, "index", w->all[i].name) }, on_index, &w->all[i]);
}

static void on_generations(struct share *h, const redisReply *reply, const char *why, void *arg)
{
    struct share_sweep *w = arg;
    char before[SHARE_NAME] = "";
    uint64_t best = 0, at;

    (void)why;
    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) {
        share_sweep_stop(h);
        return;
    }
    for (size_t i = 0; i + 1 < reply->elements && w->n < GENERATIONS_MAX; i += 2) {
        const redisReply *name = reply->element[i], *when = reply->element[i + 1];

        if (name->type != REDIS_REPLY_STRING || name->len != SHARE_NAME - 1 || when->type != REDIS_REPLY_STRING ||
            !span_to_u64(span_of(when->str, when->len), &at))
            continue;
        w->all[w->n].sweep = w;
        memcpy(w->all[w->n].name, name->str, SHARE_NAME);
        if (strcmp(name->str, h->published) != 0 && at > best) {
            best = at;
            snprintf(before, sizeof(before), "%s", name->str);
        }
        w->n++;
    }
    for (size_t i = 0; i < w->n; i++)
        w->all[i].keep = strcmp(w->all[i].name, h->published) == 0 || strcmp(w->all[i].name, before) == 0;
    if (w->n > 0)
        ask_indexes(h);
    else
        share_sweep_stop(h);
}

void share_sweep_start(struct share *h)
{
    char key[SHARE_KEY];

    if (h->sweep != NULL)
        return;
    h->sweep = xcalloc(1, sizeof(*h->sweep));
    h->sweep->kept = map_new();
    share_command(h, 2, (const span[]){ SPAN("HGETALL"), share_key(h, key, "generations", NULL) }, on_generations, h->sweep);
}

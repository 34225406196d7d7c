/* share_publish.c - the leader's set into Redis: index and pieces first, the pointer last.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdlib.h>

#include "lib/app/log.h"
#include "lib/base/alloc.h"
#include "socketmapd/share_private.h"

#define AGAIN_MS SECONDS(5)
#define OVERWRITE_MS MINUTES(1)        /* a follower of another version may call any generation damaged */
enum { EXIST_MAX = 100 };

struct share_publish {
    span index_text, texts;            /* mapped */
    struct rcpt_index index;
    size_t *starts;
    bool *there;                       /* Redis has the piece already */
    char generation[SHARE_NAME];
    bool overwrite;                    /* what is there is not to be believed */
    uint64_t token;                    /* that the pointer is sent with */
    size_t next, waiting, sent;
    int64_t began_ms;
};

void share_publish_stop(struct share *h)
{
    struct share_publish *p = h->publish;

    h->publish_again = false;
    if (p == NULL)
        return;
    h->publish = NULL;
    share_commands_stop(h, p);
    if (h->job != NULL)
        child_pool_cancel(&h->job);
    share_unmap(&p->index_text);
    share_unmap(&p->texts);
    rcpt_index_free(&p->index);
    free(p->starts);
    free(p->there);
    free(p);
}

static void fail(struct share *h, const char *why)
{
    share_trouble(h, "publishing", why);
    h->publish_not_before_ms = loop_now_ms(h->loop) + AGAIN_MS;
    share_publish_stop(h);
    h->publish_again = true;
}

static void end(struct share *h)
{
    bool again = h->publish_again;

    share_publish_stop(h);
    if (again)
        share_publish_start(h);
    else
        share_sweep_start(h);
}

/* ---- last: the pointer ---- */

static void on_pointer(struct share *h, const redisReply *reply, const char *why, void *arg)
{
    struct share_publish *p = arg;

    if (reply == NULL || reply->type != REDIS_REPLY_STRING || strcmp(reply->str, "ok") != 0) {
        fail(h, reply == NULL ? why : reply->type == REDIS_REPLY_STRING ? reply->str : "an answer that the script cannot give");
        return;
    }
    if (strcmp(h->published, p->generation) != 0)
        log_info("recipients source %s: generation %s is published: %llu addresses, %zu of %zu pieces were new, %lld ms", h->sync->set->name, p->generation,
                 (unsigned long long)p->index.addresses, p->sent, p->index.n, (long long)(loop_now_ms(h->loop) - p->began_ms));
    snprintf(h->published, sizeof(h->published), "%s", p->generation);
    h->published_token = p->token;
    snprintf(h->now.generation, sizeof(h->now.generation), "%s", p->generation);
    snprintf(h->now.by, sizeof(h->now.by), "%s", h->me);
    h->now.broken = false;
    end(h);
}

/* ---- the pieces ---- */

static void send_pieces(struct share *h);

static void on_piece(struct share *h, const redisReply *reply, const char *why, void *arg)
{
    struct share_publish *p = arg;

    if (reply == NULL) {
        fail(h, why);
        return;
    }
    p->waiting--;
    send_pieces(h);
}

static void send_pieces(struct share *h)
{
    struct share_publish *p = h->publish;
    char key[SHARE_KEY];

    while (p->next < p->index.n && p->waiting < SHARE_WINDOW) {
        size_t i = p->next++;

        if (p->there[i] || p->index.pieces[i].bytes == 0)
            continue;
        p->waiting++;
        p->sent++;
        share_command(h, 3, (const span[]){ SPAN("SET"), share_key(h, key, "piece", p->index.pieces[i].digest),
                                            span_of(p->texts.p + p->starts[i], (size_t)p->index.pieces[i].bytes) }, on_piece, p);
        if (h->publish != p)
            return;                    /* it has failed at once */
    }
    if (p->next == p->index.n && p->waiting == 0) {
        p->waiting++;
        p->token = h->now.token;
        share_send_pointer(h, p->generation, p->index.addresses, on_pointer, p);
    }
}

/* ---- which pieces are there ---- */

static void ask_exist(struct share *h);

static void on_exist(struct share *h, const redisReply *reply, const char *why, void *arg)
{
    struct share_publish *p = arg;
    size_t n = p->index.n - p->next < EXIST_MAX ? p->index.n - p->next : EXIST_MAX;

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY || reply->elements != n) {
        fail(h, reply == NULL ? why : "an answer that the script cannot give");
        return;
    }
    for (size_t i = 0; i < n; i++)
        p->there[p->next + i] = reply->element[i]->type == REDIS_REPLY_INTEGER && reply->element[i]->integer == 1;
    p->next += n;
    ask_exist(h);
}

static void ask_exist(struct share *h)
{
    struct share_publish *p = h->publish;
    size_t left = p->index.n - p->next;

    if (!p->overwrite && left > 0) {
        share_send_exist(h, p->index.pieces + p->next, left < EXIST_MAX ? left : EXIST_MAX, on_exist, p);
        return;
    }
    p->next = 0;
    send_pieces(h);
}

/* ---- first: the generation is named, so that what of it is written can be found and removed, and its index ---- */

static void on_registered(struct share *h, const redisReply *reply, const char *why, void *arg)
{
    struct share_publish *p = arg;

    if (reply == NULL)
        fail(h, why);
    else if (--p->waiting == 0)
        ask_exist(h);
}

static void register_generation(struct share *h)
{
    struct share_publish *p = h->publish;
    char key[SHARE_KEY];

    p->waiting = 2;
    share_command(h, 4, (const span[]){ SPAN("HSET"), share_key(h, key, "generations", NULL), span_str(p->generation), SPAN("0") }, on_registered, p);
    if (h->publish == p)
        share_command(h, 3, (const span[]){ SPAN("SET"), share_key(h, key, "index", p->generation), p->index_text }, on_registered, p);
}

static bool take_split(struct share_publish *p, const int *fds, size_t nfds, struct errtext *err)
{
    size_t at = 0;

    if (nfds != 2 || !share_map(fds[0], &p->index_text, err) || !share_map(fds[1], &p->texts, err) || !rcpt_index_decode(p->index_text, &p->index, err))
        return false;
    p->starts = xcalloc(p->index.n, sizeof(*p->starts));
    p->there = xcalloc(p->index.n, sizeof(*p->there));
    for (size_t i = 0; i < p->index.n; i++) {
        p->starts[i] = at;
        at += (size_t)p->index.pieces[i].bytes;
    }
    if (at != p->texts.n)
        errtext_set(err, "the pieces have another length than the index says");
    share_generation_name(p->index_text, p->generation);
    return at == p->texts.n;
}

static void on_split(enum child_outcome outcome, span reply, const int *fds, size_t nfds, void *arg)
{
    struct share *h = arg;
    struct share_publish *p = h->publish;
    struct errtext err = { "the process that splits the set failed" };
    char accepts[ACCEPTED_TEXT];
    uint64_t n;

    h->job = NULL;
    accepted_write(&h->accepted, accepts);
    if (outcome != CHILD_ANSWERED || !share_answer_decode(reply, &n, &err) || !take_split(p, fds, nfds, &err))
        fail(h, err.text);
    else if (!p->overwrite && share_published_stands(h) && strcmp(p->generation, h->published) == 0 && strcmp(accepts, h->now.accepts) == 0)
        end(h);                        /* only times have changed */
    else
        register_generation(h);
}

void share_publish_start(struct share *h)
{
    struct sync *s = h->sync;

    if (h->publish != NULL || h->job != NULL || loop_now_ms(h->loop) < h->publish_not_before_ms) {
        h->publish_again = true;       /* the next turn sees to it */
        return;
    }
    h->publish_again = false;
    h->publish = xcalloc(1, sizeof(*h->publish));
    h->publish->began_ms = loop_now_ms(h->loop);
    if (h->now.broken && h->publish->began_ms >= h->overwrite_not_before_ms) {
        h->publish->overwrite = true;
        h->overwrite_not_before_ms = h->publish->began_ms + OVERWRITE_MS;
    }
    share_sweep_stop(h);
    share_work(h, &(struct share_job){ .task = SHARE_SPLIT, .set_path = span_str(s->set_path), .proposal_path = SPAN(""), .asked = span_str(s->asked) },
               NULL, 0, on_split, h);
}

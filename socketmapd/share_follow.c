/* share_follow.c - a generation out of Redis: its index, the pieces that are not here yet, and the proposal that they make.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/app/log.h"
#include "lib/base/alloc.h"
#include "socketmapd/share_private.h"

#define AGAIN_MS SECONDS(2)

struct share_follow {
    char generation[SHARE_NAME];
    struct rcpt_index index;
    int index_fd, fetched_fd;
    struct wanted { struct share_follow *follow; uint32_t number; } *wanted;      /* pieces that are fetched */
    size_t n, next, waiting;
    int64_t began_ms;
};

void share_follow_stop(struct share *h)
{
    struct share_follow *f = h->follow;

    if (f == NULL)
        return;
    h->follow = NULL;
    share_commands_stop(h, f);
    if (h->job != NULL)
        child_pool_cancel(&h->job);
    if (f->index_fd >= 0)
        close(f->index_fd);
    if (f->fetched_fd >= 0)
        close(f->fetched_fd);
    rcpt_index_free(&f->index);
    free(f->wanted);
    free(f);
}

/* damaged: what is in Redis is not what was published; the leader is told. */
static void fail(struct share *h, bool damaged, const char *why)
{
    if (damaged)
        share_send_broken(h, h->follow->generation);
    share_trouble(h, "following", why);
    h->follow_not_before_ms = loop_now_ms(h->loop) + AGAIN_MS;
    share_follow_stop(h);
}

static struct share_job job_of(const struct share *h, enum share_task task)
{
    const struct sync *s = h->sync;

    return (struct share_job){ .task = task, .set_path = span_str(s->set_path), .proposal_path = span_str(s->proposal_path), .asked = span_str(s->asked),
                               .complete_ms = loop_wall_ms(h->loop) - (h->now.complete_age_ms >= 0 ? h->now.complete_age_ms : 0) };
}

static bool put_all(int fd, const struct iovec *parts, int n)
{
    size_t bytes = 0;

    for (int i = 0; i < n; i++)
        bytes += parts[i].iov_len;
    return writev(fd, parts, n) == (ssize_t)bytes;
}

/* ---- the proposal ---- */

static void on_built(enum child_outcome outcome, span reply, const int *fds, size_t nfds, void *arg)
{
    struct share *h = arg;
    struct errtext err = { "the process that builds the set failed" };
    uint64_t addresses = 0;

    (void)fds;
    (void)nfds;
    h->job = NULL;
    if (outcome != CHILD_ANSWERED || !share_answer_decode(reply, &addresses, &err)) {
        fail(h, outcome == CHILD_ANSWERED, err.text);
        return;
    }
    log_info("recipients source %s: generation %s of %s has come: %llu addresses, %zu of %zu pieces were new, %lld ms", h->sync->set->name,
             h->follow->generation, h->now.by, (unsigned long long)addresses, h->follow->n, h->follow->index.n,
             (long long)(loop_now_ms(h->loop) - h->follow->began_ms));
    snprintf(h->proposed, sizeof(h->proposed), "%s", h->follow->generation);
    snprintf(h->sync->way, sizeof(h->sync->way), "generation");
    share_follow_stop(h);
    share_judge_again(h);
}

static void build(struct share *h)
{
    struct share_job j = job_of(h, SHARE_BUILD);

    share_work(h, &j, (const int[]){ h->follow->index_fd, h->follow->fetched_fd }, 2, on_built, h);
}

/* ---- the pieces ---- */

static void fetch_more(struct share *h);

static bool keep_piece(struct share_follow *f, uint32_t number, span text)
{
    struct share_fetched head = { number, (uint32_t)text.n };
    const struct iovec parts[] = { { &head, sizeof(head) }, { (void *)(uintptr_t)text.p, text.n } };

    return put_all(f->fetched_fd, parts, 2);
}

static void on_piece(struct share *h, const redisReply *reply, const char *why, void *arg)
{
    struct share_follow *f = ((struct wanted *)arg)->follow;
    uint32_t number = ((struct wanted *)arg)->number;

    if (reply == NULL) {
        fail(h, false, why);
    } else if (reply->type != REDIS_REPLY_STRING || reply->len != f->index.pieces[number].bytes) {
        fail(h, true, reply->type == REDIS_REPLY_NIL ? "a piece of the generation is not there any more" : "a piece of the generation has another length");
    } else if (!keep_piece(f, number, span_of(reply->str, reply->len))) {
        fail(h, false, strerror(errno));
    } else {
        f->waiting--;
        fetch_more(h);
    }
}

static void fetch_more(struct share *h)
{
    struct share_follow *f = h->follow;
    char key[SHARE_KEY];

    while (f->next < f->n && f->waiting < SHARE_WINDOW) {
        struct wanted *w = &f->wanted[f->next++];

        f->waiting++;
        share_command_of(h, f, 2, (const span[]){ SPAN("GET"), share_key(h, key, "piece", f->index.pieces[w->number].digest) }, on_piece, w);
        if (h->follow != f)
            return;                    /* it has failed at once */
    }
    if (f->next == f->n && f->waiting == 0)
        build(h);
}

static bool take_plan(struct share_follow *f, const int *fds, size_t nfds, struct errtext *err)
{
    span numbers;
    bool ok = nfds == 1 && share_map(fds[0], &numbers, err);

    if (!ok)
        return false;
    f->n = numbers.n / sizeof(uint32_t);
    f->wanted = xcalloc(f->n + 1, sizeof(*f->wanted));
    for (size_t i = 0; i < f->n; i++) {
        f->wanted[i].follow = f;
        memcpy(&f->wanted[i].number, numbers.p + i * sizeof(uint32_t), sizeof(uint32_t));
        ok = ok && f->wanted[i].number < f->index.n;
    }
    share_unmap(&numbers);
    f->fetched_fd = memfd_create("fetched", MFD_CLOEXEC);
    return ok && f->fetched_fd >= 0;
}

static void on_plan(enum child_outcome outcome, span reply, const int *fds, size_t nfds, void *arg)
{
    struct share *h = arg;
    struct errtext err = { "the process that compares the set failed" };
    uint64_t n;

    h->job = NULL;
    if (outcome != CHILD_ANSWERED || !share_answer_decode(reply, &n, &err) || !take_plan(h->follow, fds, nfds, &err))
        fail(h, false, err.text);
    else
        fetch_more(h);
}

/* ---- the index ---- */

static void on_index(struct share *h, const redisReply *reply, const char *why, void *arg)
{
    struct share_follow *f = arg;
    struct share_job j = job_of(h, SHARE_PLAN);
    struct errtext err = { "" };
    char name[SHARE_NAME];
    span text;

    if (reply == NULL || reply->type != REDIS_REPLY_STRING) {
        fail(h, reply != NULL, reply == NULL ? why : "the index of the generation is not there any more");
        return;
    }
    text = span_of(reply->str, reply->len);
    share_generation_name(text, name);
    if (strcmp(name, f->generation) != 0 || !rcpt_index_decode(text, &f->index, &err)) {
        fail(h, true, err.text[0] != '\0' ? err.text : "the index of the generation has another digest than its name");
        return;
    }
    f->index_fd = memfd_create("index", MFD_CLOEXEC);
    if (f->index_fd < 0 || !put_all(f->index_fd, &(struct iovec){ (void *)(uintptr_t)text.p, text.n }, 1))
        fail(h, false, strerror(errno));
    else
        share_work(h, &j, &f->index_fd, 1, on_plan, h);
}

void share_follow_start(struct share *h)
{
    char key[SHARE_KEY];

    if (h->job != NULL)
        return;                        /* the next turn sees to it */
    h->follow = xcalloc(1, sizeof(*h->follow));
    h->follow->index_fd = h->follow->fetched_fd = -1;
    h->follow->began_ms = loop_now_ms(h->loop);
    snprintf(h->follow->generation, sizeof(h->follow->generation), "%s", h->now.generation);
    share_command(h, 2, (const span[]){ SPAN("GET"), share_key(h, key, "index", h->follow->generation) }, on_index, h->follow);
}

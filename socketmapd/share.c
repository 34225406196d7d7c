/* share.c - one directory, many hosts: who leads, and what each does now.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "socketmapd/share.h"

#include <inttypes.h>
#include <stdlib.h>

#include "lib/app/log.h"
#include "lib/base/alloc.h"
#include "lib/base/rand.h"
#include "socketmapd/share_private.h"

#define TURN_MS SECONDS(2)
#define ALONE_MS SECONDS(15)           /* Redis has said nothing: each host reads by itself */
#define REST_MS MINUTES(1)             /* after letting go of the lock */
#define OLDER_MS SECONDS(10)           /* a leader confirms what it has published every other second */
#define WORK_MS MINUTES(5)
enum { FAILURES_TO_LET_GO = 2 };

static void turn(void *arg);

/* A process has one name for all its life: a reload keeps the lock. */
static void name_of_host(const struct settings *all, char *out, size_t size)
{
    static uint32_t own;

    if (own == 0)
        own = 1 + rand_below(UINT32_MAX - 1);
    snprintf(out, size, "%s-%08" PRIx32, all->hostname, own);
}

void share_trouble(struct share *h, const char *doing, const char *why)
{
    char text[sizeof(h->trouble)];

    snprintf(text, sizeof(text), "%s: %s", doing, why);
    if (strcmp(text, h->trouble) != 0)
        log_error("recipients source %s, shared through Redis: %s; the set in force answers on", h->sync->set->name, text);
    snprintf(h->trouble, sizeof(h->trouble), "%s", text);
}

static void no_trouble(struct share *h)
{
    if (h->trouble[0] != '\0')
        log_info("recipients source %s: sharing through Redis works again", h->sync->set->name);
    h->trouble[0] = '\0';
}

/* ---- roles ---- */

static const char *role_name(enum share_role r)
{
    static const char *const names[] = { [SHARE_STARTING] = "is about to ask who leads", [SHARE_LEADS] = "leads", [SHARE_FOLLOWS] = "follows",
                                         [SHARE_WAITS] = "waits for a host that can read the directory", [SHARE_ALONE] = "reads by itself" };

    return names[r];
}

static bool reads(enum share_role r)
{
    return r == SHARE_LEADS || r == SHARE_ALONE || r == SHARE_WAITS;
}

static void become(struct share *h, enum share_role role)
{
    struct sync *s = h->sync;
    enum share_role was = h->role;

    if (role == was)
        return;
    h->role = role;
    log_info("recipients source %s: this host %s%s%s", s->set->name, role_name(role), role == SHARE_FOLLOWS ? " " : "",
             role == SHARE_FOLLOWS ? h->now.leader : "");
    if (role != SHARE_LEADS) {
        share_publish_stop(h);
        share_sweep_stop(h);
        h->published[0] = '\0';
    }
    if (role != SHARE_FOLLOWS)
        share_follow_stop(h);
    if (role == SHARE_FOLLOWS) {
        sync_reader_stop(s);
        s->failures = 0;
        s->trouble[0] = '\0';
        s->reading = false;
        h->taken[0] = h->proposed[0] = '\0';
    } else if (reads(role) && !reads(was)) {
        sync_reader_start(s, 0);
    } else if (role == SHARE_LEADS && s->in_force != NULL && s->sure_ms >= 0) {
        share_publish_start(h);
    }
}

bool share_follows(const struct share *h)
{
    return h != NULL && (h->role == SHARE_FOLLOWS || h->role == SHARE_STARTING);
}

/* A host that cannot read lets another one try. */
static bool wants_to_lead(struct share *h)
{
    int64_t now_ms = loop_now_ms(h->loop);

    if (h->role == SHARE_LEADS && h->sync->failures >= FAILURES_TO_LET_GO && now_ms >= h->rest_until_ms) {
        log_warning("recipients source %s: this host cannot read the directory and lets another one lead", h->sync->set->name);
        h->rest_until_ms = now_ms + REST_MS;
    }
    return now_ms >= h->rest_until_ms;
}

/* ---- a turn ---- */

/* A Redis that came back with what it knew long ago: whoever leads will publish what is so now. */
static bool is_older_than_ours(const struct share *h)
{
    return h->sync->sure_ms >= 0 && h->now.confirmed_age_ms >= 0 && loop_now_ms(h->loop) - h->now.confirmed_age_ms + OLDER_MS < h->sync->sure_ms;
}

static void follow_on(struct share *h)
{
    struct sync *s = h->sync;
    int64_t now_ms = loop_now_ms(h->loop);

    if (h->now.generation[0] == '\0' || is_older_than_ours(h))
        return;
    if (strcmp(h->now.generation, h->proposed) != 0) {
        if (h->follow == NULL && now_ms >= h->follow_not_before_ms)
            share_follow_start(h);
    } else if (strcmp(h->now.generation, h->taken) == 0 && s->merging == NULL && h->now.confirmed_age_ms >= 0) {
        sync_confirmed_at(s, now_ms - h->now.confirmed_age_ms, h->now.complete_age_ms >= 0 ? now_ms - h->now.complete_age_ms : INT64_MIN);
    }
}

bool share_published_stands(const struct share *h)
{
    return h->published[0] != '\0' && strcmp(h->published, h->now.generation) == 0 && h->published_token == h->now.token;
}

/* What was published is not there any more, or some of it: another Redis, lost data, a damaged piece. */
static void lead_on(struct share *h)
{
    if (h->publish != NULL || loop_now_ms(h->loop) < h->publish_not_before_ms || h->sync->in_force == NULL || h->sync->sure_ms < 0)
        return;
    if (!share_published_stands(h) || h->publish_again || (h->now.broken && loop_now_ms(h->loop) >= h->overwrite_not_before_ms))
        share_publish_start(h);
}

/* Nothing is to be published or fetched any more. */
static bool settled(const struct share *h)
{
    if (h->role == SHARE_LEADS)
        return h->publish == NULL && !h->publish_again &&
               (share_published_stands(h) || (h->published[0] == '\0' && h->now.generation[0] == '\0'));
    return h->role != SHARE_FOLLOWS || strcmp(h->proposed, h->now.generation) == 0;
}

static void on_turn(struct share *h, const redisReply *reply, const char *why, void *arg)
{
    int64_t now_ms = loop_now_ms(h->loop);

    (void)arg;
    h->asking = false;
    if (reply == NULL || !share_turn_read(reply, &h->now)) {
        share_trouble(h, "asking who leads", reply == NULL ? why : "an answer that the script cannot give");
        if (now_ms - h->heard_ms >= ALONE_MS || (h->role == SHARE_LEADS && now_ms - h->heard_ms >= SHARE_LEASE_MS))
            become(h, SHARE_ALONE);
        return;
    }
    h->heard_ms = now_ms;
    if (strcmp(h->now.leader, h->me) == 0) {
        become(h, SHARE_LEADS);
        lead_on(h);
    } else if (h->now.leader[0] != '\0') {
        become(h, SHARE_FOLLOWS);
        follow_on(h);
    } else {
        become(h, SHARE_WAITS);
    }
    if (settled(h))
        no_trouble(h);
}

static void turn(void *arg)
{
    struct share *h = arg;

    loop_timer_start(h->loop, &h->turn, TURN_MS, turn, h);
    if (h->asking)
        return;
    h->asking = true;
    share_turn(h, wants_to_lead(h), on_turn);
}

/* ---- what the engine tells ---- */

void share_judged(struct share *h, bool taken)
{
    if (h == NULL)
        return;
    if (h->role == SHARE_FOLLOWS && taken)
        snprintf(h->taken, sizeof(h->taken), "%s", h->proposed);
    if (h->role == SHARE_FOLLOWS)
        follow_on(h);
    if (h->role == SHARE_LEADS)
        share_publish_start(h);
}

void share_removed(struct share *h, uint64_t removed_digest, bool accepted)
{
    if (h != NULL)
        accepted_add(&h->accepted, removed_digest, accepted);
}

bool share_accepted_there(const struct share *h, uint64_t removed_digest)
{
    return h != NULL && h->role == SHARE_FOLLOWS && removed_digest != 0 && accepted_has(h->now.accepts, removed_digest);
}

bool share_judge_again(struct share *h)
{
    if (h == NULL || h->role != SHARE_FOLLOWS || h->proposed[0] == '\0')
        return false;
    sync_judge(h->sync, (struct sync_upto){ SYNC_BY_TIME, loop_now_ms(h->loop) - (h->now.confirmed_age_ms >= 0 ? h->now.confirmed_age_ms : 0) });
    return true;
}

void share_look_now(struct share *h)
{
    if (h != NULL)
        loop_timer_start(h->loop, &h->turn, 0, turn, h);
}

void share_describe(const struct share *h, struct buf *to)
{
    if (h == NULL)
        return;
    buf_printf(to, "  shared through Redis: this host (%s) %s%s%s", h->me, role_name(h->role), h->role == SHARE_FOLLOWS ? " " : "",
               h->role == SHARE_FOLLOWS ? h->now.leader : "");
    if (h->now.generation[0] != '\0')
        buf_printf(to, "; generation %s by %s%s", h->now.generation, h->now.by,
                   h->role != SHARE_FOLLOWS                            ? ""
                   : strcmp(h->now.generation, h->taken) == 0    ? ", in force here"
                   : strcmp(h->now.generation, h->proposed) == 0 ? ", judged here"
                                                                 : ", being fetched");
    buf_append_char(to, '\n');
    if (h->trouble[0] != '\0')
        buf_printf(to, "  sharing: %s\n", h->trouble);
}

/* ---- life ---- */

static void pool_note(struct child_pool *p, const char *what, void *arg)
{
    const struct share *h = arg;

    (void)p;
    log_warning("recipients source %s: sharing process: %s", h->sync->set->name, what);
}

void share_work(struct share *h, const struct share_job *j, const int *fds, size_t nfds, child_job_fn *fn, void *arg)
{
    static const struct child_spec process = { .role = "rcpt-share" };
    struct buf msg;

    if (h->pool == NULL)
        h->pool = child_pool_new_exec(h->loop, &(struct child_pool_spec){ .workers = 1, .recycle_after_jobs = 1, .restart_delay_ms = 1000,
                                                                          .on_note = pool_note, .supply_arg = h }, &process);
    buf_init(&msg, CHILD_MESSAGE_MAX);
    share_job_encode(j, &msg);
    h->job = child_pool_submit(h->pool, buf_span(&msg), fds, nfds, WORK_MS, fn, arg);
    buf_free(&msg);
}

struct share *share_new(struct sync *s, struct errtext *err)
{
    const struct set_store *store = &s->all->store;
    struct share *h;

    if (!s->serving || store->type != STORE_TYPE_REDIS || !s->set->sync.share)
        return NULL;
    h = xcalloc(1, sizeof(*h));
    h->sync = s;
    h->loop = s->loop;
    name_of_host(s->all, h->me, sizeof(h->me));
    snprintf(h->base, sizeof(h->base), "%s:rcpt:{%.200s@%.8s}", redis_prefix(&store->redis), s->set->name, s->asked);
    h->heard_ms = loop_now_ms(s->loop);
    h->now.confirmed_age_ms = h->now.complete_age_ms = -1;
    if ((h->nodes = redis_nodes_new(s->loop, &store->redis, err)) == NULL) {
        free(h);
        return NULL;
    }
    loop_timer_start(s->loop, &h->turn, 0, turn, h);
    return h;
}

void share_free(struct share **hp)
{
    struct share *h = *hp;

    *hp = NULL;
    if (h == NULL)
        return;
    loop_timer_stop(&h->turn);
    share_publish_stop(h);
    share_follow_stop(h);
    share_sweep_stop(h);
    share_commands_stop(h, NULL);
    child_pool_free(&h->pool);
    redis_nodes_free(&h->nodes);
    free(h);
}

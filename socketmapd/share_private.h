/* share_private.h - what the files of sharing have in common.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_SOCKETMAPD_SHARE_PRIVATE_H
#define GATEPOST_SOCKETMAPD_SHARE_PRIVATE_H

#include "lib/net/child.h"
#include "lib/store/store_redis_ask.h"
#include "socketmapd/accepted.h"
#include "socketmapd/rcpt_piece.h"
#include "socketmapd/share.h"
#include "socketmapd/share_child.h"
#include "socketmapd/sync_private.h"

#define SHARE_LEASE_MS SECONDS(10)      /* of the lock; five turns */

enum share_role { SHARE_STARTING, SHARE_LEADS, SHARE_FOLLOWS, SHARE_WAITS, SHARE_ALONE };
enum { SHARE_WINDOW = 16,           /* commands under way at once: each may carry a piece */
       SHARE_KEY = 600, SHARE_NAME = 17 };

/* What Redis says of the source (script TURN). */
struct share_now {
    char leader[300];
    uint64_t token;
    char generation[SHARE_NAME];          /* "" : none */
    char by[300];
    int64_t confirmed_age_ms, complete_age_ms;      /* -1: not known */
    char accepts[ACCEPTED_TEXT];
    bool broken;
};

struct share_command;
struct share_publish;
struct share_follow;
struct share_sweep;

struct share {
    struct sync *sync;
    struct loop *loop;
    struct redis_nodes *nodes;
    char me[300];
    char base[SHARE_KEY];                 /* of every key */
    enum share_role role;
    struct loop_timer turn;
    int64_t heard_ms;                     /* Redis answered last, monotonic */
    int64_t rest_until_ms;                /* another host may lead: this one could not read */
    bool asking;
    struct share_now now;
    struct share_command *commands;
    struct child_pool *pool;
    struct child_job *job;
    struct share_publish *publish;
    bool publish_again;                   /* the set has changed meanwhile */
    int64_t publish_not_before_ms, overwrite_not_before_ms;
    char published[SHARE_NAME];           /* by this process, last */
    uint64_t published_token;             /* with this one: the pointer is confirmed by nobody else's holder */
    struct share_follow *follow;
    struct share_sweep *sweep;
    int64_t follow_not_before_ms;
    char proposed[SHARE_NAME];            /* the generation that the proposal file holds */
    char taken[SHARE_NAME];               /* the one that is in force here, whole */
    struct accepted accepted;
    char trouble[300];
};

/* ---- share_redis.c ---- */

typedef void share_reply_fn(struct share *h, const redisReply *reply, const char *why, void *arg);
/* One command about keys of this source; reply NULL: why.  fn runs exactly once, unless share_commands_stop came first.  Replies may come in
 * another order than the commands: a Cluster redirects. */
void share_command(struct share *h, size_t argc, const span *argv, share_reply_fn *fn, void *arg);
void share_command_of(struct share *h, void *owner, size_t argc, const span *argv, share_reply_fn *fn, void *arg);
void share_commands_stop(struct share *h, void *owner);    /* those of owner (without one: arg); NULL: all */
span share_key(const struct share *h, char room[SHARE_KEY], const char *kind, const char *name);   /* name NULL: none */
/* Renews or takes the lock (want), or lets go of it; tells how old the leader's knowledge is.  false: the reply is none of the script. */
void share_turn(struct share *h, bool want, share_reply_fn *fn);
bool share_turn_read(const redisReply *reply, struct share_now *out);
void share_send_pointer(struct share *h, const char *generation, uint64_t addresses, share_reply_fn *fn, void *arg);
void share_send_broken(struct share *h, const char *generation);
/* Which of these pieces Redis lacks: as many numbers as pieces, 1 has it. */
void share_send_exist(struct share *h, const struct rcpt_piece *pieces, size_t n, share_reply_fn *fn, void *arg);
/* Removes keys, if this host leads. */
void share_send_unlink(struct share *h, size_t n, const span *keys, share_reply_fn *fn, void *arg);
void share_generation_name(span index, char out[SHARE_NAME]);

/* ---- share.c ---- */
/* What this process published last is what Redis has, under the token that is valid now. */
bool share_published_stands(const struct share *h);
void share_trouble(struct share *h, const char *doing, const char *why);
/* A job for the process; h->job until it is done. */
void share_work(struct share *h, const struct share_job *j, const int *fds, size_t nfds, child_job_fn *fn, void *arg);

/* ---- share_publish.c, share_follow.c ---- */
void share_publish_start(struct share *h);        /* or notes that it is to be done again */
void share_publish_stop(struct share *h);
void share_follow_start(struct share *h);
void share_follow_stop(struct share *h);
/* ---- share_sweep.c ---- */
void share_sweep_start(struct share *h);
void share_sweep_stop(struct share *h);

#endif

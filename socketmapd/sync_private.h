/* sync_private.h - what the files of the sync engine share.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_SOCKETMAPD_SYNC_PRIVATE_H
#define GATEPOST_SOCKETMAPD_SYNC_PRIVATE_H

#include "lib/base/map.h"
#include "lib/net/child.h"
#include "socketmapd/rcpt_merge.h"
#include "socketmapd/share.h"
#include "socketmapd/sync.h"
#include "socketmapd/sync_order.h"

/* An address that is known beside the set: the directory has told of it since. */
struct sync_news {
    uint64_t serial;                  /* of the change; 0: it was asked for */
    int64_t learned_ms;
    bool internal;
    char detail[];
};

/* What a proposal holds: changes up to this one, questions answered before this time (monotonic). */
struct sync_upto { uint64_t serial; int64_t asked_ms; };
#define SYNC_BY_TIME UINT64_MAX          /* a serial: none of ours, what was told before asked_ms is in it */

struct sync {
    struct loop *loop;
    const struct settings *all;
    const struct set_recipient_source *set;
    bool serving;
    char *set_path, *proposal_path, *diff_path, *hold_path;
    /* the set in force */
    struct rcpt_set *in_force;        /* NULL: EMPTY */
    struct map *news;                 /* address -> struct sync_news */
    struct map *dropped;              /* addresses that a person had confirmed away */
    int64_t sure_ms;                  /* when the directory said so last, monotonic; -1: not since the start */
    int64_t complete_ms;              /* when a reading was complete last, monotonic, perhaps before the start */
    struct sync_waiter *waiters;
    void (*on_news)(span address, void *arg);
    void *news_arg;
    /* the reading process */
    struct sync_order order;
    struct buf password, domains;
    char asked[65];
    struct child *child;
    struct loop_timer start, stall, again;
    unsigned failures;
    size_t first_server;
    uint64_t entries;                 /* read so far */
    char way[32], trouble[512];
    bool reading;
    bool read_asked;                  /* the child was told to read all, and has not proposed since */
    /* the judging process */
    struct child_pool *merger;
    struct child_job *merging;
    struct sync_upto merging_upto, waiting_upto;
    bool proposal_waits;
    struct merge_word word, merging_word;      /* given, and not yet judged with; the one that is being judged with */
    /* a held proposal */
    bool held, hold_all;
    struct merge_result last;
    char held_why[512];
    uint64_t held_digest;
    int64_t held_since_ms;
    unsigned held_times;
    uint32_t held_servers;            /* bit set */
    size_t proposed_by;
    struct share *share;              /* NULL: every host reads for itself */
};

/* sync.c */
void sync_set_in_force(struct sync *s, struct sync_upto upto, bool at_start);
void sync_confirmed(struct sync *s, bool complete);
/* The same at some time before; complete_ms INT64_MIN: not known. */
void sync_confirmed_at(struct sync *s, int64_t sure_ms, int64_t complete_ms);
void sync_tell_news(struct sync *s, span address, uint64_t serial, bool internal, const char *detail);
/* sync_reader.c */
void sync_reader_start(struct sync *s, int64_t delay_ms);
void sync_reader_stop(struct sync *s);
bool sync_reader_say(struct sync *s, const char *word);
/* sync_judge.c */
void sync_judge(struct sync *s, struct sync_upto upto);
void sync_judge_stop(struct sync *s);

#endif

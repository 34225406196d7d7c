/* scan_private.h - what the parts of the scanner's front side share: its structs, and what the parts call of each other.
 *
 * For scan.c, scan_job.c, scan_generation.c, scan_holder_link.c, scan_single.c and scan_describe.c; everybody else, tests too, has scan.h.
 * Ownership: struct scan owns its generations, the single one and the verdict cache; a generation its holder, its pools and the list of its
 *            jobs.  A job is in one list at a time, its generation's or late_jobs, and is freed by scan_job_done or scan_job_free.
 * Units:     milliseconds.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_SCAN_PRIVATE_H
#define GATEPOST_CFILTER_SCAN_PRIVATE_H

#include "cfilter/scan.h"
#include "cfilter/scan_wire.h"
#include "cfilter/scratch.h"
#include "lib/app/log.h"

enum { SCAN_WORKER_RESTART_MS = 100, SCAN_RETIRED_LOOK_MS = 100 };

struct clamav;
struct clean_cache;

/* One holder process with the pool of workers that it forks. */
struct generation {
    struct scan *scan;
    struct generation *next;       /* of the retired */
    struct settings *set;
    struct child *holder;          /* NULL: between two */
    struct child_pool *pool;
    bool ready;
    bool refused;                  /* the holder has said that it has no engine */
    bool judged, accept;           /* its signatures are to be compared with the last ones; whatever they are */
    char why[600];
    uint32_t number;               /* of this holder */
    uint64_t signatures;
    size_t owed;                   /* workers that the pool asked for and has not got */
    struct child_pool *apart;      /* of one worker, for messages that have killed another; NULL: none is tried now */
    size_t apart_jobs;
    bool apart_owed;
    unsigned backoff;
    int64_t ready_since_ms;
    struct loop_timer restart;
    struct scan_job *jobs;
};

struct scan_job {
    struct scan *scan;
    struct generation *gen;        /* NULL: answered in this turn (late), or scanned here */
    struct scan_job *prev, *next;  /* of its generation */
    struct child_pool *pool;       /* of its generation: the common one or the one apart */
    struct child_job *child;
    struct loop_task late;
    enum scan_outcome late_outcome;
    struct scan_wire_job *here;    /* workers: 0 */
    char *here_record;             /* that it was read from */
    int64_t given_ms;
    scan_fn *fn;
    void *arg;
};

/* workers: 0 - everything in this process, for who wants to look at it with a debugger. */
struct single {
    struct clamav *engine;
    struct scratch scratch;
    char dir[256];
    uint64_t stamp;
    char why[600];
};

struct scan {
    struct loop *loop;
    struct settings *set;
    size_t workers;
    struct generation *current, *coming, *retired;
    struct single *single;
    struct clean_cache *cache;     /* NULL: none is wanted */
    struct scan_job *late_jobs;
    uint32_t numbers;
    uint64_t accepted;             /* signatures of the generation that took over last */
    bool accept_next;
    char held_back[300];           /* why the last one did not take over */
    struct loop_timer retired_look;
    struct log_fence no_engine_fence, note_fence;
    uint64_t *counts[SCAN_BUSY + 1], *holder_starts, *cache_hits, *cache_added, *cache_dropped;
    uint64_t own_counts[SCAN_BUSY + 5];
};

/* scan_job.c */
/* Puts it into the list of its generation, or into late_jobs if it has none; unlink wants j->gen as it was then. */
void scan_job_link(struct scan_job **list, struct scan_job *j);
void scan_job_unlink(struct scan_job *j);
void scan_job_free(struct scan_job *j);                  /* no answer is given */
/* Counts, frees and answers; facts: for SCAN_DONE only. */
void scan_job_done(struct scan_job *j, enum scan_outcome outcome, const struct facts *facts, const char *why);
void scan_job_later(struct scan_job *j, enum scan_outcome outcome);
/* child_job_fn of what goes to a pool. */
void scan_job_on_child(enum child_outcome outcome, span reply, const int *fds, size_t nfds, void *arg);
/* The pool of one worker for one message more; each begin has its end. */
struct child_pool *scan_job_apart_begin(struct generation *g);
void scan_job_apart_end(struct generation *g);

/* scan_generation.c */
/* Starts its holder; never NULL: one that cannot be started is tried again. */
struct generation *generation_new(struct scan *s, struct settings *set);
void generation_free(struct generation *g);
/* Takes no more messages; is freed when its workers have ended. */
void generation_retire(struct generation *g);
/* The next one beside the one in use; low_memory: in its place. */
void generation_start_coming(struct scan *s);
/* What its holder has told. */
void generation_ready(struct generation *g, uint64_t signatures);
void generation_refused(struct generation *g, span why);
void generation_database_changed(struct generation *g);
/* on_note of its pools. */
void generation_note(struct child_pool *p, const char *what, void *arg);

/* scan_holder_link.c */
/* Tries again by itself, later, if there is no holder to be had. */
void holder_link_start(struct generation *g);
void holder_link_send(struct generation *g, enum holder_word word);
void holder_link_want_worker(struct generation *g, enum holder_lane lane);

/* scan_single.c */
int scan_single_start(struct scan *s, struct errtext *err);
void scan_single_load(struct scan *s);
void scan_single_free(struct single **one);
bool scan_single_ready(const struct scan *s);
void scan_single_submit(struct scan_job *j, span record, int fd);

/* scan_describe.c */
void scan_describe_register(struct scan *s, struct stats *stats);   /* stats NULL: counts for scan_describe only */

#endif

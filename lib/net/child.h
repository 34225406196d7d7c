/* child.h - child processes behind a SOCK_SEQPACKET socket pair: start, talk, deadline, kill, replace, recycle.
 *
 * A child is this daemon's own binary, exec'd anew ("--child ROLE ARGS..."), so that it inherits no key, no socket and
 * no memory; its end of the pair is descriptor 3 (CHILD_FD).  Every other descriptor is closed, PR_SET_PDEATHSIG is SIGKILL.
 * A child that some other process has forked can be adopted by its socket and pidfd (child_adopt).
 * Units:     bytes, milliseconds.
 * Messages:  whole datagrams up to CHILD_MESSAGE_MAX, each with up to CHILD_FDS_MAX descriptors; what is larger travels as a memfd.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_NET_CHILD_H
#define GATEPOST_NET_CHILD_H

#include "lib/base/span.h"
#include "lib/net/loop.h"

enum { CHILD_FD = 3, CHILD_MESSAGE_MAX = 64 * 1024, CHILD_FDS_MAX = 4 };

struct child;

struct child_handler {
    /* fds are the callee's (close them). */
    void (*on_message)(struct child *c, span msg, const int *fds, size_t nfds, void *arg);
    /* The process has ended (or its socket closed, after which it is killed): wait(2) status, or -1 if unknown (adopted).
     * What it said before came first.  The owner calls child_free. */
    void (*on_exit)(struct child *c, int wait_status, void *arg);
};

struct child_spec {
    const char *role;             /* row of the daemon's role table */
    const char *const *args;      /* NULL-terminated, may be NULL; public: they show in ps(1) */
    const int *keep_fds;          /* extra descriptors handed over as 4, 5, ...; n_keep of them */
    size_t n_keep;
};

/* The role table of a binary: the first thing main() does is child_main_if_asked(roles, argc, argv). */
struct child_role {
    const char *name;
    int (*run)(int argc, char **argv);   /* exit status; talks on CHILD_FD; argv[0] is the role's name.  SIGTERM, SIGINT and
                                          * SIGHUP are ignored: end when the channel does (EOF) */
};
/* Runs the role and exits when argv is "--child ROLE ..."; returns otherwise. */
void child_main_if_asked(const struct child_role *roles, int argc, char **argv);

struct child *child_start(struct loop *l, const struct child_spec *spec, const struct child_handler *h, void *arg,
                          struct errtext *err);
struct child *child_adopt(struct loop *l, int sock, int pidfd, const struct child_handler *h, void *arg);
/* 0, or -1 with errno when the child does not take it (EAGAIN: its queue is full; EPIPE: it is gone; EMSGSIZE: empty, too long or too many
 * fds). fds are duplicated, the caller keeps its own. */
int child_send(struct child *c, span msg, const int *fds, size_t nfds);
void child_kill(struct child *c);                 /* SIGKILL by pidfd; on_exit follows */
void child_free(struct child **c);                /* kills it if it still lives; no callback follows; own ones are reaped, without waiting */
bool child_gone(const struct child *c);           /* asks now: it has closed its end, or ended; on_exit may still be to come */
int child_pid(const struct child *c);             /* own ones; -1 for adopted ones */

/* For the code inside a child: blocking. Length, 0 at EOF, -1 with errno (EMSGSIZE: longer than `size`; it is lost). *nfds_inout: room in
 * fds_out, then how many came; surplus ones are closed. Both may be NULL. */
long child_recv_blocking(int sock, void *msg, size_t size, int *fds_out, size_t *nfds_inout);
int child_send_blocking(int sock, span msg, const int *fds, size_t nfds);

/* ---- a pool: one job a worker at a time, a queue before it ---- */

struct child_pool;

enum child_outcome {
    CHILD_ANSWERED,
    CHILD_TIMED_OUT,      /* in the worker past its deadline: the worker was killed */
    CHILD_CRASHED,        /* the worker died on this job */
    CHILD_UNAVAILABLE,    /* no worker took it before the deadline: never started */
};

/* reply and fds are there for CHILD_ANSWERED only and live during the call: dup what is wanted for longer. */
typedef void child_job_fn(enum child_outcome outcome, span reply, const int *fds, size_t nfds, void *arg);

struct child_pool_spec {
    size_t workers;                       /* wanted number */
    uint64_t recycle_after_jobs;          /* 0: never; the worker is ended after so many */
    int64_t restart_delay_ms;             /* least time between two starts of one slot after a crash without an answer; doubles up to 32 times it */
    size_t queue_limit;                   /* waiting jobs; more are CHILD_UNAVAILABLE at once; 0: 10000 */
    /* Asks for one new worker: must lead to child_pool_add (now or later) or child_pool_supply_failed. */
    void (*supply)(struct child_pool *p, void *arg);
    void *supply_arg;
    /* May be NULL: an idle worker said something (it is ended: it could be a late answer), or a worker ended (why for the log). */
    void (*on_note)(struct child_pool *p, const char *what, void *arg);
    /* May be NULL: whether a worker's message is no answer to its job but a question on the way there.  Then `interim` gets it, with the job's
     * arg, and child_pool_say answers it, now or later; the worker of a cancelled job is told `interim_refusal`. */
    bool (*is_interim)(span msg);
    void (*interim)(span msg, void *arg);
    span interim_refusal;
    /* May be NULL: a worker came to a bad end: it died, was killed at a deadline, spoke without a job, or its answer was no good. */
    void (*on_lost)(struct child_pool *p, uint64_t tag, void *arg);
};

struct child_pool *child_pool_new(struct loop *l, const struct child_pool_spec *spec);
/* A pool whose supply is child_start(spec); what spec points to must live as long. */
struct child_pool *child_pool_new_exec(struct loop *l, const struct child_pool_spec *pool, const struct child_spec *spec);
/* tag: the supplier's name of this worker, told back by child_pool_worker and on_lost. */
void child_pool_add(struct child_pool *p, int sock, int pidfd, uint64_t tag);
void child_pool_supply_failed(struct child_pool *p, const char *why);
/* Queues a job: msg is copied, `fds` are duplicated.  deadline_ms: from now.  fn runs exactly once and never before submit has
 * returned, unless child_pool_cancel(job) was called first; the job is gone when fn is called. */
struct child_job *child_pool_submit(struct child_pool *p, span msg, const int *fds, size_t nfds, int64_t deadline_ms,
                                    child_job_fn *fn, void *arg);
/* To the worker that has the job; 0, or -1 with errno (ESRCH: none has). */
int child_pool_say(struct child_job *job, span msg);
void child_pool_cancel(struct child_job **job);   /* a running job's worker is killed (its answer would come to nobody) unless it answers in time */
/* Inside a job's fn: the worker whose answer this is gets no further job, it is killed and replaced (its answer was no good). */
void child_pool_distrust(struct child_pool *p);
/* Inside a job's fn: how long a worker had it (0: none did); the rest of its time it waited. */
int64_t child_pool_ran_ms(const struct child_pool *p);
uint64_t child_pool_worker(const struct child_pool *p);       /* the tag of the worker that had it (0: none did) */
size_t child_pool_idle(const struct child_pool *p);
size_t child_pool_live(const struct child_pool *p);
/* Lets the workers finish what was submitted so far and ends them; new jobs are CHILD_UNAVAILABLE.  For a swap of generations:
 * free the pool when child_pool_live is 0. */
void child_pool_retire(struct child_pool *p);
void child_pool_free(struct child_pool **p);      /* kills all; waiting jobs get CHILD_UNAVAILABLE first, running ones CHILD_CRASHED */

#endif

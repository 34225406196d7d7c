/* child_pool.c - workers that take one job at a time, a queue before them, and what becomes of both when one dies.
 *
 * A slot is the place of one worker: VACANT -> ASKED (supply was called) -> IDLE <-> BUSY -> VACANT.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/alloc.h"
#include "lib/net/child.h"

enum slot_state { SLOT_VACANT, SLOT_ASKED, SLOT_IDLE, SLOT_BUSY };

struct slot {
    struct child_pool *pool;
    enum slot_state state;
    struct child *child;
    uint64_t tag;
    struct child_job *job;         /* BUSY; NULL while its fn runs */
    uint64_t jobs;
    bool answered;                 /* since this worker started */
    unsigned backoff;
    int64_t started_ms;
    struct loop_timer restart;
};

struct child_job {
    struct child_pool *pool;
    struct child_job *prev, *next; /* of the queue */
    struct slot *slot;             /* NULL: queued or refused */
    bool refused;
    char *msg;
    size_t n;
    int fds[CHILD_FDS_MAX];
    size_t nfds;
    struct loop_timer deadline;
    struct loop_task refusal;
    int64_t handed_ms;             /* when a worker got it */
    child_job_fn *fn;              /* NULL: cancelled while it ran */
    void *arg;
};

struct child_pool {
    struct loop *loop;
    struct child_pool_spec spec;
    struct child_spec exec;        /* child_pool_new_exec; role NULL: workers are supplied */
    struct slot *slots;
    struct child_job *first, *last;
    size_t queued;
    struct child_job *refusals;    /* refused jobs whose fn has yet to run, linked by next */
    struct loop_task pump;
    bool retired;
    bool distrusted;
    struct slot *answering;        /* whose job's fn runs */
    int64_t ran_ms;
    uint64_t worker;
    unsigned depth;                /* callbacks of the owner under way */
    bool freed;
};

enum { QUEUE_DEFAULT = 10000, RESTART_DEFAULT_MS = 100, BACKOFF_MAX = 5 };

static void pump_soon(struct child_pool *p);

/* ---- calling the owner: it may free the pool meanwhile ---- */

static bool leave(struct child_pool *p)   /* false: the pool is gone */
{
    if (--p->depth > 0 || !p->freed)
        return !p->freed;
    free(p->slots);
    free(p);
    return false;
}

static void note(struct child_pool *p, const char *what)
{
    if (p->spec.on_note != NULL)
        p->spec.on_note(p, what, p->spec.supply_arg);
}

static void lost(struct slot *s, const char *what)
{
    struct child_pool *p = s->pool;
    uint64_t tag = s->tag;

    note(p, what);
    if (!p->freed && p->spec.on_lost != NULL)
        p->spec.on_lost(p, tag, p->spec.supply_arg);
}

/* ---- jobs ---- */

static void queue_remove(struct child_job *j)
{
    struct child_pool *p = j->pool;

    *(j->prev != NULL ? &j->prev->next : &p->first) = j->next;
    *(j->next != NULL ? &j->next->prev : &p->last) = j->prev;
    j->prev = j->next = NULL;
    p->queued--;
}

static void queue_append(struct child_pool *p, struct child_job *j)
{
    j->prev = p->last;
    *(p->last != NULL ? &p->last->next : &p->first) = j;
    p->last = j;
    p->queued++;
}

static void job_drop_payload(struct child_job *j)
{
    for (size_t i = 0; i < j->nfds; i++)
        close(j->fds[i]);
    j->nfds = 0;
    free(j->msg);
    j->msg = NULL;
}

static void job_free(struct child_job *j)
{
    loop_timer_stop(&j->deadline);
    loop_task_cancel(&j->refusal);
    job_drop_payload(j);
    free(j);
}

/* Takes the job out of wherever it is, frees it and tells its owner. */
static void job_finish(struct child_job *j, enum child_outcome outcome, span reply, const int *fds, size_t nfds)
{
    child_job_fn *fn = j->fn;
    void *arg = j->arg;

    j->pool->ran_ms = j->slot != NULL ? loop_now_ms(j->pool->loop) - j->handed_ms : 0;
    j->pool->worker = j->slot != NULL ? j->slot->tag : 0;
    if (j->slot != NULL)
        j->slot->job = NULL;
    job_free(j);
    if (fn != NULL)
        fn(outcome, reply, fds, nfds, arg);
}

static void job_fail(struct child_job *j, enum child_outcome outcome)
{
    job_finish(j, outcome, SPAN(""), NULL, 0);
}

/* ---- workers ---- */

static void on_restart(void *arg)
{
    pump_soon(((struct slot *)arg)->pool);
}

/* When the slot may be filled again.  A worker that never answered is not worth a busy loop of starts. */
static void slot_schedule(struct slot *s)
{
    struct child_pool *p = s->pool;

    if (s->answered) {
        s->backoff = 0;
    } else {
        int64_t wait_ms = s->started_ms + (p->spec.restart_delay_ms << s->backoff) - loop_now_ms(p->loop);
        if (s->backoff < BACKOFF_MAX)
            s->backoff++;
        if (wait_ms > 0) {
            loop_timer_start(p->loop, &s->restart, wait_ms, on_restart, s);
            return;
        }
    }
    pump_soon(p);
}

static void slot_vacate(struct slot *s)
{
    child_free(&s->child);
    s->state = SLOT_VACANT;
    slot_schedule(s);
}

static void exit_words(int status, char *to, size_t size)
{
    if (status == -1)
        snprintf(to, size, "its channel closed");
    else if (WIFSIGNALED(status))
        snprintf(to, size, "signal %d", WTERMSIG(status));
    else
        snprintf(to, size, "exit status %d", WEXITSTATUS(status));
}

static void on_worker_exit(struct child *c, int status, void *arg)
{
    struct slot *s = arg;
    struct child_pool *p = s->pool;
    struct child_job *j = s->job;
    char how[40], text[120];

    exit_words(status, how, sizeof how);
    snprintf(text, sizeof text, "worker ended (%s) %s", how, s->state == SLOT_BUSY ? "on a job" : "while idle");
    (void)c;
    p->depth++;
    slot_vacate(s);
    lost(s, text);
    if (j != NULL && !p->freed)
        job_fail(j, CHILD_CRASHED);
    leave(p);
}

static void after_answer(struct slot *s)
{
    struct child_pool *p = s->pool;

    if (p->distrusted) {
        p->distrusted = false;
        s->answered = false;       /* a source of garbage is restarted with care too */
        slot_vacate(s);
        lost(s, "worker ended: its answer was not to be trusted");
    } else if (p->spec.recycle_after_jobs != 0 && !p->retired && s->jobs >= p->spec.recycle_after_jobs) {
        slot_vacate(s);
    } else {
        s->state = SLOT_IDLE;
        if (p->first != NULL || p->retired)
            pump_soon(p);
    }
}

/* A question about the job, or of nobody's any more. */
static void take_interim(struct slot *s, span msg)
{
    struct child_job *j = s->job;

    if (j->fn != NULL)
        s->pool->spec.interim(msg, j->arg);
    else if (child_send(s->child, s->pool->spec.interim_refusal, NULL, 0) < 0)
        child_kill(s->child);
}

int child_pool_say(struct child_job *j, span msg)
{
    if (j->slot != NULL)
        return child_send(j->slot->child, msg, NULL, 0);
    errno = ESRCH;
    return -1;
}

static void on_worker_message(struct child *c, span msg, const int *fds, size_t nfds, void *arg)
{
    struct slot *s = arg;
    struct child_pool *p = s->pool;
    struct child_job *j = s->job;

    (void)c;
    p->depth++;
    if (j == NULL) {
        slot_vacate(s);
        lost(s, "worker ended: it spoke without a job");
    } else if (p->spec.is_interim != NULL && p->spec.is_interim(msg)) {
        take_interim(s, msg);
    } else {
        s->jobs++;
        s->answered = true;
        s->backoff = 0;
        p->answering = s;
        job_finish(j, CHILD_ANSWERED, msg, fds, nfds);
        p->answering = NULL;
        if (!p->freed && s->state == SLOT_BUSY)
            after_answer(s);
    }
    for (size_t i = 0; i < nfds; i++)
        close(fds[i]);
    leave(p);
}

static const struct child_handler worker_handler = { .on_message = on_worker_message, .on_exit = on_worker_exit };

/* ---- supply ---- */

static struct slot *slot_in(struct child_pool *p, enum slot_state state)
{
    for (size_t i = 0; i < p->spec.workers; i++)
        if (p->slots[i].state == state)
            return &p->slots[i];
    return NULL;
}

static void slot_occupy(struct slot *s, struct child *c, uint64_t tag)
{
    s->child = c;
    s->tag = tag;
    s->state = SLOT_IDLE;
    s->jobs = 0;
    s->answered = false;
    s->started_ms = loop_now_ms(s->pool->loop);
    pump_soon(s->pool);
}

void child_pool_add(struct child_pool *p, int sock, int pidfd, uint64_t tag)
{
    struct slot *s = slot_in(p, SLOT_ASKED);
    struct child *c = child_adopt(p->loop, sock, pidfd, &worker_handler, s);

    if (c == NULL)
        child_pool_supply_failed(p, "cannot watch the new worker");
    else if (s == NULL)
        child_free(&c);            /* nobody asked for it */
    else
        slot_occupy(s, c, tag);
}

void child_pool_supply_failed(struct child_pool *p, const char *why)
{
    struct slot *s = slot_in(p, SLOT_ASKED);

    if (s != NULL) {
        s->state = SLOT_VACANT;
        s->answered = false;
        s->started_ms = loop_now_ms(p->loop);
        slot_schedule(s);
    }
    note(p, why);
}

static void exec_supply(struct child_pool *p)
{
    struct slot *s = slot_in(p, SLOT_ASKED);
    struct errtext err = { "" };
    struct child *c = child_start(p->loop, &p->exec, &worker_handler, s, &err);

    if (c == NULL)
        child_pool_supply_failed(p, err.text);
    else
        slot_occupy(s, c, (uint64_t)child_pid(c));
}

static void ask_for_workers(struct child_pool *p)
{
    for (size_t i = 0; i < p->spec.workers && !p->freed && !p->retired; i++) {
        struct slot *s = &p->slots[i];
        if (s->state != SLOT_VACANT || loop_timer_active(&s->restart))
            continue;
        s->state = SLOT_ASKED;
        if (p->exec.role != NULL)
            exec_supply(p);
        else
            p->spec.supply(p, p->spec.supply_arg);
    }
}

/* ---- bringing jobs and workers together ---- */

static void begin_job(struct slot *s, struct child_job *j)
{
    j->slot = s;
    j->handed_ms = loop_now_ms(s->pool->loop);
    s->job = j;
    s->state = SLOT_BUSY;
}

/* false: this worker does not take it (it is gone, or deaf). */
static bool hand_over(struct slot *s, struct child_job *j)
{
    if (child_send(s->child, span_of(j->msg, j->n), j->fds, j->nfds) < 0)
        return false;
    queue_remove(j);
    job_drop_payload(j);
    begin_job(s, j);
    return true;
}

/* Nobody waits and a worker does: nothing has to be kept for later.  A worker that does not take it is dispatch's to deal with. */
static bool hand_over_at_once(struct child_pool *p, struct child_job *j, span msg, const int *fds, size_t nfds)
{
    struct slot *s = p->first == NULL ? slot_in(p, SLOT_IDLE) : NULL;

    if (s == NULL || child_send(s->child, msg, fds, nfds) < 0)
        return false;
    begin_job(s, j);
    return true;
}

static void dispatch(struct child_pool *p)
{
    struct slot *s;

    while (p->first != NULL && !p->freed && (s = slot_in(p, SLOT_IDLE)) != NULL)
        if (!hand_over(s, p->first)) {
            slot_vacate(s);
            note(p, "worker ended: it takes no job");
        }
}

static void let_retired_go(struct child_pool *p)
{
    struct slot *s;

    if (p->first == NULL)
        while ((s = slot_in(p, SLOT_IDLE)) != NULL) {
            child_free(&s->child);
            s->state = SLOT_VACANT;
        }
    while (child_pool_live(p) == 0 && p->first != NULL && !p->freed) {
        struct child_job *j = p->first;
        queue_remove(j);
        job_fail(j, CHILD_UNAVAILABLE);
    }
}

static void on_pump(void *arg)
{
    struct child_pool *p = arg;

    p->depth++;
    ask_for_workers(p);
    if (!p->freed)
        dispatch(p);
    if (p->retired && !p->freed)
        let_retired_go(p);
    leave(p);
}

static void pump_soon(struct child_pool *p)
{
    if (!p->freed)
        loop_defer(p->loop, &p->pump, on_pump, p);
}

/* ---- the owner's side ---- */

struct child_pool *child_pool_new(struct loop *l, const struct child_pool_spec *spec)
{
    struct child_pool *p = xcalloc(1, sizeof *p);

    p->loop = l;
    p->spec = *spec;
    if (p->spec.queue_limit == 0)
        p->spec.queue_limit = QUEUE_DEFAULT;
    if (p->spec.restart_delay_ms <= 0)
        p->spec.restart_delay_ms = RESTART_DEFAULT_MS;
    p->slots = xcalloc(spec->workers != 0 ? spec->workers : 1, sizeof p->slots[0]);
    for (size_t i = 0; i < spec->workers; i++)
        p->slots[i].pool = p;
    pump_soon(p);
    return p;
}

struct child_pool *child_pool_new_exec(struct loop *l, const struct child_pool_spec *pool, const struct child_spec *spec)
{
    struct child_pool *p = child_pool_new(l, pool);

    p->exec = *spec;
    return p;
}

static void on_refusal(void *arg)
{
    struct child_job *j = arg, **at = &j->pool->refusals;
    struct child_pool *p = j->pool;

    while (*at != j)
        at = &(*at)->next;
    *at = j->next;
    p->depth++;
    job_fail(j, CHILD_UNAVAILABLE);
    leave(p);
}

static void job_refuse(struct child_job *j)
{
    j->refused = true;
    j->next = j->pool->refusals;
    j->pool->refusals = j;
    job_drop_payload(j);
    loop_defer(j->pool->loop, &j->refusal, on_refusal, j);
}

static void on_deadline(void *arg)
{
    struct child_job *j = arg;
    struct child_pool *p = j->pool;

    p->depth++;
    if (j->slot == NULL) {
        queue_remove(j);
        job_fail(j, CHILD_UNAVAILABLE);
    } else {
        slot_vacate(j->slot);
        lost(j->slot, "worker killed: its job took longer than allowed");
        if (!p->freed)
            job_fail(j, CHILD_TIMED_OUT);
    }
    leave(p);
}

struct child_job *child_pool_submit(struct child_pool *p, span msg, const int *fds, size_t nfds, int64_t deadline_ms,
                                    child_job_fn *fn, void *arg)
{
    struct child_job *j = xcalloc(1, sizeof *j);

    j->pool = p;
    j->fn = fn;
    j->arg = arg;
    bool fits = !p->retired && p->queued < p->spec.queue_limit && msg.n <= CHILD_MESSAGE_MAX && nfds <= CHILD_FDS_MAX;
    if (fits && hand_over_at_once(p, j, msg, fds, nfds)) {
        loop_timer_start(p->loop, &j->deadline, deadline_ms, on_deadline, j);
        return j;
    }
    for (size_t i = 0; fits && i < nfds; i++) {
        if ((j->fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 0)) < 0)
            fits = false;
        else
            j->nfds++;
    }
    if (!fits) {
        job_refuse(j);
        return j;
    }
    j->msg = xspandup(msg);
    j->n = msg.n;
    loop_timer_start(p->loop, &j->deadline, deadline_ms, on_deadline, j);
    queue_append(p, j);
    dispatch(p);
    return j;
}

void child_pool_cancel(struct child_job **jp)
{
    struct child_job *j = *jp;

    *jp = NULL;
    if (j == NULL)
        return;
    j->fn = NULL;
    if (j->slot != NULL || j->refused)
        return;                    /* its worker has until the deadline to answer to nobody */
    queue_remove(j);
    job_free(j);
}

void child_pool_distrust(struct child_pool *p)
{
    assert(p->answering != NULL);
    p->distrusted = true;
}

int64_t child_pool_ran_ms(const struct child_pool *p)
{
    return p->ran_ms;
}

uint64_t child_pool_worker(const struct child_pool *p)
{
    return p->worker;
}

static size_t count(const struct child_pool *p, enum slot_state state)
{
    size_t n = 0;

    for (size_t i = 0; i < p->spec.workers; i++)
        n += p->slots[i].state == state;
    return n;
}

size_t child_pool_idle(const struct child_pool *p)
{
    return count(p, SLOT_IDLE);
}

size_t child_pool_live(const struct child_pool *p)
{
    return count(p, SLOT_IDLE) + count(p, SLOT_BUSY);
}

void child_pool_retire(struct child_pool *p)
{
    p->retired = true;
    pump_soon(p);
}

void child_pool_free(struct child_pool **pp)
{
    struct child_pool *p = *pp;
    struct child_job *j;

    *pp = NULL;
    if (p == NULL || p->freed)
        return;
    p->freed = true;               /* from here on nothing starts, and no fn may free it again */
    p->depth++;
    loop_task_cancel(&p->pump);
    while ((j = p->first) != NULL) {
        queue_remove(j);
        job_fail(j, CHILD_UNAVAILABLE);
    }
    while ((j = p->refusals) != NULL) {
        p->refusals = j->next;
        job_fail(j, CHILD_UNAVAILABLE);
    }
    for (size_t i = 0; i < p->spec.workers; i++) {
        struct slot *s = &p->slots[i];
        loop_timer_stop(&s->restart);
        child_free(&s->child);
        s->state = SLOT_VACANT;
        if (s->job != NULL)
            job_fail(s->job, CHILD_CRASHED);
    }
    leave(p);
}

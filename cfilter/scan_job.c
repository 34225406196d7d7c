/* scan_job.c - what becomes of one message: how its worker ended, and the answer that follows from it.
 *
 * Also the pool apart, for messages that have killed a worker already.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdlib.h>
#include <unistd.h>

#include "cfilter/clean_cache.h"
#include "cfilter/scan_private.h"
#include "lib/base/alloc.h"

void scan_job_link(struct scan_job **list, struct scan_job *j)
{
    j->prev = NULL;
    j->next = *list;
    if (j->next != NULL)
        j->next->prev = j;
    *list = j;
}

void scan_job_unlink(struct scan_job *j)
{
    struct scan_job **list = j->gen != NULL ? &j->gen->jobs : &j->scan->late_jobs;

    *(j->prev != NULL ? &j->prev->next : list) = j->next;
    if (j->next != NULL)
        j->next->prev = j->prev;
}

void scan_job_free(struct scan_job *j)
{
    scan_job_unlink(j);
    loop_task_cancel(&j->late);
    if (j->here != NULL && j->here->m.fd >= 0)
        close(j->here->m.fd);
    free(j->here);
    free(j->here_record);
    free(j);
}

void scan_job_done(struct scan_job *j, enum scan_outcome outcome, const struct facts *facts, const char *why)
{
    scan_fn *fn = j->fn;
    void *arg = j->arg;

    if (outcome == SCAN_DONE && facts->crowded && !facts_have_virus(facts)) {
        outcome = SCAN_BUSY;
        why = facts->incomplete_why;
    }
    ++*j->scan->counts[outcome];
    scan_job_free(j);
    fn(outcome, outcome == SCAN_DONE ? facts : NULL, why, arg);
}

static const char *no_engine_why(const struct scan *s)
{
    if (s->single != NULL)
        return s->single->why;
    return s->current != NULL && s->current->why[0] != '\0' ? s->current->why : "the virus engine is being loaded";
}

static void on_late(void *arg)
{
    struct scan_job *j = arg;

    scan_job_done(j, j->late_outcome, NULL, j->late_outcome == SCAN_NO_ENGINE ? no_engine_why(j->scan) : "no resources");
}

/* An answer that is known already is given after scan_submit has returned. */
void scan_job_later(struct scan_job *j, enum scan_outcome outcome)
{
    j->late_outcome = outcome;
    loop_defer(j->scan->loop, &j->late, on_late, j);
}

static void cache_learn(struct scan *s, const struct facts *f, uint64_t worker)
{
    *s->cache_hits += f->cache_hits;
    for (size_t i = 0; s->cache != NULL && i < f->n_clean; i++)
        clean_cache_add(s->cache, &f->clean[i], worker);
    if (s->cache != NULL)
        *s->cache_added += f->n_clean;
}

static void on_answer(struct scan_job *j, span reply)
{
    struct facts *f = xmalloc(sizeof *f);
    struct errtext err = { "" };

    if (!facts_decode(reply, f, &err) || f->generation == 0 || f->generation > j->scan->numbers) {
        child_pool_distrust(j->pool);
        scan_job_done(j, SCAN_GARBAGE, NULL, err.text[0] != '\0' ? err.text : "worker's answer: unknown generation");
    } else {
        if (j->pool == j->gen->pool)   /* who read something that kills is believed nothing */
            cache_learn(j->scan, f, child_pool_worker(j->pool));
        scan_job_done(j, SCAN_DONE, f, NULL);
    }
    free(f);
}

/* ---- the pool apart ---- */

static void supply_apart(struct child_pool *p, void *arg)
{
    struct generation *g = arg;

    (void)p;
    g->apart_owed = true;
    if (g->ready)
        holder_link_want_worker(g, LANE_APART);
}

struct child_pool *scan_job_apart_begin(struct generation *g)
{
    struct child_pool_spec spec = { .workers = 1, .recycle_after_jobs = 1, .restart_delay_ms = SCAN_WORKER_RESTART_MS, .supply = supply_apart,
                                    .supply_arg = g, .on_note = generation_note };

    g->apart_jobs++;
    if (g->apart == NULL)
        g->apart = child_pool_new(g->scan->loop, &spec);
    return g->apart;
}

/* Its worker goes with it, whatever it answered: the pool gives each job another one, and goes with the last. */
void scan_job_apart_end(struct generation *g)
{
    if (--g->apart_jobs > 0)
        return;
    child_pool_free(&g->apart);
    g->apart_owed = false;
}

/* ---- from the pool ---- */

void scan_job_on_child(enum child_outcome outcome, span reply, const int *fds, size_t nfds, void *arg)
{
    struct scan_job *j = arg;
    struct generation *g = j->gen;
    bool apart = j->pool == g->apart;

    (void)fds;                     /* a worker has nothing to give; the pool closes them */
    (void)nfds;
    j->child = NULL;
    switch (outcome) {
    case CHILD_ANSWERED:
        on_answer(j, reply);
        break;
    case CHILD_TIMED_OUT:
        /* Who waited for most of its time has not been shown to be endless. */
        if (child_pool_ran_ms(j->pool) * 2 < j->given_ms)
            scan_job_done(j, SCAN_BUSY, NULL, "too much was waiting for the workers");
        else
            scan_job_done(j, SCAN_TIMED_OUT, NULL, "the worker was killed at its deadline");
        break;
    case CHILD_CRASHED:
        /* Workers end with their holder, and often are heard of first: that the message had anything to do with it has not been shown. */
        if (g->holder == NULL || child_gone(g->holder))
            scan_job_done(j, SCAN_NO_ENGINE, NULL, "the engine ended while the message was being scanned");
        else
            scan_job_done(j, SCAN_CRASHED, NULL, "the worker died on the message");
        break;
    case CHILD_UNAVAILABLE:
        if (g->ready)
            scan_job_done(j, SCAN_BUSY, NULL, "no worker became free");
        else
            scan_job_done(j, SCAN_NO_ENGINE, NULL, no_engine_why(j->scan));
        break;
    }
    if (apart)
        scan_job_apart_end(g);
}

/* scan_generation.c - one holder process with its pool of workers: made, in use, retired, and what took its place.
 *
 * There is one in use; beside it there may be the next, which loads, and retired ones, whose workers finish what they have.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdio.h>
#include <stdlib.h>

#include "cfilter/clean_cache.h"
#include "cfilter/scan_private.h"
#include "cfilter/scan_wire.h"
#include "cfilter/scratch.h"
#include "lib/app/log.h"
#include "lib/base/alloc.h"

/* ---- its pool asks and tells ---- */

static void supply(struct child_pool *p, void *arg)
{
    struct generation *g = arg;

    (void)p;
    g->owed++;
    if (g->ready)
        holder_link_want_worker(g, LANE_POOL);
}

void generation_note(struct child_pool *p, const char *what, void *arg)
{
    struct generation *g = arg;
    struct scan *s = g->scan;

    (void)p;
    if (log_fence_pass(&s->note_fence, loop_now_ms(s->loop), SECONDS(1)))
        log_warning("scan: %s (generation %u)", what, g->number);
}

/* What it said before it went wrong need not be true. */
static void on_lost(struct child_pool *p, uint64_t worker, void *arg)
{
    struct scan *s = ((struct generation *)arg)->scan;

    (void)p;
    if (s->cache != NULL)
        *s->cache_dropped += clean_cache_drop(s->cache, worker);
}

/* ---- begin and end ---- */

struct generation *generation_new(struct scan *s, struct settings *set)
{
    struct generation *g = xcalloc(1, sizeof *g);
    struct child_pool_spec pool = {
        .workers = s->workers,
        .recycle_after_jobs = set->filter.worker_recycle > 0 ? (uint64_t)set->filter.worker_recycle : 0,
        .restart_delay_ms = SCAN_WORKER_RESTART_MS,
        .supply = supply,
        .supply_arg = g,
        .on_note = generation_note,
        .on_lost = on_lost,
    };

    g->scan = s;
    g->set = settings_ref(set);
    g->pool = child_pool_new(s->loop, &pool);
    holder_link_start(g);
    return g;
}

void generation_free(struct generation *g)
{
    long holder = g->holder != NULL ? child_pid(g->holder) : -1;

    child_pool_free(&g->apart);
    child_pool_free(&g->pool);
    child_free(&g->holder);
    if (holder > 0)
        scratch_remove_left_by(g->set, holder);
    loop_timer_stop(&g->restart);
    settings_unref(&g->set);
    free(g);
}

static void on_retired_look(void *arg)
{
    struct scan *s = arg;
    struct generation **at = &s->retired, *g;

    while ((g = *at) != NULL)
        if (child_pool_live(g->pool) == 0 && g->jobs == NULL) {
            *at = g->next;
            generation_free(g);
        } else {
            at = &g->next;
        }
    if (s->retired != NULL)
        loop_timer_start(s->loop, &s->retired_look, SCAN_RETIRED_LOOK_MS, on_retired_look, s);
}

void generation_retire(struct generation *g)
{
    struct scan *s = g->scan;

    child_pool_retire(g->pool);
    g->next = s->retired;
    s->retired = g;
    loop_timer_start(s->loop, &s->retired_look, SCAN_RETIRED_LOOK_MS, on_retired_look, s);
}

void generation_start_coming(struct scan *s)
{
    struct generation *g;

    if (s->coming != NULL)
        generation_free(s->coming);    /* it served nobody yet */
    s->coming = NULL;
    if (s->set->filter.virus.low_memory) {
        generation_retire(s->current);
        g = s->current = generation_new(s, s->set);
    } else {
        g = s->coming = generation_new(s, s->set);
    }
    g->judged = s->accepted > 0;
    g->accept = s->accept_next;
    s->accept_next = false;
}

/* ---- which one is in use ---- */

static void take_over(struct generation *g)
{
    struct scan *s = g->scan;
    struct generation *old = s->current;

    s->coming = NULL;
    s->current = g;
    if (old != NULL)
        generation_retire(old);
}

static bool has_shrunk(const struct generation *g, uint64_t signatures)
{
    const struct scan *s = g->scan;
    double least = (double)s->accepted * (double)(100 - s->set->filter.virus.max_shrink_percent) / 100;

    return g->judged && !g->accept && g->set->filter.virus.mode != MODE_OFF && (double)signatures < least;
}

/* Outside of its own callback.  The holder in use goes on watching: the next change may be the cure. */
static void on_discard(void *arg)
{
    struct generation *g = arg;
    struct scan *s = g->scan;

    if (g == s->coming) {
        s->coming = NULL;
        holder_link_send(s->current, HOLDER_WATCH);
        if (g->accept)                 /* the administrator was quick */
            scan_reload(s, true);
        generation_free(g);
    }
}

static void hold_back(struct generation *g, uint64_t signatures)
{
    struct scan *s = g->scan;

    snprintf(s->held_back, sizeof s->held_back,
             "the changed database has only %llu signatures, the one before has %llu (filter.virus.max_shrink): \"gatepostctl filter reload "
             "--accept\" takes it all the same",
             (unsigned long long)signatures, (unsigned long long)s->accepted);
    if (g != s->coming) {              /* low_memory: the old one is gone already */
        generation_refused(g, span_str(s->held_back));
        return;
    }
    log_error("scan: %s (the old one stays)", s->held_back);
    g->refused = true;
    loop_timer_start(s->loop, &g->restart, 0, on_discard, g);
}

/* ---- the holder has told ---- */

void generation_ready(struct generation *g, uint64_t signatures)
{
    struct scan *s = g->scan;

    if (has_shrunk(g, signatures)) {
        hold_back(g, signatures);
        return;
    }
    g->judged = false;
    s->accepted = signatures;
    s->held_back[0] = '\0';
    g->ready = true;
    g->refused = false;
    g->why[0] = '\0';
    g->signatures = signatures;
    g->ready_since_ms = loop_now_ms(s->loop);
    log_info("scan: virus engine ready, generation %u, %llu signatures, %zu workers", g->number, (unsigned long long)signatures, s->workers);
    for (size_t i = 0; i < g->owed; i++)
        holder_link_want_worker(g, LANE_POOL);
    if (g->apart_owed)
        holder_link_want_worker(g, LANE_APART);
    if (g == s->coming)
        take_over(g);
}

void generation_refused(struct generation *g, span why)
{
    struct scan *s = g->scan;
    bool old_serves = g == s->coming && s->current->ready;

    g->ready = false;
    g->refused = true;
    snprintf(g->why, sizeof g->why, "%.*s", SPAN_ARG(span_head(why, sizeof g->why - 1)));
    if (log_fence_pass(&s->no_engine_fence, loop_now_ms(s->loop), MINUTES(1)))
        log_error("scan: no virus engine: %s (%s)", g->why,
                  old_serves ? "the old one stays" : "messages get 451");
    if (g == s->coming && !s->current->ready)
        take_over(g);
    /* Nobody who waits is served soon. */
    for (struct scan_job *j = g->jobs, *next; j != NULL; j = next) {
        next = j->next;
        child_pool_cancel(&j->child);
        if (j->pool == g->apart)
            scan_job_apart_end(g);
        scan_job_unlink(j);
        j->gen = NULL;
        scan_job_link(&s->late_jobs, j);
        scan_job_later(j, SCAN_NO_ENGINE);
    }
}

void generation_database_changed(struct generation *g)
{
    if (g != g->scan->current || g->scan->coming != NULL)
        return;
    log_info("scan: the signature database has changed: loading it %s generation %u",
             g->scan->set->filter.virus.low_memory ? "in place of" : "beside", g->number);
    generation_start_coming(g->scan);
}

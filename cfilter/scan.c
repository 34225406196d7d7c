/* scan.c - the front's side of scanning: what scan.h promises, handed to a generation of workers or done here.
 *
 * Messages go to the generation in use.  What has an answer already (no engine, workers: 0) is kept in late_jobs until the next turn.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

#include "cfilter/clamav_database.h"
#include "cfilter/clean_cache.h"
#include "cfilter/scan_private.h"
#include "cfilter/scan_wire.h"
#include "lib/base/alloc.h"

enum { WORKERS_MAX = 256 };

static bool workers_wanted(const struct settings *set, size_t *out)
{
    span text = span_str(set->filter.workers);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t n = cores > 0 ? (uint64_t)cores : 1;

    if (text.n > 0 && !span_eq(text, SPAN("auto")) && (!span_to_u64(text, &n) || n > WORKERS_MAX))
        return false;
    *out = n < WORKERS_MAX ? (size_t)n : WORKERS_MAX;
    return true;
}

struct scan *scan_new(struct loop *l, const struct settings *set, struct stats *stats, struct errtext *err)
{
    struct scan *s = xcalloc(1, sizeof *s);

    s->loop = l;
    s->set = settings_ref((struct settings *)(uintptr_t)set);
    if (!workers_wanted(set, &s->workers)) {
        errtext_set(err, "filter.workers: \"%s\" is not a number from 0 to %d or auto", set->filter.workers, WORKERS_MAX);
        scan_free(&s);
        return NULL;
    }
    scan_describe_register(s, stats);
    if (s->workers > 0 && set->filter.virus.cache_rows > 0 &&
        (s->cache = clean_cache_new((size_t)set->filter.virus.cache_rows, err)) == NULL) {
        scan_free(&s);
        return NULL;
    }
    if (s->workers > 0)
        s->current = generation_new(s, s->set);
    else if (scan_single_start(s, err) < 0)
        scan_free(&s);
    return s;
}

void scan_free(struct scan **sp)
{
    struct scan *s = *sp;
    struct generation *g;

    *sp = NULL;
    if (s == NULL)
        return;
    loop_timer_stop(&s->retired_look);
    while (s->late_jobs != NULL)
        scan_job_done(s->late_jobs, SCAN_NO_ENGINE, NULL, "the scanner is being stopped");
    for (; (g = s->retired) != NULL; generation_free(g))
        s->retired = g->next;
    if (s->coming != NULL)
        generation_free(s->coming);
    if (s->current != NULL)
        generation_free(s->current);
    scan_single_free(&s->single);
    clean_cache_free(&s->cache);
    settings_unref(&s->set);
    free(s);
}

/* Would a holder be told anything else? */
static bool same_for_holder(const struct settings *a, const struct settings *b)
{
    struct buf one, two;

    buf_init(&one, CHILD_MESSAGE_MAX);
    buf_init(&two, CHILD_MESSAGE_MAX);
    scan_wire_put_config(a, 0, &one);
    scan_wire_put_config(b, 0, &two);
    bool same = span_eq(buf_span(&one), buf_span(&two)) && a->filter.worker_recycle == b->filter.worker_recycle;
    buf_free(&one);
    buf_free(&two);
    return same;
}

int scan_reconfigure(struct scan *s, const struct settings *set, struct errtext *err)
{
    size_t workers;

    if (!workers_wanted(set, &workers)) {
        errtext_set(err, "filter.workers: \"%s\" is not a number from 0 to %d or auto", set->filter.workers, WORKERS_MAX);
        return -1;
    }
    bool same = same_for_holder(s->set, set) && (workers == 0 || workers == s->workers);
    bool comparable = clamav_same_databases(&s->set->filter.virus, &set->filter.virus);
    settings_unref(&s->set);
    s->set = settings_ref((struct settings *)(uintptr_t)set);
    if (same)
        return 0;
    s->accept_next = s->accept_next || !comparable;      /* fewer because they are told to be fewer */
    if (s->single != NULL) {
        scan_single_load(s);
        return 0;
    }
    if (workers > 0)
        s->workers = workers;
    generation_start_coming(s);
    return 0;
}

void scan_reload(struct scan *s, bool accept)
{
    if (s->single != NULL) {
        scan_single_load(s);
        return;
    }
    if (s->coming != NULL) {           /* what it loads is looked at when it is ready; if it was refused, it tries again */
        s->coming->accept = s->coming->accept || accept;
        holder_link_send(s->coming, HOLDER_LOOK);
        return;
    }
    s->accept_next = accept;
    s->current->accept = s->current->accept || accept;
    holder_link_send(s->current, HOLDER_LOOK);
}

bool scan_ready(const struct scan *s)
{
    return s->single != NULL ? scan_single_ready(s) : s->current->ready;
}

struct scan_job *scan_submit(struct scan *s, const struct scan_message *m, int64_t deadline_ms, scan_fn *fn, void *arg)
{
    struct scan_job *j = xcalloc(1, sizeof *j);
    struct generation *g = s->current;
    struct buf record;

    assert(m->fd >= 0 || (m->bytes.n == m->size && m->size <= SCAN_ALONG_BYTES));
    j->scan = s;
    j->given_ms = deadline_ms;
    j->fn = fn;
    j->arg = arg;
    buf_init(&record, CHILD_MESSAGE_MAX);
    scan_wire_put_job(m, &record);
    if (s->single != NULL || g->refused) {
        scan_job_link(&s->late_jobs, j);
        if (s->single != NULL)
            scan_single_submit(j, buf_span(&record), m->fd);
        else
            scan_job_later(j, SCAN_NO_ENGINE);
    } else {
        j->gen = g;
        j->pool = m->apart ? scan_job_apart_begin(g) : g->pool;
        scan_job_link(&g->jobs, j);
        j->child = child_pool_submit(j->pool, buf_span(&record), &m->fd, m->fd >= 0, deadline_ms, scan_job_on_child, j);
    }
    buf_free(&record);
    return j;
}

void scan_cancel(struct scan_job **jp)
{
    struct scan_job *j = *jp;

    *jp = NULL;
    if (j == NULL)
        return;
    child_pool_cancel(&j->child);
    if (j->gen != NULL && j->pool == j->gen->apart)
        scan_job_apart_end(j->gen);
    scan_job_free(j);
}

/* scan.c - the front's side of scanning: generations of holder and workers, and what became of each message.
 *
 * A generation is one holder process with the pool of workers that it forks.  There is one in use; beside it there may be the next, which loads, and
 * retired ones, whose workers finish what they have.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cfilter/clamav.h"
#include "cfilter/clamav_database.h"
#include "cfilter/clean_cache.h"
#include "cfilter/memory.h"
#include "cfilter/scan_wire.h"
#include "cfilter/scratch.h"
#include "cfilter/wire.h"
#include "cfilter/worker.h"
#include "lib/app/log.h"
#include "lib/base/alloc.h"

enum { WORKERS_MAX = 256, WORKER_RESTART_MS = 100, HOLDER_RESTART_MS = 100, HOLDER_BACKOFF_MAX = 8, HOLDER_STABLE_MS = 30 * 1000,
       RETIRED_LOOK_MS = 100 };

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

static void holder_start(struct generation *g);

const char *scan_outcome_name(enum scan_outcome o)
{
    static const char *const names[] = {
        [SCAN_DONE] = "done", [SCAN_TIMED_OUT] = "timeout", [SCAN_CRASHED] = "crashed", [SCAN_GARBAGE] = "garbage",
        [SCAN_NO_ENGINE] = "no_engine", [SCAN_BUSY] = "busy",
    };

    return names[o];
}

/* ---- jobs ---- */

static void job_link(struct scan_job **list, struct scan_job *j)
{
    j->prev = NULL;
    j->next = *list;
    if (j->next != NULL)
        j->next->prev = j;
    *list = j;
}

static void job_unlink(struct scan_job *j)
{
    struct scan_job **list = j->gen != NULL ? &j->gen->jobs : &j->scan->late_jobs;

    *(j->prev != NULL ? &j->prev->next : list) = j->next;
    if (j->next != NULL)
        j->next->prev = j->prev;
}

static void job_free(struct scan_job *j)
{
    job_unlink(j);
    loop_task_cancel(&j->late);
    if (j->here != NULL && j->here->m.fd >= 0)
        close(j->here->m.fd);
    free(j->here);
    free(j);
}

static void job_done(struct scan_job *j, enum scan_outcome outcome, const struct facts *facts, const char *why)
{
    scan_fn *fn = j->fn;
    void *arg = j->arg;

    ++*j->scan->counts[outcome];
    job_free(j);
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

    job_done(j, j->late_outcome, NULL, j->late_outcome == SCAN_NO_ENGINE ? no_engine_why(j->scan) : "no resources");
}

/* An answer that is known already is given after scan_submit has returned. */
static void job_later(struct scan_job *j, enum scan_outcome outcome)
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
        job_done(j, SCAN_GARBAGE, NULL, err.text[0] != '\0' ? err.text : "worker's answer: unknown generation");
    } else {
        if (j->pool == j->gen->pool)   /* who read something that kills is believed nothing */
            cache_learn(j->scan, f, child_pool_worker(j->pool));
        job_done(j, SCAN_DONE, f, NULL);
    }
    free(f);
}

/* Its worker goes with it, whatever it answered: the pool gives each job another one, and goes with the last. */
static void apart_end(struct generation *g)
{
    if (--g->apart_jobs > 0)
        return;
    child_pool_free(&g->apart);
    g->apart_owed = false;
}

static void on_job(enum child_outcome outcome, span reply, const int *fds, size_t nfds, void *arg)
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
            job_done(j, SCAN_BUSY, NULL, "too much was waiting for the workers");
        else
            job_done(j, SCAN_TIMED_OUT, NULL, "the worker was killed at its deadline");
        break;
    case CHILD_CRASHED:
        /* Workers end with their holder, and often are heard of first: that the message had anything to do with it has not been shown. */
        if (g->holder == NULL || child_gone(g->holder))
            job_done(j, SCAN_NO_ENGINE, NULL, "the engine ended while the message was being scanned");
        else
            job_done(j, SCAN_CRASHED, NULL, "the worker died on the message");
        break;
    case CHILD_UNAVAILABLE:
        if (g->ready)
            job_done(j, SCAN_BUSY, NULL, "no worker became free");
        else
            job_done(j, SCAN_NO_ENGINE, NULL, no_engine_why(j->scan));
        break;
    }
    if (apart)
        apart_end(g);
}

/* ---- a generation ---- */

static void send_word(struct generation *g, enum holder_word word)
{
    char c = (char)word;

    if (g->holder != NULL)
        (void)child_send(g->holder, span_of(&c, 1), NULL, 0);
}

static void want_worker(struct generation *g, enum holder_lane lane)
{
    const char words[] = { HOLDER_WANT_WORKER, (char)lane };

    if (g->holder != NULL)
        (void)child_send(g->holder, span_of(words, sizeof words), NULL, 0);   /* a holder that does not take it ends, and is replaced */
}

static void supply(struct child_pool *p, void *arg)
{
    struct generation *g = arg;

    (void)p;
    g->owed++;
    if (g->ready)
        want_worker(g, LANE_POOL);
}

static void supply_apart(struct child_pool *p, void *arg)
{
    struct generation *g = arg;

    (void)p;
    g->apart_owed = true;
    if (g->ready)
        want_worker(g, LANE_APART);
}

static void on_note(struct child_pool *p, const char *what, void *arg)
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

static void generation_free(struct generation *g)
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
        loop_timer_start(s->loop, &s->retired_look, RETIRED_LOOK_MS, on_retired_look, s);
}

static void generation_retire(struct generation *g)
{
    struct scan *s = g->scan;

    child_pool_retire(g->pool);
    g->next = s->retired;
    s->retired = g;
    loop_timer_start(s->loop, &s->retired_look, RETIRED_LOOK_MS, on_retired_look, s);
}

static void take_over(struct generation *g)
{
    struct scan *s = g->scan;
    struct generation *old = s->current;

    s->coming = NULL;
    s->current = g;
    if (old != NULL)
        generation_retire(old);
}

static void on_refused(struct generation *g, span why);

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
        send_word(s->current, HOLDER_WATCH);
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
        on_refused(g, span_str(s->held_back));
        return;
    }
    log_error("scan: %s (the old one stays)", s->held_back);
    g->refused = true;
    loop_timer_start(s->loop, &g->restart, 0, on_discard, g);
}

static void on_ready(struct generation *g, uint64_t signatures)
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
        want_worker(g, LANE_POOL);
    if (g->apart_owed)
        want_worker(g, LANE_APART);
    if (g == s->coming)
        take_over(g);
}

static void on_refused(struct generation *g, span why)
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
            apart_end(g);
        job_unlink(j);
        j->gen = NULL;
        job_link(&s->late_jobs, j);
        job_later(j, SCAN_NO_ENGINE);
    }
}

static void on_database_changed(struct generation *g);

static void on_holder_log(struct wire_in *in)
{
    int level = wire_get_u8(in);
    span text = wire_get_str(in, 600);

    if (level == LOG_LEVEL_ERROR)
        log_error("scan: %.*s", SPAN_ARG(text));
    else if (level == LOG_LEVEL_WARNING)
        log_warning("scan: %.*s", SPAN_ARG(text));
    else
        log_info("scan: %.*s", SPAN_ARG(text));
}

/* Who gets what the holder has made; NULL: nobody waits for it any more. */
static struct child_pool *lane_served(struct generation *g, uint8_t lane)
{
    if (lane == LANE_APART && g->apart_owed) {
        g->apart_owed = false;
        return g->apart;
    }
    if (lane == LANE_POOL && g->owed > 0) {
        g->owed--;
        return g->pool;
    }
    return NULL;
}

static void on_holder_message(struct child *c, span msg, const int *fds, size_t nfds, void *arg)
{
    struct generation *g = arg;
    struct wire_in in = { .rest = msg };
    struct child_pool *p;
    char why[600];

    (void)c;
    switch (wire_get_u8(&in)) {
    case HOLDER_READY:
        on_ready(g, wire_get_u64(&in));
        break;
    case HOLDER_NO_ENGINE:
        on_refused(g, wire_get_str(&in, 600));
        break;
    case HOLDER_WORKER:
        if ((p = lane_served(g, wire_get_u8(&in))) != NULL && nfds == 2) {
            child_pool_add(p, fds[0], fds[1], clean_worker(g->number, wire_get_u32(&in)));
            return;                /* the descriptors are the pool's */
        }
        break;
    case HOLDER_NO_WORKER:
        p = lane_served(g, wire_get_u8(&in));
        snprintf(why, sizeof why, "no worker: %.*s", SPAN_ARG(wire_get_str(&in, 300)));
        if (p != NULL)
            child_pool_supply_failed(p, why);
        break;
    case HOLDER_DATABASE_CHANGED:
        on_database_changed(g);
        break;
    case HOLDER_LOG:
        on_holder_log(&in);
        break;
    default:
        break;
    }
    for (size_t i = 0; i < nfds; i++)
        close(fds[i]);
}

static void on_restart(void *arg)
{
    holder_start(arg);
}

static void holder_restart_later(struct generation *g)
{
    struct loop *l = g->scan->loop;

    if (g->ready && loop_now_ms(l) - g->ready_since_ms >= HOLDER_STABLE_MS)
        g->backoff = 0;
    g->ready = false;
    loop_timer_start(l, &g->restart, (int64_t)HOLDER_RESTART_MS << g->backoff, on_restart, g);
    if (g->backoff < HOLDER_BACKOFF_MAX)
        g->backoff++;
}

static void on_holder_exit(struct child *c, int status, void *arg)
{
    struct generation *g = arg;

    if (status != -1 && WIFSIGNALED(status))
        log_error("scan: the engine holder ended by signal %d; a new one is started", WTERMSIG(status));
    else
        log_error("scan: the engine holder ended with status %d; a new one is started", status == -1 ? -1 : WEXITSTATUS(status));
    scratch_remove_left_by(g->set, child_pid(c));
    child_free(&g->holder);
    holder_restart_later(g);
}

static const struct child_handler holder_handler = { .on_message = on_holder_message, .on_exit = on_holder_exit };

static void holder_start(struct generation *g)
{
    static const struct child_spec spec = { .role = "scan-holder" };
    struct scan *s = g->scan;
    struct errtext err = { "" };
    struct buf config;

    if (s->set->filter.virus.low_memory && s->retired != NULL) {     /* one engine at a time: not before the old ones have ended */
        loop_timer_start(s->loop, &g->restart, RETIRED_LOOK_MS, on_restart, g);
        return;
    }
    g->number = ++s->numbers;
    ++*s->holder_starts;
    buf_init(&config, CHILD_MESSAGE_MAX);
    scan_wire_put_config(g->set, g->number, &config);
    int cache = s->cache != NULL ? clean_cache_fd(s->cache) : -1;
    g->holder = child_start(s->loop, &spec, &holder_handler, g, &err);
    if (g->holder == NULL || config.overflow || child_send(g->holder, buf_span(&config), &cache, cache >= 0 ? 1 : 0) < 0) {
        log_error("scan: cannot start the engine holder: %s", config.overflow ? "too many settings" : err.text);
        child_free(&g->holder);
        holder_restart_later(g);
    }
    buf_free(&config);
}

static struct generation *generation_new(struct scan *s, struct settings *set)
{
    struct generation *g = xcalloc(1, sizeof *g);
    struct child_pool_spec pool = {
        .workers = s->workers,
        .recycle_after_jobs = set->filter.worker_recycle > 0 ? (uint64_t)set->filter.worker_recycle : 0,
        .restart_delay_ms = WORKER_RESTART_MS,
        .supply = supply,
        .supply_arg = g,
        .on_note = on_note,
        .on_lost = on_lost,
    };

    g->scan = s;
    g->set = settings_ref(set);
    g->pool = child_pool_new(s->loop, &pool);
    holder_start(g);
    return g;
}

static void start_coming(struct scan *s)
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

static void on_database_changed(struct generation *g)
{
    if (g != g->scan->current || g->scan->coming != NULL)
        return;
    log_info("scan: the signature database has changed: loading it %s generation %u",
             g->scan->set->filter.virus.low_memory ? "in place of" : "beside", g->number);
    start_coming(g->scan);
}

/* ---- without workers ---- */

static void single_load(struct scan *s)
{
    struct single *one = s->single;
    struct errtext err = { "" }, warning = { "" };

    one->stamp = clamav_database_stamp(&s->set->filter.virus);
    clamav_free(&one->engine);
    if (s->set->filter.virus.mode == MODE_OFF)
        return;
    if ((one->engine = clamav_load(s->set, one->dir, &warning, &err)) == NULL)
        log_error("scan: no virus engine: %s", err.text);
    else
        clamav_use_scratch(one->engine, one->dir);
    snprintf(one->why, sizeof one->why, "%s", err.text);
}

static int single_start(struct scan *s, struct errtext *err)
{
    s->single = xcalloc(1, sizeof *s->single);
    if (worker_prepare(s->set, err) < 0 || scratch_open_plain(s->set, &s->single->scratch, err) < 0 ||
        scratch_make(&s->single->scratch, "front", s->single->dir, sizeof s->single->dir, err) < 0)
        return -1;
    log_warning("scan: filter.workers is 0: messages are parsed in this process, without a cage; for debuggers only");
    s->numbers = 1;
    single_load(s);
    return 0;
}

static bool single_ready(const struct scan *s)
{
    return s->single->engine != NULL || s->set->filter.virus.mode == MODE_OFF;
}

static void on_scan_here(void *arg)
{
    struct scan_job *j = arg;
    struct scan *s = j->scan;
    struct facts *f = xmalloc(sizeof *f);
    struct worker w = { .sock = -1, .set = s->set, .engine = s->single->engine, .generation = s->numbers, .scratch = s->single->dir };

    worker_scan(&w, &j->here->m, f);
    scratch_remove(s->single->dir, true);
    job_done(j, SCAN_DONE, f, NULL);
    free(f);
}

static void submit_here(struct scan_job *j, span record, int fd)
{
    struct scan *s = j->scan;

    if (!single_ready(s) && clamav_database_stamp(&s->set->filter.virus) != s->single->stamp)
        single_load(s);
    j->here = xcalloc(1, sizeof *j->here);
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (!scan_wire_get_job(record, own, j->here) || own < 0)
        job_later(j, SCAN_BUSY);
    else if (!single_ready(s))
        job_later(j, SCAN_NO_ENGINE);
    else
        loop_defer(s->loop, &j->late, on_scan_here, j);
}

/* ---- the contract ---- */

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

static double gauge_live(void *arg)
{
    const struct scan *s = arg;

    return s->current != NULL ? (double)child_pool_live(s->current->pool) : 0;
}

static double gauge_ready(void *arg)
{
    return scan_ready(arg) ? 1 : 0;
}

static double gauge_cached(void *arg)
{
    const struct scan *s = arg;

    return s->cache != NULL ? (double)clean_cache_rows(s->cache) : 0;
}

static double gauge_signatures(void *arg)
{
    const struct scan *s = arg;

    if (s->single != NULL)
        return s->single->engine != NULL ? (double)clamav_signatures(s->single->engine) : 0;
    return (double)s->current->signatures;
}

static void count_in(struct scan *s, struct stats *stats)
{
    for (size_t i = 0; i <= SCAN_BUSY; i++)
        s->counts[i] = stats == NULL ? &s->own_counts[i]
                                     : stats_counter(stats, "scans_total", "messages given to the scanners, by outcome", "outcome",
                                                     scan_outcome_name((enum scan_outcome)i));
    s->holder_starts = &s->own_counts[SCAN_BUSY + 1];
    s->cache_hits = &s->own_counts[SCAN_BUSY + 2];
    s->cache_added = &s->own_counts[SCAN_BUSY + 3];
    s->cache_dropped = &s->own_counts[SCAN_BUSY + 4];
    if (stats == NULL)
        return;
    s->holder_starts = stats_counter(stats, "scan_holder_starts_total", "starts of the process that holds the virus engine", NULL, NULL);
    s->cache_hits = stats_counter(stats, "scan_cache_hits_total", "parts that were known clean and not scanned again", NULL, NULL);
    s->cache_added = stats_counter(stats, "scan_cache_added_total", "parts found clean, as told by the workers", NULL, NULL);
    s->cache_dropped = stats_counter(stats, "scan_cache_dropped_total", "parts forgotten because their worker came to a bad end", NULL, NULL);
    stats_gauge(stats, "scan_cache_rows", "parts known clean", gauge_cached, s);
    stats_gauge(stats, "scan_workers", "live workers", gauge_live, s);
    stats_gauge(stats, "scan_engine_ready", "1 while a virus engine is loaded", gauge_ready, s);
    stats_gauge(stats, "scan_signatures", "signatures of the engine in use", gauge_signatures, s);
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
    count_in(s, stats);
    if (s->workers > 0 && set->filter.virus.cache_rows > 0 &&
        (s->cache = clean_cache_new((size_t)set->filter.virus.cache_rows, err)) == NULL) {
        scan_free(&s);
        return NULL;
    }
    if (s->workers > 0)
        s->current = generation_new(s, s->set);
    else if (single_start(s, err) < 0)
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
        job_done(s->late_jobs, SCAN_NO_ENGINE, NULL, "the scanner is being stopped");
    for (; (g = s->retired) != NULL; generation_free(g))
        s->retired = g->next;
    if (s->coming != NULL)
        generation_free(s->coming);
    if (s->current != NULL)
        generation_free(s->current);
    if (s->single != NULL) {
        clamav_free(&s->single->engine);
        scratch_close(&s->single->scratch);
        free(s->single);
    }
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
        single_load(s);
        return 0;
    }
    if (workers > 0)
        s->workers = workers;
    start_coming(s);
    return 0;
}

void scan_reload(struct scan *s, bool accept)
{
    if (s->single != NULL) {
        single_load(s);
        return;
    }
    if (s->coming != NULL) {           /* what it loads is looked at when it is ready; if it was refused, it tries again */
        s->coming->accept = s->coming->accept || accept;
        send_word(s->coming, HOLDER_LOOK);
        return;
    }
    s->accept_next = accept;
    s->current->accept = s->current->accept || accept;
    send_word(s->current, HOLDER_LOOK);
}

bool scan_ready(const struct scan *s)
{
    return s->single != NULL ? single_ready(s) : s->current->ready;
}

static struct child_pool *apart_begin(struct generation *g)
{
    struct child_pool_spec spec = { .workers = 1, .recycle_after_jobs = 1, .restart_delay_ms = WORKER_RESTART_MS, .supply = supply_apart,
                                    .supply_arg = g, .on_note = on_note };

    g->apart_jobs++;
    if (g->apart == NULL)
        g->apart = child_pool_new(g->scan->loop, &spec);
    return g->apart;
}

struct scan_job *scan_submit(struct scan *s, const struct scan_message *m, int64_t deadline_ms, scan_fn *fn, void *arg)
{
    struct scan_job *j = xcalloc(1, sizeof *j);
    struct generation *g = s->current;
    struct buf record;

    j->scan = s;
    j->given_ms = deadline_ms;
    j->fn = fn;
    j->arg = arg;
    buf_init(&record, CHILD_MESSAGE_MAX);
    scan_wire_put_job(m, &record);
    if (s->single != NULL || g->refused) {
        job_link(&s->late_jobs, j);
        if (s->single != NULL)
            submit_here(j, buf_span(&record), m->fd);
        else
            job_later(j, SCAN_NO_ENGINE);
    } else {
        j->gen = g;
        j->pool = m->apart ? apart_begin(g) : g->pool;
        job_link(&g->jobs, j);
        j->child = child_pool_submit(j->pool, buf_span(&record), &m->fd, 1, deadline_ms, on_job, j);
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
        apart_end(j->gen);
    job_free(j);
}

static void describe_generation(const struct generation *g, const char *place, struct buf *to)
{
    char name[40];

    buf_printf(to, "scan %s: generation=%u holder=%d engine=%s signatures=%llu workers=%zu idle=%zu", place, g->number, g->holder != NULL ? child_pid(g->holder) : -1,
               g->ready ? "ready" : g->refused ? "none" : "loading", (unsigned long long)g->signatures, child_pool_live(g->pool),
               child_pool_idle(g->pool));
    if (g->why[0] != '\0')
        buf_printf(to, " why=\"%s\"", g->why);
    buf_append_char(to, '\n');
    snprintf(name, sizeof name, "scan memory: %s", place);
    if (g->holder != NULL)
        memory_describe(child_pid(g->holder), name, to);
}

void scan_describe(const struct scan *s, struct buf *to)
{
    if (s->single != NULL)
        buf_printf(to, "scan: in the front process (workers: 0) engine=%s\n", single_ready(s) ? "ready" : "none");
    else
        describe_generation(s->current, "current", to);
    if (s->coming != NULL)
        describe_generation(s->coming, "coming", to);
    for (const struct generation *g = s->retired; g != NULL; g = g->next)
        describe_generation(g, "retired", to);
    if (s->held_back[0] != '\0')
        buf_printf(to, "scan held back: %s\n", s->held_back);
    buf_append_str(to, "scan outcomes:");
    for (size_t i = 0; i <= SCAN_BUSY; i++)
        buf_printf(to, " %s=%llu", scan_outcome_name((enum scan_outcome)i), (unsigned long long)*s->counts[i]);
    buf_printf(to, " holder_starts=%llu\n", (unsigned long long)*s->holder_starts);
    if (s->cache != NULL)
        buf_printf(to, "scan cache: rows=%zu hits=%llu added=%llu dropped=%llu\n", clean_cache_rows(s->cache),
                   (unsigned long long)*s->cache_hits, (unsigned long long)*s->cache_added, (unsigned long long)*s->cache_dropped);
}

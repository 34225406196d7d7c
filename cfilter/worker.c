/* worker.c - one caged process that reads one hostile message after the other.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "cfilter/cage.h"
#include "cfilter/clamav.h"
#include "cfilter/failed_writes.h"
#include "cfilter/kept_maps.h"
#include "cfilter/scan_wire.h"
#include "lib/base/alloc.h"

enum { LARGE_BYTES = 1024 * 1024,        /* such a message leaves megabytes of free memory behind ... */
       IDLE_MS = 10000,                  /* ... which a busy worker would only fetch again, page by page */
       HEAP_MAX = 128 * 1024 * 1024 };   /* more than that is given back between two messages */

int worker_prepare(const struct settings *set, struct errtext *err)
{
    for (size_t i = 0; scanners[i] != NULL; i++)
        if (scanners[i]->holder_init != NULL && scanners[i]->holder_init(set, err) < 0) {
            errtext_prefix(err, "scanner %s", scanners[i]->name);
            return -1;
        }
    return 0;
}

static int64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void run_scanners(struct view *v, struct facts *f)
{
    for (size_t i = 0; scanners[i] != NULL; i++) {
        const struct scanner *s = scanners[i];
        if (s->extract != NULL && (s->is_virus ? v->msg->want_virus : v->msg->want_spam))
            s->extract(v, f);
    }
    if (v->engine != NULL && v->msg->want_virus)
        clamav_end_message(v->engine, f);
    view_release(v);
}

static void take_failed_writes(struct facts *f)
{
    struct failed_writes failed = failed_writes_end();
    char why[FACT_DETAIL_MAX];

    if (failed.why == 0)
        return;
    snprintf(why, sizeof why, "temporary files: %s%s", strerror(failed.why), failed.crowded ? " (others have taken filter.worker_tmpfs)" : "");
    f->crowded = failed.crowded;
    f->incomplete_why[0] = '\0';   /* whatever was told of it came after */
    facts_incomplete(f, why);
}

void worker_scan(const struct worker *w, const struct scan_message *m, struct facts *f)
{
    struct view v = { .msg = m, .fd = m->fd, .tmp_dir = w->scratch, .set = w->set, .engine = w->engine };
    struct loaded message = { .bytes = m->bytes };
    int64_t start_us = now_us();

    facts_init(f);
    f->generation = w->generation;
    const char *why = m->fd >= 0 ? loaded_open(&message, w->buffer, m->fd, m->size) : NULL;
    if (why == NULL) {
        v.bytes = message.bytes;
        failed_writes_begin(w->scratch);
        run_scanners(&v, f);
        take_failed_writes(f);
        loaded_close(&message);
    } else {
        facts_incomplete(f, why);
    }
    f->took_us = now_us() - start_us;
}

/* ---- memory between messages ---- */

static void give_back(struct worker *w)
{
    malloc_trim(0);
    kept_maps_trim();
    w->holds_much = false;
}

static bool heap_is_large(const struct worker *w)
{
    return (const char *)sbrk(0) - w->heap_start > HEAP_MAX;
}

static bool idle(const struct worker *w)
{
    struct pollfd next = { .fd = w->sock, .events = POLLIN };

    return poll(&next, 1, IDLE_MS) == 0;
}

static void tidy(struct worker *w, uint64_t size)
{
    if (!scratch_looks_empty(&w->scratch_look))
        scratch_remove(w->scratch, true);
    w->holds_much = w->holds_much || size > LARGE_BYTES;
    if (heap_is_large(w) || (w->holds_much && idle(w)))
        give_back(w);
}

/* ---- one message after the other ---- */

struct order {
    char room[LOADED_ROOM];
    char record[CHILD_MESSAGE_MAX + LOADED_ZEROS];
};

static bool answer(const struct worker *w, const struct facts *f)
{
    struct buf reply;

    buf_init(&reply, CHILD_MESSAGE_MAX);
    facts_encode(f, &reply);
    bool sent = child_send_blocking(w->sock, buf_span(&reply), NULL, 0) == 0;
    buf_free(&reply);
    return sent;
}

/* Where it is, it has all that loaded.h promises. */
static bool take_job(const struct worker *w, struct order *o, struct scan_wire_job *job)
{
    size_t nfds = 1;
    int fd = -1;
    long n = child_recv_blocking(w->sock, o->record, CHILD_MESSAGE_MAX, &fd, &nfds);

    if (n <= 0)
        return false;
    memset(o->record + n, 0, LOADED_ZEROS);
    return scan_wire_get_job(span_of(o->record, (size_t)n), nfds == 1 ? fd : -1, job);
}

static void serve(struct worker *w)
{
    struct order *order = xcalloc(1, sizeof *order);
    struct facts *f = xmalloc(sizeof *f);
    struct scan_wire_job *job = xmalloc(sizeof *job);

    while (take_job(w, order, job)) {
        worker_scan(w, &job->m, f);
        if (job->m.fd >= 0)
            close(job->m.fd);
        bool sent = answer(w, f);      /* first the answer, then the housekeeping */
        tidy(w, job->m.size);
        if (!sent)
            break;
    }
}

_Noreturn void worker_run(struct worker *w)
{
    struct errtext err = { "" };

    w->buffer = loaded_buffer_new();
    scratch_look(w->scratch, &w->scratch_look);

    kept_maps_begin();
    w->heap_start = sbrk(0);
    signal(SIGXFSZ, SIG_IGN);          /* a file that grows too large is an error of write(2) */
    if (w->engine != NULL) {
        clamav_use_scratch(w->engine, w->scratch);
        clamav_use_cache(w->engine, w->known, w->generation, w->serial);
    }
    if (cage_enter((enum sandbox_policy)w->set->process.sandbox, w->scratch, w->set->filter.worker_memory_bytes,
                   w->set->filter.worker_tmpfs_bytes, &err) < 0)
        _exit(WORKER_EXIT_CAGE);
    serve(w);
    _exit(0);
}

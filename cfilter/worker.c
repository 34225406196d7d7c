/* worker.c - one caged process that reads one hostile message after the other.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cfilter/cage.h"
#include "cfilter/clamav.h"
#include "cfilter/scan_wire.h"
#include "cfilter/scratch.h"
#include "lib/base/alloc.h"

enum { TRIM_ABOVE_BYTES = 1024 * 1024 };   /* such a message leaves megabytes of free heap behind */

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

/* The descriptor must hold what was announced: less would be a SIGBUS later, more would not be looked at. */
static bool map_message(const struct scan_message *m, span *out, struct facts *f)
{
    struct stat st;

    if (fstat(m->fd, &st) < 0 || st.st_size < 0 || (uint64_t)st.st_size != m->size) {
        facts_incomplete(f, "the message is not as long as was said");
        return false;
    }
    *out = SPAN("");
    if (m->size == 0)
        return true;
    void *p = mmap(NULL, m->size, PROT_READ, MAP_PRIVATE, m->fd, 0);
    if (p == MAP_FAILED) {
        facts_incomplete(f, "the message cannot be mapped");
        return false;
    }
    *out = span_of(p, m->size);
    return true;
}

void worker_scan(const struct worker *w, const struct scan_message *m, struct facts *f)
{
    struct view v = { .msg = m, .fd = m->fd, .tmp_dir_fd = -1, .tmp_dir = w->scratch, .set = w->set, .engine = w->engine };
    int64_t start_us = now_us();

    facts_init(f);
    f->generation = w->generation;
    if (map_message(m, &v.bytes, f)) {
        v.tmp_dir_fd = open(w->scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        run_scanners(&v, f);
        if (v.tmp_dir_fd >= 0)
            close(v.tmp_dir_fd);
        if (v.bytes.n > 0)
            munmap((void *)(uintptr_t)v.bytes.p, v.bytes.n);
    }
    f->took_us = now_us() - start_us;
}

static void tidy(const struct worker *w, uint64_t size)
{
    scratch_remove(w->scratch, true);
    if (size > TRIM_ABOVE_BYTES)
        malloc_trim(0);
}

static bool answer(const struct worker *w, const struct facts *f)
{
    struct buf reply;

    buf_init(&reply, CHILD_MESSAGE_MAX);
    facts_encode(f, &reply);
    bool sent = child_send_blocking(w->sock, buf_span(&reply), NULL, 0) == 0;
    buf_free(&reply);
    return sent;
}

static void serve(const struct worker *w)
{
    char *record = xmalloc(CHILD_MESSAGE_MAX);
    struct facts *f = xmalloc(sizeof *f);
    struct scan_wire_job *job = xmalloc(sizeof *job);

    for (;;) {
        int fd = -1;
        size_t nfds = 1;
        long n = child_recv_blocking(w->sock, record, CHILD_MESSAGE_MAX, &fd, &nfds);
        if (n <= 0 || nfds != 1 || !scan_wire_get_job(span_of(record, (size_t)n), fd, job))
            break;
        worker_scan(w, &job->m, f);
        close(fd);
        bool sent = answer(w, f);      /* first the answer, then the housekeeping */
        tidy(w, job->m.size);
        if (!sent)
            break;
    }
}

_Noreturn void worker_run(const struct worker *w)
{
    struct errtext err = { "" };

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

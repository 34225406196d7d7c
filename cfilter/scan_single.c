/* scan_single.c - workers: 0, everything in this process, for who wants to look at it with a debugger.
 *
 * No cage and no deadline: what kills or holds up the parser does so to the front.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "cfilter/clamav.h"
#include "cfilter/clamav_database.h"
#include "cfilter/scan_private.h"
#include "cfilter/scan_wire.h"
#include "cfilter/worker.h"
#include "lib/app/log.h"
#include "lib/base/alloc.h"

void scan_single_load(struct scan *s)
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

int scan_single_start(struct scan *s, struct errtext *err)
{
    s->single = xcalloc(1, sizeof *s->single);
    if (worker_prepare(s->set, err) < 0 || scratch_open_plain(s->set, &s->single->scratch, err) < 0 ||
        scratch_make(&s->single->scratch, "front", s->single->dir, sizeof s->single->dir, err) < 0)
        return -1;
    log_warning("scan: filter.workers is 0: messages are parsed in this process, without a cage; for debuggers only");
    s->numbers = 1;
    scan_single_load(s);
    return 0;
}

void scan_single_free(struct single **onep)
{
    struct single *one = *onep;

    *onep = NULL;
    if (one == NULL)
        return;
    clamav_free(&one->engine);
    scratch_close(&one->scratch);
    free(one);
}

bool scan_single_ready(const struct scan *s)
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
    scan_job_done(j, SCAN_DONE, f, NULL);
    free(f);
}

void scan_single_submit(struct scan_job *j, span record, int fd)
{
    struct scan *s = j->scan;

    if (!scan_single_ready(s) && clamav_database_stamp(&s->set->filter.virus) != s->single->stamp)
        scan_single_load(s);
    j->here = xcalloc(1, sizeof *j->here);
    j->here_record = xcalloc(1, LOADED_ROOM + record.n + LOADED_ZEROS);
    memcpy(j->here_record + LOADED_ROOM, record.p, record.n);
    int own = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
    if (!scan_wire_get_job(span_of(j->here_record + LOADED_ROOM, record.n), own, j->here) || (fd >= 0 && own < 0))
        scan_job_later(j, SCAN_BUSY);
    else if (!scan_single_ready(s))
        scan_job_later(j, SCAN_NO_ENGINE);
    else
        loop_defer(s->loop, &j->late, on_scan_here, j);
}

/* scan.h - hands a message to a caged worker and gives back its facts.
 *
 * front --(exec "scan-holder")--> holder (loads libclamav's engine once, forks workers) --> one worker a core.
 * The front owns a child_pool of the workers' sockets; the holder only makes and reaps them.
 * Units:     bytes, milliseconds.
 * Errors:    every way of not knowing is its own outcome; none of them is "clean".
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_SCAN_H
#define GATEPOST_CFILTER_SCAN_H

#include "cfilter/facts.h"
#include "lib/app/stats.h"
#include "lib/net/child.h"
#include "lib/settings/settings.h"

struct scan;
struct scan_job;

enum scan_outcome {
    SCAN_DONE,            /* facts are there (facts->complete may still be false) */
    SCAN_TIMED_OUT,       /* the worker was killed at the deadline */
    SCAN_CRASHED,         /* the worker died on this message (signal, memory limit) */
    SCAN_GARBAGE,         /* the worker's answer was no valid record: it was killed */
    SCAN_NO_ENGINE,       /* no database or no engine yet: 451 */
    SCAN_BUSY,            /* no worker became free before the deadline: 451 */
};
const char *scan_outcome_name(enum scan_outcome o);

/* So many bytes go along with the order: a memory file costs more than the copy. */
enum { SCAN_ALONG_BYTES = 32 * 1024 };

/* As it came: lines end at CR LF, strays are kept; no dot-stuffing. */
struct scan_message {
    int fd;                       /* memfd (sealed) or a file opened read-only; stays the caller's; -1: it is in bytes */
    span bytes;                   /* looked at with fd -1 alone: all of it, SCAN_ALONG_BYTES at most; copied */
    uint64_t size;
    const char *id;               /* decision id */
    /* The envelope, for scanners that look at it; may be NULL. */
    const char *client_address, *helo, *reverse_path;
    size_t n_rcpt;
    bool want_virus, want_spam;   /* which scanners' extract runs */
    bool apart;                   /* a worker has died of it: give it a fresh one of its own, which ends after it; one such at a time */
};

/* facts: for SCAN_DONE only, live during the call. */
typedef void scan_fn(enum scan_outcome outcome, const struct facts *facts, const char *why, void *arg);

/* Starts the holder (called with d->prepare or start). A missing or broken database is not an error: the
 * scan answers SCAN_NO_ENGINE, logs why once a minute, and tries again. */
struct scan *scan_new(struct loop *l, const struct settings *set, struct stats *stats, struct errtext *err);
void scan_free(struct scan **s);                          /* messages under way get SCAN_CRASHED or SCAN_NO_ENGINE first */
/* Starts a new holder for new settings beside the old one, which works on until the new one has an engine (the same happens by itself when
 * the signature database changes); messages under way finish with the old workers.  filter.virus.low_memory: the old one ends first, messages wait.
 * A generation that has lost too many signatures (filter.virus.max_shrink) does not take over.  Nothing is
 * started when nothing has changed for the scanners.  To and from workers: 0 wants a restart. */
int scan_reconfigure(struct scan *s, const struct settings *set, struct errtext *err);
/* Reads the signature database again as soon as it is at rest, though nothing in it seems to have changed.  accept: whatever filter.virus.max_shrink says. */
void scan_reload(struct scan *s, bool accept);
bool scan_ready(const struct scan *s);                    /* an engine is loaded */
/* deadline_ms: from now.  While an engine is being loaded messages wait for it.  fn runs exactly once and not before scan_submit has returned;
 * the strings of m are copied, its fd duplicated. */
struct scan_job *scan_submit(struct scan *s, const struct scan_message *m, int64_t deadline_ms, scan_fn *fn, void *arg);
void scan_cancel(struct scan_job **job);                  /* fn does not run */
/* Lines for `gatepostctl status`: generation, signatures, workers, counters. */
void scan_describe(const struct scan *s, struct buf *to);

extern int scan_holder_look_ms;                           /* how often a holder looks at the database folder; tests shorten it */
int scan_holder_run(int argc, char **argv);               /* child role "scan-holder" */

#endif

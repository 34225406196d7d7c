/* worker.h - one caged process that reads one hostile message after the other, and the same work for a debugger's single process.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_WORKER_H
#define GATEPOST_CFILTER_WORKER_H

#include "cfilter/loaded.h"
#include "cfilter/scanner.h"
#include "cfilter/scratch.h"

struct worker {
    int sock;
    const struct settings *set;
    struct clamav *engine;         /* NULL: none is wanted */
    uint32_t generation, serial;   /* serial: among the holder's forks */
    const struct clean_view *known;   /* the verdict cache, clean_cache.h; NULL: none */
    const char *scratch;           /* own folder, empty */
    struct scratch_look scratch_look;
    struct loaded_buffer *buffer;  /* loaded.h; NULL: none */
    const char *heap_start;        /* when it was forked, it ended here */
    bool holds_much;               /* memory that it could give back */
};

/* Runs the holder_init of every scanner: in the process that forks, before it does. */
int worker_prepare(const struct settings *set, struct errtext *err);
/* Runs every wanted scanner's extract over one message.  One without a descriptor has LOADED_ROOM writable bytes before it, LOADED_ZEROS behind. */
void worker_scan(const struct worker *w, const struct scan_message *m, struct facts *f);
/* Locks itself in and answers messages until the socket closes.  For a forked process: never returns. */
_Noreturn void worker_run(struct worker *w);
enum { WORKER_EXIT_CAGE = 70 };    /* exit status: it could not be locked in */

#endif

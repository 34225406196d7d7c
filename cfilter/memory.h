/* memory.h - how much memory the engine holder and its workers have for themselves.
 *
 * The engine is shared by fork, so that resident sizes say nothing: what counts is what a process has written (private dirty).
 * Reading it walks the page tables of that process, milliseconds for a large engine: for an administrator who asks, not for a counter.
 * Units:     bytes.
 * Source:    proc(5), smaps_rollup.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_MEMORY_H
#define GATEPOST_CFILTER_MEMORY_H

#include "lib/base/buf.h"

struct memory_use {
    uint64_t private_dirty, share;     /* share: its own and its part of what it shares (Pss) */
};

/* false: it is gone, or this kernel or the rights do not let us look. */
bool memory_use(long pid, struct memory_use *out);
/* One line for a holder and one for each of its workers, "PLACE holder pid=1 private=2.0M share=3.0M". */
void memory_describe(long holder, const char *place, struct buf *to);

#endif

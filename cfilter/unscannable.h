/* unscannable.h - counts how often a message could not be scanned, by a digest of it (poison.h), in the store and in the own memory.
 *
 * Both know it; whoever knows more counts, so that it goes on without a store.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_UNSCANNABLE_H
#define GATEPOST_CFILTER_UNSCANNABLE_H

#include "cfilter/poison.h"
#include "lib/store/store.h"

struct unscannable;

/* tries: this one included; apart: it was made in a worker of its own. */
typedef void unscannable_fn(int64_t tries, int64_t since_first_ms, void *arg);

/* Runs fn exactly once, perhaps before it returns (then NULL), unless cancelled.  keep_ms: how long the store keeps a count.  The memory must outlive
 * the call. */
struct unscannable *unscannable_count(struct store *s, struct poison *memory, span message, enum scan_outcome outcome, bool apart, int64_t wall_ms,
                                      int64_t keep_ms, unscannable_fn *fn, void *arg);
void unscannable_cancel(struct unscannable **u);
/* It was scanned after all. */
void unscannable_forget(struct store *s, struct poison *memory, span message);
/* Fills the memory with what the store knows, at once or in a while; memory must live until store_close. */
void unscannable_load(struct store *s, struct poison *memory);

#endif

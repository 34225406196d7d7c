/* unscannable.h - counts how often a message could not be scanned, by its SHA-256, in the store.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_UNSCANNABLE_H
#define GATEPOST_CFILTER_UNSCANNABLE_H

#include "lib/store/store.h"

struct unscannable;

/* tries: this one included; 0 when nobody could tell (the store is down). */
typedef void unscannable_fn(int64_t tries, int64_t since_first_ms, void *arg);

/* Runs fn exactly once, perhaps before it returns (then NULL), unless cancelled.  keep_ms: how long a count is kept. */
struct unscannable *unscannable_count(struct store *s, span message, int64_t wall_ms, int64_t keep_ms, unscannable_fn *fn, void *arg);
void unscannable_cancel(struct unscannable **u);

#endif

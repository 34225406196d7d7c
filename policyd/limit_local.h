/* limit_local.h - counting in this process while the shared store is away.
 *
 * By the store's own arithmetic (lib/store/store_rules.h), over a bounded table: the least recently used key is forgotten first.  Each
 * of several hosts lets through its part of a limit.  What was counted is owed to the store, to be counted there when it is back.
 * Units:     milliseconds of the caller's clock.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_POLICYD_LIMIT_LOCAL_H
#define GATEPOST_POLICYD_LIMIT_LOCAL_H

#include "lib/store/store.h"

struct limit_local;

struct limit_local *limit_local_new(size_t max_keys);
void limit_local_free(struct limit_local **t);
/* How many hosts share a limit; 1 at first. */
void limit_local_hosts(struct limit_local *t, int64_t hosts);
/* As store_limits, at once: all are checked, and charged only if none is exceeded or it is forced; a `once` key charged within once_ms takes
 * nothing again and exceeds nothing. */
void limit_local_decide(struct limit_local *t, const struct store_limits_request *q, int64_t now_ms, struct store_limits_result *r);
/* As store_refund; whether anything was given back. */
bool limit_local_refund(struct limit_local *t, const struct store_limits_request *q, int64_t now_ms);

/* What is owed to the store, the oldest first: up to STORE_LIMITS_MAX limits, each with what was counted as its cost, no longer owed from now
 * on.  The keys live until the next call.  How many; 0: nothing is owed. */
size_t limit_local_take_owed(struct limit_local *t, struct store_limit limits[STORE_LIMITS_MAX]);

#endif

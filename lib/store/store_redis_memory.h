/* store_redis_memory.h - answers of Redis that this process may give again for a moment: who hammers costs no round trip.
 *
 * Denied:   a key that had no room for so many has none for as many until its retry time; kept DENIED_KEPT_MS at most, because a refund or
 *           another host's reset may make room earlier.  A request that was put to Redis under its `once` before is always put again: it
 *           may have been charged.
 * Passed:   who passed the greylist passes for PASSED_KEPT_MS; Redis hears of him at least that often.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_STORE_REDIS_MEMORY_H
#define GATEPOST_STORE_REDIS_MEMORY_H

#include "lib/store/store.h"
#include "lib/store/store_rules.h"

#define DENIED_KEPT_MS SECONDS(2)
#define PASSED_KEPT_MS SECONDS(60)

struct redis_memory;

struct redis_memory *redis_memory_new(void);
void redis_memory_free(struct redis_memory **m);

/* Whether the answer is known: then *r is it. */
bool redis_memory_denies(struct redis_memory *m, const struct store_limits_request *q, int64_t now_ms, struct store_limits_result *r);
/* q goes to Redis. */
void redis_memory_asked(struct redis_memory *m, const struct store_limits_request *q, int64_t now_ms);
void redis_memory_denied(struct redis_memory *m, span key, const struct limit_rate *rate, int64_t retry_ms, int64_t now_ms);
/* What was counted for this key has changed: given back, reset. */
void redis_memory_changed(struct redis_memory *m, span key);

bool redis_memory_passes(struct redis_memory *m, const struct store_grey_request *q, int64_t now_ms, struct store_grey_result *r);
void redis_memory_passed(struct redis_memory *m, span key, const struct store_grey_result *r, int64_t now_ms);
void redis_memory_grey_changed(struct redis_memory *m);      /* some entry was forgotten */

#endif

/* lru.h - bounded cache from byte strings to fixed-size values, least recently used out first.
 *
 * Time is the caller's: an entry carries the monotonic time (ms) it is valid until, the cache only compares.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_BASE_LRU_H
#define GATEPOST_BASE_LRU_H

#include "lib/base/span.h"

struct lru;

/* free_value (may be NULL) runs on a value that leaves: evicted, replaced, removed or at lru_free. */
struct lru *lru_new(size_t max_entries, size_t value_size, void (*free_value)(void *value));
void lru_free(struct lru **c);
/* The value (valid until the next call that changes the cache), or NULL.  Expired entries are returned too with
 * *expires_ms_out in the past: whether a stale answer may still serve is the caller's decision. */
void *lru_get(struct lru *c, span key, int64_t *expires_ms_out);
/* The (zeroed when new, kept when there) value slot under key. */
void *lru_put(struct lru *c, span key, int64_t expires_ms);
bool lru_remove(struct lru *c, span key);
/* The key that was used longest ago, valid until the next call that changes the cache; p == NULL: there is none. */
span lru_oldest(const struct lru *c);
size_t lru_count(const struct lru *c);
void lru_clear(struct lru *c);
void lru_each(struct lru *c, bool (*visit)(span key, void *value, int64_t expires_ms, void *arg), void *arg);

#endif

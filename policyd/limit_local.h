/* limit_local.h - counting in this process while the shared store is away.
 *
 * By the store's own arithmetic (lib/store/store_rules.h), over a bounded table: the least recently used key is
 * forgotten first.  Nothing is merged back: when the store returns, its own counts go on.
 * Units:     milliseconds of the caller's clock.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_POLICYD_LIMIT_LOCAL_H
#define GATEPOST_POLICYD_LIMIT_LOCAL_H

#include "lib/store/store.h"

struct limit_local;

struct limit_local *limit_local_new(size_t max_keys);
void limit_local_free(struct limit_local **t);
/* As store_limits, at once: all are checked, and charged only if none is exceeded; a `once` key charged within once_ms takes
 * nothing again and exceeds nothing. */
void limit_local_decide(struct limit_local *t, const struct store_limits_request *q, int64_t now_ms, struct store_limits_result *r);

#endif

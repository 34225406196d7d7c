/* store_redis_lease.h - blocks of a busy limit's events, charged in Redis in advance and given out here without asking.
 *
 * A key that is asked about HOT times in a second is charged with a block beside what was asked for: `percent` of its count.  While the
 * block lasts (LEASE_MS at most), decisions all of whose limits have one are made here.
 * Bound:     nothing is ever let through beyond a limit, for a block is charged before it is given out.  What a host has left of one when
 *            a burst ends is lost: so much too early a limit may say no, one block a host and key (hosts * percent of the count).
 * Once:      what was given out here under a `once` is known here: asked again it takes nothing, and a refund puts it back into the block.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_STORE_REDIS_LEASE_H
#define GATEPOST_STORE_REDIS_LEASE_H

#include "lib/store/store.h"
#include "lib/store/store_rules.h"

#define LEASE_MS SECONDS(5)
enum { LEASE_HOT = 20 };

struct redis_leases;

struct redis_leases *redis_leases_new(int64_t percent);      /* 0: no key ever has a block */
void redis_leases_free(struct redis_leases **l);
/* Whether the decision is made here: then *r is it. */
bool redis_leases_decide(struct redis_leases *l, const struct store_limits_request *q, int64_t now_ms, struct store_limits_result *r);
/* What to charge beside a limit's cost, after redis_leases_decide has said no; 0: nothing. */
int64_t redis_leases_block(struct redis_leases *l, const struct store_limit *limit, int64_t now_ms);
void redis_leases_grant(struct redis_leases *l, const struct store_limit *limit, int64_t block, int64_t now_ms);
/* There was no room for a block: not again within a second. */
void redis_leases_denied(struct redis_leases *l, span key, int64_t now_ms);
/* Whether it was given out here. */
bool redis_leases_refund(struct redis_leases *l, const struct store_limits_request *q, int64_t now_ms);
void redis_leases_forget(struct redis_leases *l, span key);

#endif

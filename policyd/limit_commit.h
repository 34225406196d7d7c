/* limit_commit.h - charges and refunds that nobody waits for.
 *
 * What has happened is counted whether it fits or not.  While the store is away this process keeps the count, and owes it.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_POLICYD_LIMIT_COMMIT_H
#define GATEPOST_POLICYD_LIMIT_COMMIT_H

#include "policyd/services.h"

/* Charges q by force, or gives back what was charged under q->once; keys are copied. */
void limit_commit(struct services *s, const struct store_limits_request *q);
void limit_commit_refund(struct services *s, const struct store_limits_request *q);
/* The store answers: what is owed to it is counted there, a part now and the rest in the next turns. */
void limit_commit_owed(struct services *s);
/* Those under way are forgotten; the store may be gone already. */
void limit_commits_stop(struct services *s);

#endif

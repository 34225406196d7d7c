/* record.h - a decision in the log and in the events.
 *
 * One line a decision; a DATA or END-OF-MESSAGE where no check had anything to say has none.  A refusal's event holds the request and every fact that any check saw, so that the decision can be made
 * again later under other rules; a pass is short.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_POLICYD_RECORD_H
#define GATEPOST_POLICYD_RECORD_H

#include "policyd/eval.h"

void record_decision(const struct eval *e, const char *id, const struct policy_reply *answer, const struct policy_reply *would);

/* "zen:5,spoof" of the hits in one mode; "" for none. */
void record_hits(const struct eval *e, enum mode mode, struct buf *to);

#endif

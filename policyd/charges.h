/* charges.h - what each message was charged, for as long as cfilter may still refuse it.
 *
 * Limits are charged at DATA and END-OF-MESSAGE, before cfilter has judged.  When it refuses the message, each limit's refused_weight says
 * what that counts as: given back, kept, or more.
 * Memory:    with the message (handover.h), bounded in bytes and time; what was forgotten stays counted.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_POLICYD_CHARGES_H
#define GATEPOST_POLICYD_CHARGES_H

#include "policyd/rules.h"
#include "policyd/services.h"

/* A message that was charged is asked about again, or refused, within this time. */
#define CHARGE_ONCE_MS MINUTES(10)

struct message;

/* q was charged, under q->once, for the message; rules[i] is the limit of q->limits[i].  All of it is copied.  Noted before: nothing. */
void charges_note(struct message *msg, const struct store_limits_request *q, const struct limit_rule *const *rules, int64_t now_ms);
/* What was noted goes, and stays counted. */
void charges_forget(struct message *msg);

/* refused: cfilter said 5xx; else it put the message off, and the sender will bring it again.  false: nothing was charged for it, or that was
 * settled before. */
bool charges_settle(struct services *s, span id, bool refused);

#endif

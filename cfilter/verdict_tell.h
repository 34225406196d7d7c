/* verdict_tell.h - the words that a verdict puts into header fields, log and events.
 *
 * Pure.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_VERDICT_TELL_H
#define GATEPOST_CFILTER_VERDICT_TELL_H

#include "cfilter/verdict.h"

/* "score=7.5 hits=GTUBE:1000,X:2.5 unchecked=... without=spamd" for X-Spam-Report; false when there is nothing to say. */
bool verdict_report(const struct verdict *v, struct buf *to);
/* "clamav:Eicar-Test-Signature,spamd:GTUBE:1000,clamav:limit(tag)" for log and events. */
void verdict_hits(const struct verdict *v, struct buf *to);
/* One '*' a point, 50 at most. */
void verdict_stars(double score, char stars[51]);

#endif

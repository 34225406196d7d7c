/* callout_verdict.h - what an inner server's reply to RCPT says of the recipient.
 *
 * Pure.  Only a refusal that is about the address says "not there"; a refusal of the client, of the sender or of the hour says nothing.
 * Source:    RFC 3463 3.2 (X.1.Y: addressing), RFC 5321 4.2.3; Postfix ADDRESS_VERIFICATION_README.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_SOCKETMAPD_CALLOUT_VERDICT_H
#define GATEPOST_SOCKETMAPD_CALLOUT_VERDICT_H

#include "lib/proto/smtp_reply.h"

enum callout_says { CALLOUT_NOTHING, CALLOUT_UNKNOWN, CALLOUT_EXISTS };

enum { CALLOUT_WORDS_MAX = 256 };

/* A reply's words without what differs from one address to the next: so that two refusals can be compared. */
void callout_words(const struct smtp_reply *r, span address, char out[CALLOUT_WORDS_MAX]);
/* refusal: words of the reply to a random address, "" if that was refused with an enhanced code, or not at all. */
enum callout_says callout_verdict(const struct smtp_reply *r, span address, const char *refusal);
/* Whether a reply to a random address is a refusal by which unknown addresses can be told. */
bool callout_refuses_unknown(const struct smtp_reply *r);

#endif

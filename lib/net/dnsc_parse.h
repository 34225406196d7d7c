/* dnsc_parse.h - the answer section of a DNS message.
 *
 * Pure.  Follows the CNAME chain from the name that was asked for; records of other owners are none of ours.
 * Units:     bytes, seconds.
 *            A name with a dot or a control character inside of a label is malformed: as text it would look like another name.
 * Ownership: texts are put into `text`, which must stay as long as the records.
 * Source:    RFC 1035 4.1, RFC 2308 5 (negative TTL), RFC 2782 (SRV).
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_NET_DNSC_PARSE_H
#define GATEPOST_NET_DNSC_PARSE_H

#include "lib/base/buf.h"
#include "lib/net/dnsc.h"

enum dnsc_parse { DNSC_PARSE_OK = 0, DNSC_PARSE_MALFORMED = -1 };

/* name: lower case, without trailing dot.  At most DNSC_RECORDS_MAX records; text offsets are resolved before return.
 * *ttl_out: the least TTL of what was used (records, chain); UINT32_MAX if nothing was.  A message that has records of the
 * type, but none for this name, is malformed. */
enum dnsc_parse dnsc_parse_answer(span message, span name, enum dnsc_type type, struct dnsc_record *records, size_t *n_out,
                                  uint32_t *ttl_out, struct buf *text);
/* An answer without answer from a server that is neither authoritative nor recursive: it only points elsewhere. */
bool dnsc_parse_is_referral(span message);
/* Seconds that "no such name" or "no such type" may be kept; 0 when the message has no SOA. */
uint32_t dnsc_parse_negative_ttl(span message);

#endif

/* dnsbl.h - DNSBL names and return codes.
 *
 * Pure.  An answer is a listing only when it lies in the list's filter; "somebody answered" is none.
 * Source:    RFC 5782; postscreen(8) for the syntax of filters.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_PROTO_DNSBL_H
#define GATEPOST_PROTO_DNSBL_H

#include "lib/base/errtext.h"
#include "lib/base/span.h"
#include "lib/proto/ipnet.h"

enum { DNSBL_NAME_MAX = 254 };   /* with NUL */

/* "2.0.0.127.zone" (RFC 5782 2.1), the 32 nibbles for IPv6 (2.4).  false: no address, or the name would be too long. */
bool dnsbl_query_address(const struct ipaddr *a, span zone, char out[DNSBL_NAME_MAX], span *out_span);
/* "domain.zone" (2.3) for a name as domain_normalise gives it; false: empty, too long, an address literal. */
bool dnsbl_query_domain(span domain, span zone, char out[DNSBL_NAME_MAX], span *out_span);

/* Four sets of octet values. */
struct dnsbl_filter { uint64_t octet[4][4]; };

/* "127.0.0.[2..11;14]", "127.0.[0..1].2"; err says what is wrong with it. */
bool dnsbl_filter_parse(span text, struct dnsbl_filter *out, struct errtext *err);
bool dnsbl_filter_match(const struct dnsbl_filter *f, const struct ipaddr *answer);

enum dnsbl_verdict {
    DNSBL_LISTED,
    DNSBL_NOT_MATCHED,     /* a code of the list that the filter leaves out */
    DNSBL_REFUSED,         /* the list does not answer us, or is not a list any more: 127.255.255.0/24, 127.0.0.1, 127.0.0.255,
                            * 127.0.1.255, anything outside 127/8.  Never a listing, whatever the filter says */
};
/* filter NULL: 127.0.0.[2..254], and 127.0.1.[0..254] (lists of domains). */
enum dnsbl_verdict dnsbl_classify(const struct ipaddr *answer, const struct dnsbl_filter *filter);

/* "zone", "zone=filter", "zone*weight", "zone=filter*weight". */
struct dnsbl_entry {
    span zone;
    bool has_filter;
    struct dnsbl_filter filter;
    double weight;             /* 1 when not written; negative: a list of good clients */
};
bool dnsbl_entry_parse(span text, struct dnsbl_entry *out, struct errtext *err);

#endif

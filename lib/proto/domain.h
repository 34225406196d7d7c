/* domain.h - domain names as values that can be compared.
 *
 * Pure, but for libidn2's own memory where a name holds UTF-8.
 * Source:    RFC 1123 2.1, RFC 5321 4.1.2 and 4.1.3 (address literals), RFC 5891 and UTS #46 (U-labels, non-transitional).
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_PROTO_DOMAIN_H
#define GATEPOST_PROTO_DOMAIN_H

#include "lib/base/span.h"
#include "lib/proto/ipnet.h"

enum { DOMAIN_MAX = 253, DOMAIN_LABEL_MAX = 63, DOMAIN_TEXT_MAX = DOMAIN_MAX + 1 };

enum domain_status {
    DOMAIN_OK = 1,
    DOMAIN_E_EMPTY = -1,
    DOMAIN_E_LABEL = -2,      /* an empty label, or one over 63 bytes */
    DOMAIN_E_LONG = -3,       /* over 253 bytes */
    DOMAIN_E_CHAR = -4,       /* a byte that no domain name in mail has */
    DOMAIN_E_IDNA = -5,       /* UTF-8 that IDNA does not allow, or no UTF-8 */
};
const char *domain_status_text(enum domain_status s);

/* ASCII names only: lower case, one trailing dot trimmed, checked; letters, digits, '-' and '_'.  *out_span lies in out (NUL-terminated).
 * DOMAIN_E_IDNA when a byte >= 0x80 is there. */
enum domain_status domain_normalise_ascii(span name, char out[DOMAIN_TEXT_MAX], span *out_span);
/* The same for any name: U-labels become A-labels. */
enum domain_status domain_normalise(span name, char out[DOMAIN_TEXT_MAX], span *out_span);

/* "[192.0.2.1]", "[IPv6:2001:db8::1]". */
bool domain_is_literal(span text, struct ipaddr *out);
/* A name that a host may have: letters, digits, hyphens inside labels, last label not all digits. */
bool domain_is_hostname(span name);
bool domain_is_fqdn(span name);                  /* a hostname of two labels or more */
/* Cuts the first label off: "a.b.c" -> "b.c" -> "c" -> false. */
bool domain_parent(span *name);
/* name is parent or lies below it; ASCII case is ignored, one trailing dot of either too. */
bool domain_is_within(span name, span parent);

#endif

/* ldap_filter.h - search filters for one address, with every value escaped.
 *
 * Pure.  A template holds %s (the whole address), %u (local-part), %d (domain) and %% ; each value is escaped, so that
 * an address never becomes filter syntax.
 * Source:    RFC 4515 section 3 (escapes), RFC 5321 (address).
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_SOCKETMAPD_LDAP_FILTER_H
#define GATEPOST_SOCKETMAPD_LDAP_FILTER_H

#include "lib/base/buf.h"
#include "lib/base/errtext.h"

/* Appends the value with "*", "(", ")", "\", NUL, and bytes >= 0x80 written as \hh. */
void ldap_filter_escape(span value, struct buf *to);
/* Whether the template can be used: known % words, balanced parentheses, %s or %u in it (else everybody would match). */
bool ldap_filter_check(const char *templ, struct errtext *err);
/* false when the result would pass the limit of `to`. */
bool ldap_filter_expand(const char *templ, span address, struct buf *to);
bool ldap_profile_is_ad(int profile);       /* enum ldap_profile */
/* The template of a profile. */
const char *ldap_filter_of_profile(int profile);

/* Around any filter: not the disabled mailboxes of people who have left (dir_value.h has the rule). */
void ldap_filter_without_leavers(span filter, struct buf *to);

#endif

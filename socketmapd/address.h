/* address.h - from the key that an MTA sends to the addresses that a source is asked for.
 *
 * Pure.  The order of resolution: fold, alias domain, exact address, then the address without its sub-address
 * (each delimiter as configured: the first split, then the shortest).
 * Units:     bytes.
 * Source:    RFC 5321 4.1.2 (mailbox), RFC 5890 (A-labels), RFC 5233 (sub-address); Postfix recipient_delimiter.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_SOCKETMAPD_ADDRESS_H
#define GATEPOST_SOCKETMAPD_ADDRESS_H

#include "lib/settings/settings.h"

enum { ADDRESS_MAX = 1024, ADDRESS_CANDIDATES_MAX = 8 };

enum address_status {
    ADDRESS_OK,
    ADDRESS_NOT_A_MAILBOX,     /* no "@", "*", empty, too long, not UTF-8: nothing that could be a recipient */
    ADDRESS_NOT_OURS,          /* the domain is in neither `domains` nor the aliases */
    ADDRESS_ALIAS_LOOP,        /* alias domains that name each other */
};

struct address {
    char text[ADDRESS_MAX];            /* folded "local@domain", NUL-terminated */
    span whole, domain;                /* into text */
    char asked_domain[256];            /* the domain as it was asked for ... */
    const char *alias_of;              /* ... when an alias was followed; else NULL */
    size_t n;                          /* candidates, the whole address first */
    span candidate[ADDRESS_CANDIDATES_MAX];
    char stripped[ADDRESS_CANDIDATES_MAX][ADDRESS_MAX];
};

enum address_status address_resolve(const struct settings *set, span key, struct address *out);
/* A copy whose spans point into itself. */
void address_copy(const struct address *from, struct address *to);
const char *address_status_text(enum address_status st);
/* A list's entry "user@domain" or "@domain" in the form that address_resolve makes; false if it is neither. */
bool address_fold_entry(span entry, bool fold_local_part, char buffer[ADDRESS_MAX], span *folded_out);

#endif

/* mailbox.h - mailboxes: local-part and domain, quoting, folding, sub-addresses.
 *
 * Pure.  Lengths are taken leniently: RFC 5321's 64 bytes of local-part are too few for bounce addresses in use.
 * Units:     bytes.
 * Source:    RFC 5321 4.1.2, RFC 6531 3.3, RFC 5233 (sub-addresses).
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_PROTO_MAILBOX_H
#define GATEPOST_PROTO_MAILBOX_H

#include "lib/base/buf.h"

enum { MAILBOX_LOCAL_MAX = 256, MAILBOX_DOMAIN_MAX = 255, MAILBOX_MAX = MAILBOX_LOCAL_MAX + 1 + MAILBOX_DOMAIN_MAX };

struct mailbox {
    span local;         /* as written, with quotes if there were any */
    span domain;        /* as written; p == NULL when there is no '@' */
};

/* Splits at the last '@' outside quotes.  Takes any bytes; says nothing about validity. */
void mailbox_split(span address, struct mailbox *out);
/* The null reverse-path: empty or "<>". */
bool mailbox_is_null(span address);

enum mailbox_status { MAILBOX_OK = 1, MAILBOX_E_LOCAL = -1 /* empty, bad quoting */, MAILBOX_E_DOMAIN = -2 /* empty or absent */,
                      MAILBOX_E_LONG = -3, MAILBOX_E_BYTE = -4 /* control character or bad UTF-8 */ };
enum mailbox_status mailbox_check(const struct mailbox *m);

/* The local-part as it is meant: without quotes and backslashes.  *out_n bytes in out, which has room for local.n.  false: bad quoting. */
bool mailbox_unquote(span local, char *out, size_t *n_out);
bool mailbox_is_dot_string(span plain);                     /* needs no quotes */
/* Appends a local-part (unquoted form), with quotes where RFC 5321 wants them. */
bool mailbox_append_quoted(struct buf *to, span plain);

/* Writes the mailbox in the form for comparing: domain in ASCII lower case without one trailing dot, local-part unquoted and, on request, in
 * ASCII lower case.  A domain in UTF-8 is left alone: see domain_normalise.  false when mailbox_check would say so.  */
bool mailbox_fold(span address, bool fold_local, char out[MAILBOX_MAX], span *out_span);

/* Splits off sub-addresses at any of the delimiters, longest base first: "a+b+c" gives "a+b", then "a".  Start with *cursor = 0.
 * No split: an empty base, postmaster, mailer-daemon, double-bounce; with '-' among the
 * delimiters not owner-X and X-request (as Postfix has it). */
bool mailbox_subaddress(span local, const char *delimiters, size_t *cursor, span *base_out, span *extension_out);
/* The split at the first delimiter, as Postfix' recipient_delimiter does it. */
bool mailbox_subaddress_first(span local, const char *delimiters, span *base_out, span *extension_out);

#endif

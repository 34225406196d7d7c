/* events_match.h - does a record name an address?
 *
 * Pure.  Letters compare without case (ASCII).
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_APP_EVENTS_MATCH_H
#define GATEPOST_APP_EVENTS_MATCH_H

#include "lib/base/buf.h"

bool events_contains(span line, span needle);
/* As events_contains, but not as a part of a longer address or word: "bob@example.com" is not in "jimbob@example.com" nor in
 * "bob@example.com.evil.example", and is in "<bob@example.com>.". */
bool events_names(span line, span needle);
/* Appends the text as it stands between the quotes of a record: with json_out's escapes. */
void events_escape(span text, struct buf *to);

#endif

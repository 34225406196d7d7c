/* seen.h - digests of what was already scanned of one message.
 *
 * SHA-256, because who can make two contents with one digest can hide one of them.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_SEEN_H
#define GATEPOST_CFILTER_SEEN_H

#include "lib/base/span.h"

struct seen;

struct seen *seen_new(size_t max_entries);
void seen_free(struct seen **s);
void seen_reset(struct seen *s);
/* Remembers the bytes and, apart from that, the bytes as text (CRLF as LF, no line ends at the end) if they can be text.  What does not fit
 * any more is not remembered: it is scanned again then. */
void seen_add(struct seen *s, span bytes);
bool seen_has(const struct seen *s, span bytes, bool as_text);

#endif

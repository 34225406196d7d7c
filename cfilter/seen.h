/* seen.h - digests of what was already scanned of one message.
 *
 * SHA-256, because who can make two contents with one digest can hide one of them.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_SEEN_H
#define GATEPOST_CFILTER_SEEN_H

#include "cfilter/digest.h"
#include "lib/base/span.h"

struct seen;

struct seen *seen_new(size_t max_entries);
void seen_free(struct seen **s);
void seen_reset(struct seen *s);
bool seen_digest(const struct seen *s, span bytes, struct digest *out);      /* false: the library has failed; *out is not set */
/* Remembers the bytes, whose digest is at hand, and, with text_too, apart from that the bytes as text (CRLF as LF, no line ends at the end) if
 * they can be text.  What does not fit any more is not remembered: it is scanned again then. */
void seen_add(struct seen *s, span bytes, const struct digest *digest, bool text_too);
/* Both for bytes whose digest is not at hand, reading them once where that will do. */
bool seen_take(struct seen *s, span bytes, bool text_too, struct digest *out);
bool seen_has(const struct seen *s, const struct digest *digest);
bool seen_has_text(const struct seen *s, span bytes);    /* false too for what cannot be text */

#endif

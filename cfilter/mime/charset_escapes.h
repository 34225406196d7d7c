/* charset_escapes.h - charsets that switch between alphabets within 7-bit text, and byte order marks: what shows nothing goes.
 *
 * See decode.h.  Only ASCII matters here: text of other alphabets stays encoded as it is.
 * Source:    RFC 1468, 1554, 1557, 1922 (ISO-2022), RFC 1843 (HZ).
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_MIME_CHARSET_ESCAPES_H
#define GATEPOST_CFILTER_MIME_CHARSET_ESCAPES_H

#include "cfilter/mime/decode.h"

/* Without escape sequences.  Honest text switches away from ASCII and back; only where a sequence stands that switches nothing, and so may hide
 * ASCII from a look at the bytes, something is appended. */
struct decode_result iso2022_strip(span in, struct buf *to);
/* Without "~" and line end, "~~" is "~".  Nothing is appended when no "~" is there. */
struct decode_result hz_strip(span in, struct buf *to);
/* Without the mark of UTF-8 in front. */
struct decode_result utf8_strip(span in, struct buf *to);

#endif

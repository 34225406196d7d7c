/* oneline.h - makes text of unknown origin fit for one line of a protocol.
 *
 * Pure.  What does not fit is replaced or cut, never escaped: the text is for people.
 * Units:     bytes.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_PROTO_ONELINE_H
#define GATEPOST_PROTO_ONELINE_H

#include "lib/base/span.h"

/* Copies `in` into out (room for max bytes, no NUL is added) as printable ASCII; the number of bytes written.
 * CR, LF and TAB become blanks, other bytes outside 0x20..0x7e '?'; blanks at both ends are dropped. */
size_t oneline_ascii(span in, char *out, size_t max);
/* The same, but well-formed UTF-8 (RFC 3629) is kept, except C1 controls and the line and paragraph separators; never cut inside a character. */
size_t oneline_utf8(span in, char *out, size_t max);
/* Length of the UTF-8 character at s.p (1..4), 0 when there is none: overlong forms, surrogates and cut ones are not characters. */
size_t oneline_utf8_char(span s);
bool oneline_is_utf8(span s);

#endif

/* unicode_fold.h - comparing text of other scripts: NFC, and simple case folding by code point, never by locale.
 *
 * Pure.
 * Units:     bytes of UTF-8.
 * Source:    RFC 6531 3.1, RFC 5198 3 (NFC), RFC 6530 10.1; Unicode Standard Annex 15.  By libunistring.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_PROTO_UNICODE_FOLD_H
#define GATEPOST_PROTO_UNICODE_FOLD_H

#include "lib/base/span.h"

bool unicode_is_ascii(span s);
/* NFC of s, in lower case if asked for; false: not UTF-8, or longer than size. */
bool unicode_fold(span s, bool lower, char *out, size_t size, size_t *n_out);

#endif

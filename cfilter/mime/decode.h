/* decode.h - what every decoder of this folder answers.
 *
 * Pure: bytes in, bytes appended to the caller's buffer; no global, log or recursion.
 * Units:     bytes.
 * Ownership: decoders append to `to` and never pass its limit; nothing else is allocated.
 * Errors:    there are none: what can be decoded is.  What was odd is told in `seen`, and a limit that was hit in `full`:
 *            what lies behind it was not decoded, and must not count as clean.
 * Readers of mail differ over what is odd, so a codec has policies, each what some reader does.  Policy 0 always takes the most; `seen` of that
 * pass tells X_policies() which others would give something else, so clean input is decoded exactly once.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_MIME_DECODE_H
#define GATEPOST_CFILTER_MIME_DECODE_H

#include "lib/base/buf.h"

struct decode_result {
    size_t used_bytes;         /* of the input, with the end marker if one was met */
    size_t made_bytes;         /* appended to the buffer */
    unsigned seen;             /* the codec's own flags; 0: clean, every policy agrees */
    bool ended;                /* the codec's own end was met before the input's */
    bool full;                 /* the buffer's limit stopped it */
};

#endif

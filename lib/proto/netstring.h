/* netstring.h - netstring framing, as socketmap_table(5) uses it.
 *
 * Pure: bytes in, spans out; no I/O, no logging.
 * Units:     every length is in bytes.
 * Ownership: a span points into the caller's buffer and lives as long.
 * Source:    https://cr.yp.to/proto/netstrings.txt
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_PROTO_NETSTRING_H
#define GATEPOST_PROTO_NETSTRING_H

#include "lib/base/buf.h"

enum ns_status {
    NS_OK = 1,          /* one whole frame */
    NS_MORE = 0,        /* read more, call again with the longer input */
    NS_E_SYNTAX = -1,   /* not a netstring: close, do not resynchronise */
    NS_E_SIZE = -2,     /* announced length > max; nothing need be buffered */
};

enum { NETSTRING_HEADER_MAX = 24 };   /* digits of a size_t, colon, NUL */

/* Decodes the frame at the head of `in`.  On NS_OK sets *payload_out and *used_out (frame with header and comma);
 * on any other result both keep their old value.  Leading zeros are refused; a bad header is refused at its first bad byte. */
enum ns_status netstring_decode(span in, size_t max, span *payload_out, size_t *used_out);
/* Writes "LENGTH:" (and a NUL) for a payload of n bytes; the length of the text.  The caller writes payload and comma behind it. */
size_t netstring_header(size_t n, char out[NETSTRING_HEADER_MAX]);
/* Appends the whole frame, or nothing and false. */
bool netstring_append(struct buf *to, span payload);

#endif

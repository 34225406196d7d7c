/* socketmap.h - requests and replies inside the netstrings of a socketmap.
 *
 * Pure.  Only replies that Postfix and Sendmail read alike can be written: `OK data`, `NOTFOUND `, `TEMP reason`.
 * (PERM is "unknown" to Sendmail; `OK` without data is "unknown" to Postfix and crashes Sendmail.)
 * Ownership: spans point into the payload.
 * Source:    socketmap_table(5).
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_PROTO_SOCKETMAP_H
#define GATEPOST_PROTO_SOCKETMAP_H

#include "lib/base/buf.h"

enum {
    SOCKETMAP_REASON_MAX = 200,      /* of a TEMP reason, bytes */
    SOCKETMAP_DATA_MAX = 4096,       /* of what we send after OK; Postfix takes 100000 */
    SOCKETMAP_REPLY_MAX = 100000,    /* of a reply payload that a client accepts */
};

struct socketmap_request {
    span map, key;       /* the key may hold any byte and may be empty */
};

/* "MAP SP KEY", cut at the first space.  false: no space, or nothing before it. */
bool socketmap_parse_request(span payload, struct socketmap_request *out);
/* Appends a request as a whole frame; false when the map name is empty or holds a space, or the buffer is full. */
bool socketmap_append_request(struct buf *to, span map, span key);

/* Each appends one whole frame, or nothing and false.  Data must be 1..SOCKETMAP_DATA_MAX bytes of UTF-8 without control
 * characters: a changed answer would be a wrong one, so data that is not is refused, and the caller answers TEMP. */
bool socketmap_append_ok(struct buf *to, span data);
bool socketmap_append_notfound(struct buf *to);
bool socketmap_append_temp(struct buf *to, span reason);   /* cleaned to one line of printable ASCII and cut */

enum socketmap_word { SOCKETMAP_OK, SOCKETMAP_NOTFOUND, SOCKETMAP_TEMP, SOCKETMAP_TIMEOUT, SOCKETMAP_PERM };
struct socketmap_reply {
    enum socketmap_word word;
    span text;           /* data or reason, may be empty */
};
/* The client's side.  false: not a reply (unknown word, lower case, empty, `OK` without data). */
bool socketmap_parse_reply(span payload, struct socketmap_reply *out);
const char *socketmap_word_name(enum socketmap_word w);

#endif

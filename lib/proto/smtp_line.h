/* smtp_line.h - cuts the client's side of an SMTP dialogue into command lines.
 *
 * Pure.  A line ends at CR LF and nowhere else (RFC 5321 2.3.8), so that no byte can end a line here and not at the next server.
 * Ownership: spans point into the caller's buffer.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_PROTO_SMTP_LINE_H
#define GATEPOST_PROTO_SMTP_LINE_H

#include "lib/base/span.h"

enum smtp_line_status {
    SMTP_LINE_OK = 1,
    SMTP_LINE_MORE = 0,     /* consume *used_out (of a too long line the part that was thrown away), read more */
    SMTP_LINE_BAD = -1,     /* a whole line with CR, LF or NUL inside: 500, and go on */
    SMTP_LINE_LONG = -2,    /* the end of a line over the limit, reported once: 500, and go on */
};

enum { SMTP_LINE_MAX = 4096 };   /* a fitting limit; RFC 5321 asks for 512 and more with extensions */

struct smtp_line {
    size_t at;              /* searched so far */
    uint64_t dropped;       /* bytes thrown away of the line under way */
};

static inline void smtp_line_init(struct smtp_line *l)
{
    *l = (struct smtp_line){ 0, 0 };
}

/* The next line at the head of `in`, without its CR LF (`limit` bounds that; the input buffer must hold
 * limit + 2 bytes).  *used_out is always set: the caller consumes so many
 * bytes before the next call, after it is done with *line_out.  *line_out is set on OK and BAD (BAD: for the log only). */
enum smtp_line_status smtp_line_next(struct smtp_line *l, span in, size_t limit, span *line_out, size_t *used_out);

#endif

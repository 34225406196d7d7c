/* decode_base64.h - base64 as the readers of mail take it (RFC 2045 6.8, RFC 4648).
 *
 * See decode.h.  Output is at most three quarters of the input + 3.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_MIME_DECODE_BASE64_H
#define GATEPOST_CFILTER_MIME_DECODE_BASE64_H

#include "cfilter/mime/decode.h"

/* A policy: one of each row, or-ed.  CR, LF, blanks and tabs are no junk, and are skipped always.  A last group of 2 or 3 characters is decoded. */
enum base64_policy {
    BASE64_PAD_ENDS_GROUP = 0,         /* "=" ends a group, what follows is a new run */
    BASE64_PAD_STOPS = 1,              /* the first complete padding ends the data */
    BASE64_PAD_IS_JUNK = 2,            /* "=" says nothing at all: groups run on over it */
    BASE64_PAD_IS_ZERO = 3,            /* "=" is a character of the group, and takes one byte from it */
    BASE64_PAD_MASK = 3,

    BASE64_JUNK_SKIPPED = 0 << 2,
    BASE64_JUNK_STOPS = 1 << 2,        /* at the first character that is junk */
    BASE64_JUNK_ENDS_GROUP = 2 << 2,   /* what there is of a group is decoded, a new one begins */
    BASE64_JUNK_STOPS_LINE = 3 << 2,   /* at the first line that holds junk; nothing of that line counts */
    BASE64_JUNK_DROPS_LINE = 4 << 2,   /* lines that hold junk (or a blank inside) are left out */
    BASE64_JUNK_MASK = 7 << 2,

    BASE64_PAD_EARLY_KEEPS = 1 << 6,   /* with PAD_IS_ZERO: "=" in the first half of a group takes no byte (glib) */

    BASE64_URL = 1 << 5,               /* "-" and "_" are 62 and 63 (RFC 4648 5), as "+" and "/" still are; else they are junk */
};

enum base64_seen {
    BASE64_SAW_JUNK = 1,               /* characters outside alphabet, blanks and "=" */
    BASE64_SAW_PAD_INSIDE = 2,         /* data after padding */
    BASE64_SAW_PAD_ODD = 4,            /* "=" too many, too few, or where none belongs */
    BASE64_SAW_SHORT = 8,              /* the end of the data came within a group */
    BASE64_SAW_URL = 16,               /* "-" or "_" */
    BASE64_SAW_BLANK = 32,             /* a blank or tab between characters of one line */
};

struct decode_result base64_decode(span in, unsigned policy, struct buf *to);
/* The policies beside 0 that may give other output for input of which `seen` was told, the likeliest first; returns how many. */
enum { BASE64_POLICIES_MAX = 16 };
size_t base64_policies(unsigned seen, unsigned policies_out[BASE64_POLICIES_MAX]);

#endif

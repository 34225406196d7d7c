/* param.h - values of Content-Type, Content-Disposition and Content-Transfer-Encoding under every reading that mail readers take.
 *
 * Pure.  One parameter may have several values: each reading that gives a different one is handed out, in the order of the field, the plainest
 * reading of a place first.  Names and values are what readers compare after lower-casing: the case is left alone here.
 * Units:     bytes.
 * Ownership: the list and its texts live in the caller's arena, or point into the field.
 * Bounds:    16 kB of the body are read; at worst 200 times as much is taken from the arena, so reset it between fields of a foreign message.
 * Errors:    a limit that was hit is told in `full`: what lies behind it was not read.
 * Source:    RFC 2045 5.1, RFC 2183, RFC 2231, RFC 2047.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_MIME_PARAM_H
#define GATEPOST_CFILTER_MIME_PARAM_H

#include "lib/base/arena.h"

enum param_how {               /* how a value was read; 0: a token as RFC 2045 has it */
    PARAM_QUOTED = 1,          /* a quoted-string */
    PARAM_UNCLOSED = 2,        /* its quote or comment never ends */
    PARAM_ESCAPED = 4,         /* backslashes were taken out */
    PARAM_COMMENT = 8,         /* a comment was left out, or (with PARAM_LITERAL) not */
    PARAM_WORD = 16,           /* an encoded-word was decoded */
    PARAM_EXTENDED = 32,       /* RFC 2231: charset and percent signs were taken out */
    PARAM_JOINED = 64,         /* RFC 2231: of several pieces */
    PARAM_LITERAL = 128,       /* the bytes as they stand, signs of syntax and all */
    PARAM_BARE = 256,          /* no "=" */
    PARAM_CUT = 512,           /* ends at the first blank or NUL, or where junk begins */
    PARAM_ODD_SEPARATOR = 1024, /* found behind a "," or a blank, where a ";" belongs */
};

struct param {
    span name;                 /* "" for the value before the first ";" */
    span value;
    unsigned how;
};

struct param_list {
    struct param *v;
    size_t n, cap;
    size_t others;             /* of v: names that mean nothing */
    bool full;
};

/* The most values that one field gives; of names that mean nothing to a reader of mail fewer are kept, and that is no limit hit. */
enum { PARAM_LIST_MAX = 256, PARAM_OTHERS_MAX = 128 };

/* Reads a field body (folded or not; CR, LF and NUL count as blanks or stay, as readers do).  Appends to *out, which begins as { 0 }. */
void param_parse(span body, struct arena *a, struct param_list *out);
/* The next value of that name (case is ignored) at or after *i, which moves behind it. */
bool param_next(const struct param_list *l, span name, size_t *i, struct param *out);

#endif

/* decode_qp.h - quoted-printable as the readers of mail take it (RFC 2045 6.7).
 *
 * See decode.h.  Output is never longer than the input.  Line ends that are not soft stay as they are; 8-bit bytes and NUL too.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_MIME_DECODE_QP_H
#define GATEPOST_CFILTER_MIME_DECODE_QP_H

#include "cfilter/mime/decode.h"

/* A policy: one of the first rows, or-ed with any of the rest. */
enum qp_policy {
    QP_BAD_KEPT = 0,           /* "=" of no escape is a plain character; what follows is read afresh */
    QP_BAD_COPIED = 1,         /* "=" and the two bytes after it are copied, whatever they are */
    QP_BAD_SIGN_DROPPED = 2,   /* "=" goes, what follows is read afresh */
    QP_BAD_DROPPED = 3,        /* "=" and the two bytes after it go */
    QP_BAD_MASK = 3,

    QP_SOFT_FIRST = 4,         /* soft line breaks are taken out before escapes are read, so escapes may be split by them */
    QP_SPLIT = 8,              /* plain line ends between the two digits of an escape go */
    QP_BLANKS_STRIPPED = 16,   /* blanks at the end of a line go (RFC 2045 6.7 (3)) */
    QP_BLANKS_NOT_SOFT = 32,   /* "=" with blanks before the line end is no soft break */
    QP_CR_TO_LF = 64,          /* "=" CR swallows all up to the next LF; else it is a soft break of its own */
    QP_CR_KEPT = 128,          /* "=" CR without LF is no soft break */
    QP_UPPER_ONLY = 256,       /* lower-case digits are none */
    QP_DOUBLE = 512,           /* "==" is one "=" */
    QP_LF_CR = 1024,           /* "=" LF CR is one soft break */
};

enum qp_seen {
    QP_SAW_BAD = 1,            /* "=" before anything that is neither escape nor line end */
    QP_SAW_SPLIT = 2,          /* an escape with line breaks in it */
    QP_SAW_BLANKS = 4,         /* blanks at the end of a line */
    QP_SAW_SOFT_BLANKS = 8,    /* "=" blanks line end */
    QP_SAW_CR = 16,            /* "=" CR without LF */
    QP_SAW_LOWER = 32,         /* lower-case digits */
    QP_SAW_DOUBLE = 64,        /* "==" */
    QP_SAW_LF_CR = 128,        /* "=" LF CR */
};

struct decode_result qp_decode(span in, unsigned policy, struct buf *to);
/* As base64_policies. */
enum { QP_POLICIES_MAX = 16 };
size_t qp_policies(unsigned seen, unsigned policies_out[QP_POLICIES_MAX]);

#endif

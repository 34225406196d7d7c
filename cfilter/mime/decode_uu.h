/* decode_uu.h - uuencoded files (POSIX uuencode, both encodings) in a body.
 *
 * See decode.h.  Output is at most three quarters of the input, or 45 + 18 bytes for every line.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_MIME_DECODE_UU_H
#define GATEPOST_CFILTER_MIME_DECODE_UU_H

#include "cfilter/mime/decode.h"

enum uu_policy {
    UU_SKIP = 0,               /* lines that cannot be uuencoded are left out */
    UU_STOP = 1,               /* the first of them ends the file */
    UU_TRUST = 2,              /* every line is decoded as its first character says */
};

enum uu_seen {
    UU_SAW_JUNK = 1,           /* lines that do not fit */
    UU_SAW_NO_END = 2,         /* no "end" */
    UU_SAW_ODD_BEGIN = 4,      /* a begin line in capitals, or without a blank or a mode: counts when the next line fits */
};

struct uu_file {
    span name;                 /* in the input; may be empty, or hold anything but a line end */
    size_t at;                 /* offset of the begin line */
    bool base64;               /* begin-base64 */
    struct decode_result r;    /* used_bytes counts from `at` */
};

/* Decodes the next file that begins at or after *at, which moves behind it; false when there is none.  A line "begin ..." counts only when what
 * follows decodes to something. */
bool uu_next(span in, size_t *at, unsigned policy, struct uu_file *out, struct buf *to);
/* A body that was declared to be uuencoded and has no begin line. */
struct decode_result uu_decode_bare(span in, unsigned policy, struct buf *to);
/* As base64_policies. */
enum { UU_POLICIES_MAX = 4 };
size_t uu_policies(unsigned seen, unsigned policies_out[UU_POLICIES_MAX]);

#endif

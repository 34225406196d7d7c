/* decode_binhex.h - BinHex 4.0 files (RFC 1741 appendix A) in a body.
 *
 * See decode.h.  Repetition makes output up to 64 times the input: the buffer's limit counts.  Checksums are not enforced, lengths only
 * tell where the forks lie.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_MIME_DECODE_BINHEX_H
#define GATEPOST_CFILTER_MIME_DECODE_BINHEX_H

#include "cfilter/mime/decode.h"

struct binhex_file {
    char name[64];             /* NUL-terminated, any other byte; "" when the header is cut */
    size_t at;                 /* offset of the first ":" */
    size_t data_bytes;         /* the data fork, first in the buffer ... */
    size_t resource_bytes;     /* ... and the resource fork behind it; both as far as they are there */
    struct decode_result r;    /* used_bytes counts from `at`; ended: the last ":" was met */
};

/* Decodes the next file at or after *at, which moves behind it; false when there is none.  It begins at a ":" that starts a line, behind the line
 * "(This file must be converted with BinHex"; with `bare` (a body declared as BinHex) at the first ":" that starts a line. */
bool binhex_next(span in, size_t *at, bool bare, struct binhex_file *out, struct buf *to);

#endif

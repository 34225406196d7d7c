/* decode_yenc.h - yEnc files (yEnc draft 1.3) in a body.
 *
 * See decode.h.  Output is never longer than the input.  Checksums and sizes are not enforced.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_MIME_DECODE_YENC_H
#define GATEPOST_CFILTER_MIME_DECODE_YENC_H

#include "cfilter/mime/decode.h"

struct yenc_part {
    span name;                 /* in the input */
    size_t at;                 /* offset of the =ybegin line */
    uint64_t part, begin;      /* part= of =ybegin and begin= of =ypart; 0 when not given */
    struct decode_result r;    /* used_bytes counts from `at`; ended: =yend was met */
};

/* Decodes the next part that begins at or after *at, which moves behind it; false when there is none.  A caller who leaves the buffer alone between
 * the parts of a file has them joined. */
bool yenc_next(span in, size_t *at, struct yenc_part *out, struct buf *to);

#endif

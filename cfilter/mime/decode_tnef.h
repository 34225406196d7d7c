/* decode_tnef.h - what lies in a TNEF stream (winmail.dat, application/ms-tnef).
 *
 * See decode.h.  Lenient over checksums and cut streams, every length is checked.  Nested streams are the caller's loop.
 * Source:    MS-OXTNEF, MS-OXRTFCP, MS-OXPROPS.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_MIME_DECODE_TNEF_H
#define GATEPOST_CFILTER_MIME_DECODE_TNEF_H

#include "cfilter/mime/decode.h"

enum tnef_kind {
    TNEF_FILE,                 /* an attachment's bytes */
    TNEF_MESSAGE,              /* an embedded message: a TNEF stream of its own */
    TNEF_OBJECT,               /* an OLE object */
    TNEF_TEXT, TNEF_HTML,      /* bodies */
    TNEF_RTF,                  /* a body, decompressed into the buffer */
};

struct tnef_item {
    enum tnef_kind kind;
    span bytes;                /* in the input, or in the buffer (TNEF_RTF, UTF-16 text): valid until the buffer changes */
    char name[256];            /* of the attachment, UTF-8; "" when none was found before its bytes */
    bool cut;                  /* the stream or the buffer's limit ends before the item does */
};

struct tnef_reader {           /* the reader's own; start with tnef_start */
    span in;
    size_t at;
    span props;                /* MAPI properties that are being walked */
    size_t props_left;
    bool in_attachment;
    span values;               /* of a property that has several */
    size_t values_left;
    unsigned values_tag;
    char name[256];
    unsigned name_rank;
    bool full;                 /* the buffer's limit hid something */
};

bool tnef_is(span in);         /* begins with the signature */
/* The signature may lie behind junk; false when there is none. */
bool tnef_start(struct tnef_reader *r, span in);
/* The next item; false at the end.  `to` only gets what has to be converted. */
bool tnef_next(struct tnef_reader *r, struct tnef_item *out, struct buf *to);
/* The RTF of PR_RTF_COMPRESSED (MS-OXRTFCP); seen is 1 when the stream is cut or wrong. */
struct decode_result rtf_decompress(span in, struct buf *to);

#endif

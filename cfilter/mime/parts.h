/* parts.h - the leaves of a message as one MIME parser reads it, decoded.
 *
 * Pure: bytes in, spans out.  Nothing is recursive here and every size has a limit, because both are the sender's choice.
 * Units:     bytes.
 * Ownership: spans point into the message or into memory of the mime_parts; both must outlive their use.
 * Errors:    a limit that was hit is told in `limit`: what lies behind it was not read, and must not count as clean.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_MIME_PARTS_H
#define GATEPOST_CFILTER_MIME_PARTS_H

#include "lib/base/span.h"

struct mime_part {
    span bytes;                /* content after its transfer encoding */
    bool encoded;              /* a transfer encoding was taken off */
    bool text;                 /* media type text/anything, or none given */
    bool partial;              /* message/partial: one piece of a message */
    unsigned depth;
    char type[64];             /* "application/zip", lower case, printable */
};

struct mime_limits {
    size_t max_parts, max_depth;
    size_t max_decoded_bytes;  /* of all decoded parts together */
};

struct mime_parts {
    struct mime_part *v;
    size_t n, cap;
    size_t decoded_bytes;
    const char *limit;         /* "parts", "depth", "bytes"; NULL: all was read */
    void *owned;               /* the parser's */
    void (*release)(struct mime_parts *p);
};

/* GMime 3's reading.  gmime_start once a process, before. */
void gmime_start(void);
struct mime_parts *gmime_parts(span message, const struct mime_limits *limits);
void mime_parts_free(struct mime_parts **p);

#endif

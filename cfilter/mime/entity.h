/* entity.h - what the MIME fields of an entity say, every reading of every one of them together.
 *
 * Pure.  Contradicting fields and values are all taken: a set of encodings, a set of charsets, a list of boundaries.
 * Ownership: spans point into the message or the caller's arena.
 * Source:    RFC 2045, RFC 2046, RFC 2183.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_MIME_ENTITY_H
#define GATEPOST_CFILTER_MIME_ENTITY_H

#include "cfilter/mime/fields.h"

enum entity_type {             /* bits */
    TYPE_MULTIPART = 1, TYPE_MESSAGE = 2, TYPE_TEXT = 4, TYPE_OTHER = 8, TYPE_PARTIAL = 16, TYPE_TNEF = 32, TYPE_CMS = 64, TYPE_BINHEX = 128,
};

enum entity_encoding {         /* bits */
    ENCODED_NOT = 1, ENCODED_BASE64 = 2, ENCODED_QP = 4, ENCODED_UU = 8, ENCODED_YENC = 16, ENCODED_BINHEX = 32, ENCODED_UNKNOWN = 64,
};

enum { BOUNDARIES_MAX = 16 };

struct entity {
    struct header header;
    unsigned types;            /* 0: no Content-Type */
    unsigned plain_types;      /* of the fields that every reader takes for fields */
    unsigned encodings;        /* 0: no Content-Transfer-Encoding */
    unsigned charsets;         /* CHARSET_BIT (charset.h) */
    span boundary[BOUNDARIES_MAX];
    size_t n_boundaries;
    bool attached;             /* has a file name or is declared an attachment */
    bool inline_text;          /* text/plain or text/html, or no type at all, and not attached */
    bool full;                 /* a limit hid something */
};

/* Reads the header at the head of `in` and all that it says. */
void entity_read(span in, enum line_ends how, struct arena *a, struct entity *out);

#endif

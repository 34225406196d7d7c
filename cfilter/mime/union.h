/* union.h - our own reader of MIME: every reading that some mail reader takes, each distinct output handed out once.
 *
 * Pure.  Nothing is recursive: what is to be read again waits in a list.  Declared readings come before speculative ones.
 * Units:     bytes.
 * Ownership: an output's bytes are valid during the call of the sink alone.
 * Errors:    a limit that was hit is told in `limit`: what lies behind it was not read, and must not count as clean.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_MIME_UNION_H
#define GATEPOST_CFILTER_MIME_UNION_H

#include "lib/base/rand.h"

struct union_limits {
    size_t max_parts;          /* bodies that are looked at */
    size_t max_depth;          /* decodings within decodings */
    size_t max_decoded_bytes;  /* made by decoders, and read again and again, all together */
    struct hash_key key;       /* for the digests that tell outputs apart */
};

struct union_output {
    span bytes;
    bool declared;             /* the header fields say so */
    bool exact;                /* may be a file as somebody sent it: else only patterns within it can tell */
    bool text;                 /* no NUL: line ends may be read either way */
    const char *how;           /* the last step: "base64", "quoted-printable", "as it stands", ... */
};

/* false: enough (a virus is found), stop reading. */
typedef bool union_sink(const struct union_output *o, void *arg);

enum union_shape {             /* bits: what real mail does not do and what only serves to hide things */
    SHAPE_PARTIAL = 1, SHAPE_ENCODING_TWICE = 2, SHAPE_BOUNDARY_TWICE = 4, SHAPE_NUL_IN_FIELD = 8, SHAPE_CR_IN_FIELD = 16,
    SHAPE_LONE_CR = 32,
};
const char *union_shape_name(unsigned bit);

enum union_disagreement {      /* bits: where readers part ways */
    DISAGREE_HEADER_END = 1,   /* MIME fields behind what may be the end of the header */
    DISAGREE_TYPE = 2,         /* Content-Types of different kinds */
    DISAGREE_ENCODING = 4,     /* encodings that differ, or one that says nothing on what is encoded all the same */
    DISAGREE_BOUNDARY = 8,     /* delimiters that only some readers take */
    DISAGREE_OUTSIDE = 16,     /* parts before the first or behind the last delimiter */
    DISAGREE_DECODER = 32,     /* decoders make different bytes of it */
    DISAGREE_LINE_ENDS = 64,   /* other parts under other line ends */
};
/* What mailing lists, homemade senders and broken gateways do every day: worth a note, no points. */
#define DISAGREE_USUAL (DISAGREE_HEADER_END | DISAGREE_ENCODING | DISAGREE_DECODER | DISAGREE_LINE_ENDS)
const char *union_disagreement_name(unsigned bit);

struct union_report {
    size_t outputs, output_bytes, decoded_bytes, parts, pages;
    const char *limit;         /* "parts", "depth", "bytes", "fields"; NULL: all was read */
    size_t work_bytes;         /* read again and again: grows with the message, not with its square */
    unsigned shapes, disagreements;
    bool encrypted;            /* S/MIME or OpenPGP that cannot be looked into */
};

void union_read(span message, const struct union_limits *limits, union_sink *sink, void *arg, struct union_report *out);
/* A file that was taken out of something, an archive say: read if it looks like mail, or holds what is encoded as in mail; of its shapes nothing is
 * said.  The file itself is no output. */
void union_read_file(span file, const struct union_limits *limits, union_sink *sink, void *arg, struct union_report *out);

#endif

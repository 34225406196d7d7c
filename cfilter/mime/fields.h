/* fields.h - the header of an entity under every reading: which MIME fields it has, and where its body may begin.
 *
 * Pure.  A header may end at an empty line, at a line of blanks, at a line that is no field, or at the end of the data, and may go on behind
 * an empty line; fields may begin with blanks, hold blanks or NUL before the colon, and be there twice.  All of that is handed out.
 * Units:     offsets and lengths in bytes.
 * Ownership: fields point into the bytes that were read; the list lives in the caller's arena.
 * Errors:    what is beyond a limit is told in `full`.
 * Source:    RFC 5322 2.2 and 4.5, RFC 2045 3.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_MIME_FIELDS_H
#define GATEPOST_CFILTER_MIME_FIELDS_H

#include "cfilter/mime/lines.h"
#include "lib/base/arena.h"

enum field_kind { FIELD_TYPE, FIELD_ENCODING, FIELD_DISPOSITION, FIELD_VERSION, FIELD_OTHER };

enum field_odd {
    FIELD_INDENTED = 1,        /* began with blanks: for most readers a continuation */
    FIELD_AFTER_END = 2,       /* behind an empty line, a line of blanks or a line that is no field */
    FIELD_COLON_BLANK = 4,     /* blanks before the colon */
    FIELD_NUL = 8,             /* a NUL in the name or the body */
    FIELD_ODD_NAME = 32,       /* junk before, behind or in place of the colon: most readers take it for no field */
    FIELD_AFTER_CR = 16,       /* its line begins after a lone CR */
    FIELD_NOT_PLAIN = FIELD_INDENTED | FIELD_AFTER_END | FIELD_ODD_NAME,
};

struct field {                 /* MIME fields only: Content-anything and MIME-Version */
    enum field_kind kind;
    unsigned odd;
    span name, body;           /* the body with its folding */
};

enum { BODIES_MAX = 6, FIELDS_MAX = 64 };

struct header {
    struct field *v;
    size_t n;
    size_t body[BODIES_MAX];   /* offsets where the body may begin; [0] as RFC 5322 has it */
    size_t n_bodies;
    size_t n_lines;            /* all lines of it that are fields of any name */
    bool ended;                /* body[0] is behind an empty line */
    bool full;
};

/* Reads the header at the head of `in`, whose offsets are those of *out. */
void header_read(span in, enum line_ends how, struct arena *a, struct header *out);
/* A field of any name begins here: letters, digits or "-", a colon. */
bool field_at(span line);
/* The line begins with the name of a MIME field and a colon; blanks and NULs in the usual odd places do not matter. */
bool field_is_mime(span line);

#endif

/* header.h - the header section of a message (RFC 5322): finds and walks its fields.
 *
 * Pure.  Lines end at CR LF.  Lenient: blanks before the colon belong to nobody, the field counts.  Stray CR, LF and NUL count as blanks: the
 * fields are those of the message as smtp_dot_encode sends it on, at the same offsets.
 * Ownership: spans point into the message.
 * Bounds:    the caller's; give span_head(message, some limit) to look at no more.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_PROTO_HEADER_H
#define GATEPOST_PROTO_HEADER_H

#include "lib/base/buf.h"

struct header_field {
    size_t at;          /* offset in the message */
    span whole;         /* all its lines, with the last CR LF */
    span name;          /* empty (n == 0) for lines that are no field: "From ", a folded line with nothing above it, no colon */
    span body;          /* after the colon to before the last CR LF, folded as it is */
    bool complete;      /* false: the input ends before the field certainly does */
};

/* The field at *at (start with 0), which moves behind it.  false at the end of the section: *at then is the offset of the empty line, or
 * message.n when there is none. */
bool header_next(span message, size_t *at, struct header_field *out);
/* The next field of that name at or after *at; as header_next otherwise. */
bool header_find(span message, span name, size_t *at, struct header_field *out);
bool header_is(const struct header_field *f, span name);        /* case is ignored; the null name is never equal */
/* Offset of the body (behind the empty line); message.n when there is no empty line. */
size_t header_section_end(span message);
/* Appends a field body in one line: CR LF before a blank go (RFC 5322 2.2.3), blanks at both ends too; any other CR and LF, and NUL,
 * becomes a blank. */
bool header_unfold(span body, struct buf *to);
/* A field name: 1..n bytes of 33..126 without colon. */
bool header_name_is_valid(span name);

#endif

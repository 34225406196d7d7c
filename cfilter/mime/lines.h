/* lines.h - where a line ends: readers of mail differ over CR and LF that stand alone.
 *
 * Pure.  Nothing is stored: a line is found when it is asked for.
 * Units:     offsets and lengths in bytes.
 * Source:    RFC 5322 2.3 allows CR LF alone; everything else here is what readers do all the same.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_MIME_LINES_H
#define GATEPOST_CFILTER_MIME_LINES_H

#include "lib/base/span.h"

enum line_ends {
    LINES_ANY,                 /* CR LF, LF, CR; CRs before an LF belong to it */
    LINES_EACH,                /* the same, but every CR before the one that goes with an LF ends a line */
    LINES_LF,                  /* LF; CRs before it belong to it, others are content */
    LINES_CRLF,                /* CR LF alone */
    LINE_ENDS
};

struct line {
    size_t at, end, next;      /* first byte, end without the line end, first byte of the next line */
};

struct stray {                 /* what is no CR LF */
    size_t cr, lf, nul;
    bool crcrlf;               /* a CR before a CR LF */
    bool crlf;                 /* there is a CR LF at all */
};

/* The line that begins at `at` (< in.n). */
struct line line_at(span in, size_t at, enum line_ends how);
struct stray stray_count(span in);
/* The readings that differ for such bytes, the likeliest first; at least one. */
size_t line_readings(const struct stray *s, enum line_ends out[LINE_ENDS]);
/* Without one line end at the end of it; without all of them. */
span line_end_off(span s);
span line_ends_off(span s);
/* Nothing in it but blanks, tabs, NULs and line ends. */
bool line_blank(span s);

#endif

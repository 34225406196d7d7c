/* marks.h - the lines of a text that may be delimiters of a multipart, found once and looked up by boundary.
 *
 * Pure.  A mark is a line with "--" at its start or, as some readers take it, behind a little junk.
 * Units:     offsets in bytes.
 * Ownership: the lists are the marks' own: marks_free.
 * Errors:    more marks than allowed: `full`.
 * Source:    RFC 2046 5.1.1.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_MIME_MARKS_H
#define GATEPOST_CFILTER_MIME_MARKS_H

#include "cfilter/mime/lines.h"

struct mark {
    uint32_t at, text, end, next;      /* the line, what stands behind "--" (blanks at its end left out), the next line */
    bool junk;                         /* something stands before "--" */
};

struct marks {
    span in;
    enum line_ends how;
    struct mark *v;
    uint32_t *by_text;
    size_t n, cap;
    bool full;
};

enum { MARKS_MAX = 400000 };           /* in.n is below 4 GB */

void marks_find(span in, enum line_ends how, struct marks *out);
void marks_free(struct marks *m);

enum mark_match {
    MARK_EXACT,                        /* "--b" or "--b--" and nothing more */
    MARK_LENIENT,                      /* "--b" and anything, whatever stands before */
};

struct mark_list {
    uint32_t *v;                       /* numbers of marks, in their order */
    size_t n, cap;
};

/* The marks of one boundary whose lines lie in [from, to).  Returns the work done, in marks looked at. */
size_t marks_of(const struct marks *m, span boundary, enum mark_match how, size_t from, size_t to, struct mark_list *out);
/* "--b--" for that boundary. */
bool mark_closes(const struct marks *m, uint32_t number, span boundary);
/* MIME fields follow, perhaps behind a blank line: a part begins here, whatever the boundary. */
bool mark_opens(const struct marks *m, uint32_t number);
span mark_text(const struct marks *m, uint32_t number);

#endif

/* edit.h - what is cut out of a message and put into it, as a list beside the untouched bytes.
 *
 * Pure.  The message itself is never copied or changed; edits_next walks it piece by piece.
 * The message may hold stray CR, LF and NUL, which deliver.c washes: the edits are those that the washed message would get.
 * Units:     bytes.
 * Ownership: the list and the bytes it puts live in the caller's arena.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_EDIT_H
#define GATEPOST_CFILTER_EDIT_H

#include "lib/base/arena.h"
#include "lib/base/span.h"

struct edit {
    size_t at;          /* offset in the original */
    size_t cut;         /* bytes of the original that go */
    span put;           /* bytes that come in their place */
};

struct edits {
    struct edit *v;     /* by rising offset, not overlapping */
    size_t n;
};

struct edit_wish {
    bool strip_spam_fields;      /* X-Spam-Score, X-Spam-Report, X-Spam-Flag that came with the message */
    const char *score;           /* X-Spam-Score: this; NULL: none */
    const char *report;          /* X-Spam-Report: this, folded where it is long; NULL: none */
    const char *subject_tag;     /* put before the subject's text; NULL or "": none */
};

/* X-Gatepost fields always go, whoever wrote them. */
struct edits edits_make(span message, const struct edit_wish *wish, struct arena *a);

/* The next piece of the edited message; false at its end.  Start with a zeroed cursor. */
struct edit_cursor {
    size_t next_edit, at;
};
bool edits_next(const struct edits *e, span message, struct edit_cursor *c, span *piece_out);
size_t edits_size(const struct edits *e, span message);       /* of the edited message */

#endif

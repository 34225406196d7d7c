/* deliver.h - turns message and edits into the bytes that go to the next hop.
 *
 * Pure.  Whatever the edits or the spool hold, what comes out has CR LF line ends, stuffed dots, a blank for each stray CR, LF and
 * NUL, and one end.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_DELIVER_H
#define GATEPOST_CFILTER_DELIVER_H

#include "cfilter/edit.h"
#include "lib/base/buf.h"
#include "lib/proto/smtp_dot.h"

enum { DELIVER_STEP = 64 * 1024,      /* most message bytes one step encodes */
       DELIVER_RAW = 256 * 1024 };    /* most that deliver_raw gives at once */

struct deliver {
    span message;
    struct edits edits;
    struct edit_cursor cursor;
    span piece;                      /* not yet encoded rest of the current one */
    struct smtp_dot_encoder encoder;
    bool plain;
    int fd;                          /* a file that holds the message, for the sender; -1: none */
};

/* plain: no line of the message begins with a dot and no byte in it is stray (as the decoder has counted): it may go on without encoding. */
void deliver_begin(struct deliver *d, span message, const struct edits *edits, bool plain, int fd);
/* Instead of a step, where it can be done: whole lines of the message that go out as they stand there, *at_out being their offset.  false:
 * what comes next is to be encoded, or too short to be worth it, or there is nothing left; deliver_step tells. */
bool deliver_raw(struct deliver *d, span *lines_out, size_t *at_out);
/* Appends the next encoded bytes; false when the message is out and only the end is missing.  `to` must have
 * smtp_dot_encode_room(DELIVER_STEP) of room. */
bool deliver_step(struct deliver *d, struct buf *to);
/* The end of data: from here on the next hop may take the message. */
void deliver_end(struct deliver *d, struct buf *to);

#endif

/* deliver.c - turns message and edits into the bytes that go to the next hop.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/deliver.h"

#include <assert.h>

void deliver_begin(struct deliver *d, span message, const struct edits *edits)
{
    memset(d, 0, sizeof(*d));
    d->message = message;
    d->edits = *edits;
    smtp_dot_encode_init(&d->encoder);
}

bool deliver_step(struct deliver *d, struct buf *to)
{
    size_t budget = DELIVER_STEP;

    while (budget > 0) {
        span now;
        bool fits;

        if (d->piece.n == 0 && !edits_next(&d->edits, d->message, &d->cursor, &d->piece))
            return false;
        now = span_head(d->piece, budget);
        fits = smtp_dot_encode(&d->encoder, now, to);
        assert(fits);
        (void)fits;
        budget -= now.n;
        d->piece = span_from(d->piece, now.n);
    }
    return true;
}

void deliver_end(struct deliver *d, struct buf *to)
{
    bool fits = smtp_dot_encode_end(&d->encoder, to);

    assert(fits);
    (void)fits;
}

/* deliver.c - turns message and edits into the bytes that go to the next hop.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/deliver.h"

#include <assert.h>

enum { RAW_LEAST = DELIVER_STEP };   /* a copy of less costs less than a call of the kernel of its own */

void deliver_begin(struct deliver *d, span message, const struct edits *edits, bool plain, int fd)
{
    memset(d, 0, sizeof(*d));
    d->message = message;
    d->edits = *edits;
    d->plain = plain;
    d->fd = fd;
    smtp_dot_encode_init(&d->encoder);
}

/* The next piece, unless some of it is left; false at the end. */
static bool have_piece(struct deliver *d)
{
    return d->piece.n > 0 || edits_next(&d->edits, d->message, &d->cursor, &d->piece);
}

static bool in_message(const struct deliver *d)
{
    return d->piece.p >= d->message.p && d->piece.p < d->message.p + d->message.n;
}

/* Enough of the message to go out raw follows, if only a line began here. */
static bool raw_follows(struct deliver *d)
{
    return d->plain && have_piece(d) && in_message(d) && d->piece.n >= RAW_LEAST;
}

bool deliver_raw(struct deliver *d, span *lines_out, size_t *at_out)
{
    const char *last;
    size_t n;

    if (!raw_follows(d) || !smtp_dot_encode_at_start(&d->encoder) || d->piece.p[0] == '.')
        return false;
    n = d->piece.n < DELIVER_RAW ? d->piece.n : DELIVER_RAW;
    last = memrchr(d->piece.p, '\n', n);                      /* behind it a line begins, for the encoder, too */
    if (last == NULL || last == d->piece.p || last[-1] != '\r')
        return false;
    *lines_out = span_head(d->piece, (size_t)(last + 1 - d->piece.p));
    *at_out = (size_t)(d->piece.p - d->message.p);
    d->piece = span_from(d->piece, lines_out->n);
    return true;
}

/* What the encoder takes next: of a piece that is to go out raw, the rest of the line that it begins in. */
static span next_bytes(struct deliver *d, size_t budget)
{
    span now = span_head(d->piece, budget);
    size_t line = raw_follows(d) && !smtp_dot_encode_at_start(&d->encoder) ? span_find(now, '\n') : now.n;

    return line < now.n ? span_head(now, line + 1) : now;
}

bool deliver_step(struct deliver *d, struct buf *to)
{
    size_t budget = DELIVER_STEP;

    while (budget > 0) {
        span now;
        bool fits;

        if (!have_piece(d))
            return false;
        if (budget < DELIVER_STEP && raw_follows(d) && smtp_dot_encode_at_start(&d->encoder))
            return true;
        now = next_bytes(d, budget);
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

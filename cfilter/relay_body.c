/* relay_body.c - the message on its way to the next hop, up to its end.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdio.h>

#include "cfilter/relay_private.h"

enum { OUT_HIGH = 256 * 1024 };     /* more waits for the next hop to read */

/* In the body, a refusal ahead of time is the answer to the message; anything friendlier is nonsense. */
void relay_body_reply(struct relay *r, const struct smtp_reply *reply)
{
    if (reply->code < 400) {
        relay_lose_with(r, "reply out of turn", reply);
        return;
    }
    r->phase = PH_LOST;
    snprintf(r->why, sizeof(r->why), "refused in the body");
    relay_answer(r, reply, "");
    if (r->stream != NULL)
        relay_cut(r, PH_BODY);
}

static void commit(struct relay *r)
{
    struct buf out;

    /* The last look before the message can be delivered. */
    if (!r->may_commit(r->arg)) {
        relay_lose(r, "given up before the end of data");
        return;
    }
    buf_init(&out, 64);
    deliver_end(r->deliver, &out);
    r->phase = PH_END;
    r->committed = true;
    stream_write(r->stream, buf_span(&out));
    buf_free(&out);
}

static bool reply_begun(const struct relay *r)
{
    return smtp_reply_begun(&r->parser, span_from(stream_in(r->stream), r->telling));
}

/* Large pieces of a message that needs no encoding go to the kernel from where they lie, one at a time; the next when this one is out. */
static bool send_raw(struct relay *r)
{
    span lines;
    size_t at;

    if (!deliver_raw(r->deliver, &lines, &at))
        return false;
    if (r->deliver->fd >= 0)
        stream_send_file(r->stream, r->deliver->fd, (off_t)at, lines.n);
    else
        stream_send_lent(r->stream, lines);
    return true;
}

void relay_body_pump(struct relay *r)
{
    struct buf out;
    bool more = true;

    buf_init(&out, smtp_dot_encode_room(DELIVER_STEP) + 64);
    while (more && r->stream != NULL && stream_out_pending(r->stream) < OUT_HIGH && !send_raw(r)) {
        more = deliver_step(r->deliver, &out);
        stream_write(r->stream, buf_span(&out));
        buf_reset(&out);
    }
    buf_free(&out);
    /* A small message goes out with its end in one write; a large one first waits for the rest to be taken, so that the look
     * at the front in commit() is as late as it can be.  Who has begun to answer ahead of time gets no end: what comes is a refusal,
     * or nonsense, and read as the answer to the end it could be a second copy. */
    if (!more && r->stream != NULL && stream_out_pending(r->stream) <= DELIVER_STEP && !reply_begun(r))
        commit(r);
}

static void on_next_step(void *arg)
{
    struct relay *r = arg;

    if (r->stream != NULL && r->phase == PH_BODY)
        relay_body_pump(r);
}

/* In the next turn, not in this one: a next hop that reads as fast as we write would keep the turn going, and nobody else, nor its own
 * refusal, would be heard before the whole message is out. */
void relay_body_drained(struct stream *s, void *arg)
{
    struct relay *r = arg;

    if (r->stream == s && r->phase == PH_BODY)
        loop_timer_start(r->loop, &r->next_step, 0, on_next_step, r);
}

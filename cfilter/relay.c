/* relay.c - the client side: one message's dialogue with the re-injection server.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <assert.h>
#include <stdio.h>
#include <sys/socket.h>

#include "cfilter/relay_private.h"

void relay_answer(struct relay *r, const struct smtp_reply *reply, const char *why)
{
    relay_fn *fn = r->fn;

    r->fn = NULL;
    if (fn != NULL)
        fn(reply, why, r->arg);
}

static void tell_loss(void *arg)
{
    struct relay *r = arg;

    relay_answer(r, NULL, r->why);
}

void relay_cut(struct relay *r, enum relay_phase phase)
{
    const struct linger reset = { .l_onoff = 1 };

    if (phase == PH_BODY)
        setsockopt(stream_fd(r->stream), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    stream_close(&r->stream);
}

void relay_lose(struct relay *r, const char *what)
{
    if (r->phase == PH_LOST)
        return;
    if (r->phase == PH_KEPT) {
        relay_end_kept(r, false);
        return;
    }
    if (r->reused) {
        relay_start_again(r);
        return;
    }
    snprintf(r->why, sizeof(r->why), "%s", what);
    if (r->stream != NULL)
        relay_cut(r, r->phase);
    r->phase = PH_LOST;
    if (r->fn != NULL)
        loop_defer(r->loop, &r->tell, tell_loss, r);
}

void relay_lose_with(struct relay *r, const char *what, const struct smtp_reply *reply)
{
    char text[160];

    snprintf(text, sizeof(text), "%s: %d %.*s", what, reply->code, (int)(reply->text.n < 80 ? reply->text.n : 80), reply->text.p);
    relay_lose(r, text);
}

void relay_send_line(struct relay *r, span line, enum relay_phase next)
{
    r->phase = next;
    stream_write(r->stream, line);
    stream_write(r->stream, SPAN("\r\n"));
}

static void on_reply(struct relay *r, const struct smtp_reply *reply)
{
    bool ok = reply->code / 100 == 2;

    switch (r->phase) {
    case PH_GREETING:
    case PH_EHLO:
    case PH_XFORWARD:
        relay_opening_reply(r, reply);
        return;
    case PH_COMMAND:
        /* 354 to anything but DATA would have the next hop take commands for a message. */
        if (reply->code / 100 == 3 && !(r->data_asked && reply->code == 354)) {
            relay_lose_with(r, "answered nonsense", reply);
            return;
        }
        if (!ok && r->reused) {
            relay_start_again(r);
            return;
        }
        r->refused = r->refused || reply->code >= 400;
        r->phase = reply->code == 354 ? PH_DATA : PH_READY;
        stream_deadline(r->stream, -1);
        r->opening = r->reused = false;
        buf_reset(&r->first);
        relay_answer(r, reply, "");
        return;
    case PH_BODY:
        relay_body_reply(r, reply);
        return;
    case PH_END:
        if (reply->code / 100 == 3) {
            relay_lose_with(r, "answered nonsense", reply);
            return;
        }
        r->phase = PH_READY;
        r->taken = ok;
        stream_deadline(r->stream, -1);
        relay_answer(r, reply, "");
        return;
    case PH_KEPT:
        relay_end_kept(r, false);
        return;
    case PH_READY:
    case PH_DATA:
        relay_lose_with(r, reply->code == 421 ? "closes" : "reply out of turn", reply);
        return;
    case PH_LOST:
        return;
    }
}

static void tell(struct relay *r, const struct smtp_reply *reply, size_t used)
{
    r->telling = used;
    on_reply(r, reply);
    r->telling = 0;
}

static void on_input(struct stream *s, void *arg)
{
    struct relay *r = arg;
    struct smtp_reply reply;
    size_t used;

    /* `r->stream == s`: a callback may have closed it, or the whole relay with it, which leaves r (freed at the turn's end). */
    while (r->stream == s) {
        enum smtp_reply_status st = smtp_reply_parse(&r->parser, stream_in(s), &reply, &used);

        /* What came along with a reply was said before we said anything more: taken for the answer to our next command, it could
         * be a 250 for a message that nobody has.  After the end of data it costs the connection alone, which is not kept then. */
        if (st == SMTP_REPLY_OK && stream_in(s).n > used && r->phase != PH_END && r->phase != PH_KEPT)
            relay_lose(r, "two replies to one command");
        else if (st == SMTP_REPLY_OK)
            tell(r, &reply, used);
        else if (st == SMTP_REPLY_E_SYNTAX)
            relay_lose(r, "reply is no SMTP reply");
        else if (st == SMTP_REPLY_E_ENDLESS)
            relay_lose(r, "reply without an end");
        if (r->stream == s)
            stream_consume(s, used);
        if (st != SMTP_REPLY_OK)
            return;
    }
}

static void on_end(struct stream *s, enum stream_end end, const char *why, void *arg)
{
    struct relay *r = arg;
    char text[160];

    (void)s;
    switch (end) {
    case STREAM_EOF:
        relay_lose(r, "connection closed");
        return;
    case STREAM_TIMEOUT:
        r->reused = false;                  /* there is no time for another one */
        relay_lose(r, "no reply in time");
        return;
    case STREAM_CONNECT_FAILED:
        snprintf(text, sizeof(text), "cannot connect: %.120s", why);
        relay_lose(r, text);
        return;
    default:
        snprintf(text, sizeof(text), "connection lost: %.120s", why);
        relay_lose(r, text);
    }
}

const struct stream_handler relay_handler = { .on_input = on_input, .on_end = on_end, .on_drained = relay_body_drained };

/* ---- the transaction ---- */

static void expect(struct relay *r, relay_fn *fn, void *arg)
{
    assert(r->fn == NULL);
    r->fn = fn;
    r->arg = arg;
    if (r->phase == PH_LOST)
        loop_defer(r->loop, &r->tell, tell_loss, r);
}

void relay_command(struct relay *r, span line, relay_fn *fn, void *arg)
{
    expect(r, fn, arg);
    if (r->phase == PH_LOST)
        return;
    assert(r->phase == PH_READY);
    if (r->reused)
        buf_append(&r->first, line);
    relay_send_line(r, line, PH_COMMAND);
    if (!r->opening)
        stream_deadline(r->stream, r->timeout_ms);
}

void relay_data(struct relay *r, int64_t within_ms, relay_fn *fn, void *arg)
{
    expect(r, fn, arg);
    if (r->phase == PH_LOST)
        return;
    assert(r->phase == PH_READY);
    r->data_asked = true;
    relay_send_line(r, SPAN("DATA"), PH_COMMAND);
    stream_deadline(r->stream, within_ms);
}

void relay_deliver(struct relay *r, struct deliver *d, int64_t within_ms, bool (*may_commit)(void *arg), relay_fn *fn, void *arg)
{
    expect(r, fn, arg);
    if (r->phase == PH_LOST)
        return;
    assert(r->phase == PH_DATA);
    r->phase = PH_BODY;
    r->deliver = d;
    r->may_commit = may_commit;
    stream_deadline(r->stream, within_ms);
    relay_body_pump(r);
}

bool relay_committed(const struct relay *r)
{
    return r->committed;
}

bool relay_lost(const struct relay *r)
{
    return r->phase == PH_LOST;
}

void relay_close(struct relay **rp)
{
    struct relay *r = *rp;

    if (r == NULL)
        return;
    *rp = NULL;
    r->fn = NULL;
    if (relay_may_be_kept(r)) {
        relay_put_by(r);
        return;
    }
    if (r->stream != NULL && r->phase == PH_READY) {
        /* As Postfix' smtpd does it: nobody waits for the answer to QUIT, nor needs it. */
        stream_write(r->stream, SPAN("QUIT\r\n"));
        stream_close(&r->stream);
    } else if (r->stream != NULL) {
        relay_cut(r, r->phase);
    }
    r->phase = PH_LOST;
    loop_timer_stop(&r->next_step);
    loop_task_cancel(&r->tell);
    loop_defer(r->loop, &r->tell, relay_release, r);
}

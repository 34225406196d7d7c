/* relay.c - the client side: one message's dialogue with the re-injection server.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/relay.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "lib/base/alloc.h"
#include "lib/net/stream.h"

enum {
    IN_LIMIT = 16 * 1024,
    OUT_LIMIT = 1024 * 1024,
    OUT_HIGH = 256 * 1024,          /* more waits for the next hop to read */
};

enum relay_phase {
    PH_GREETING, PH_EHLO, PH_XFORWARD,
    PH_READY,         /* nothing is under way */
    PH_COMMAND,
    PH_DATA,          /* 354 was said, nothing sent */
    PH_BODY,
    PH_END,           /* the end of data was sent */
    PH_LOST,
};

struct relay {
    struct loop *loop;
    struct stream *stream;
    enum relay_phase phase;
    bool opening;                   /* the opening's deadline still runs */
    bool committed;
    bool data_asked;                /* the command under way is DATA */
    int64_t timeout_ms;
    char *hostname;
    struct smtp_reply_parser parser;
    size_t telling;                 /* bytes of the input that are the reply being told */
    relay_fn *fn;                   /* waits for a reply or the loss */
    void *arg;
    struct xforward *xforward;
    struct buf lines;               /* XFORWARD commands not yet sent */
    struct deliver *deliver;
    bool (*may_commit)(void *arg);
    struct loop_timer next_step;    /* of the body */
    char why[160];                  /* PH_LOST */
    struct loop_task tell;          /* a loss that is told at the end of the turn */
};

static void answer(struct relay *r, const struct smtp_reply *reply, const char *why)
{
    relay_fn *fn = r->fn;

    r->fn = NULL;
    if (fn != NULL)
        fn(reply, why, r->arg);
}

static void tell_loss(void *arg)
{
    struct relay *r = arg;

    answer(r, NULL, r->why);
}

/* Half a message is on its way: a plain close would leave the kernel sending the rest of it, megabytes, to a next hop that may have stopped
 * to read. */
static void cut(struct relay *r, enum relay_phase phase)
{
    const struct linger reset = { .l_onoff = 1 };

    if (phase == PH_BODY)
        setsockopt(stream_fd(r->stream), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    stream_close(&r->stream);
}

/* The connection is of no more use.  The waiting side hears it at the end of the turn, so that it may be found out anywhere. */
static void lose(struct relay *r, const char *what)
{
    if (r->phase == PH_LOST)
        return;
    snprintf(r->why, sizeof(r->why), "%s", what);
    if (r->stream != NULL)
        cut(r, r->phase);
    r->phase = PH_LOST;
    if (r->fn != NULL)
        loop_defer(r->loop, &r->tell, tell_loss, r);
}

static void lose_with(struct relay *r, const char *what, const struct smtp_reply *reply)
{
    char text[160];

    snprintf(text, sizeof(text), "%s: %d %.*s", what, reply->code, (int)(reply->text.n < 80 ? reply->text.n : 80), reply->text.p);
    lose(r, text);
}

static void send_line(struct relay *r, span line, enum relay_phase next)
{
    r->phase = next;
    stream_write(r->stream, line);
    stream_write(r->stream, SPAN("\r\n"));
}

static void opened(struct relay *r, const struct smtp_reply *last)
{
    r->phase = PH_READY;
    answer(r, last, "");
}

/* XFORWARD commands go one by one: nobody said that the next hop takes them together. */
static void next_xforward(struct relay *r, const struct smtp_reply *last)
{
    span all = buf_span(&r->lines);
    size_t end = span_find(all, '\n');

    if (all.n == 0) {
        buf_free(&r->lines);
        opened(r, last);
        return;
    }
    assert(end < all.n);
    r->phase = PH_XFORWARD;
    stream_write(r->stream, span_head(all, end + 1));
    buf_consume(&r->lines, end + 1);
}

static void on_ehlo_reply(struct relay *r, const struct smtp_reply *reply)
{
    span rest = reply->raw, text;
    unsigned offered = 0;

    while (smtp_reply_next_line(&rest, &text))
        offered |= xforward_offered(text);
    if (r->xforward != NULL && offered != 0 && xforward_append(&r->lines, r->xforward, offered) < 0) {
        lose(r, "XFORWARD attributes do not fit");
        return;
    }
    next_xforward(r, reply);
}

/* In the body, a refusal ahead of time is the answer to the message; anything friendlier is nonsense. */
static void on_reply_in_body(struct relay *r, const struct smtp_reply *reply)
{
    if (reply->code < 400) {
        lose_with(r, "reply out of turn", reply);
        return;
    }
    r->phase = PH_LOST;
    snprintf(r->why, sizeof(r->why), "refused in the body");
    answer(r, reply, "");
    if (r->stream != NULL)
        cut(r, PH_BODY);
}

static void on_reply(struct relay *r, const struct smtp_reply *reply)
{
    bool ok = reply->code / 100 == 2;
    char text[600];

    switch (r->phase) {
    case PH_GREETING:
        if (!ok) {
            lose_with(r, "refused at the greeting", reply);
            return;
        }
        send_line(r, span_of(text, (size_t)snprintf(text, sizeof(text), "EHLO %.255s", r->hostname)), PH_EHLO);
        return;
    case PH_EHLO:
        if (!ok)
            lose_with(r, "refused EHLO", reply);
        else
            on_ehlo_reply(r, reply);
        return;
    case PH_XFORWARD:
        if (!ok)
            lose_with(r, "refused XFORWARD", reply);
        else
            next_xforward(r, reply);
        return;
    case PH_COMMAND:
        /* 354 to anything but DATA would have the next hop take commands for a message. */
        if (reply->code / 100 == 3 && !(r->data_asked && reply->code == 354)) {
            lose_with(r, "answered nonsense", reply);
            return;
        }
        r->phase = reply->code == 354 ? PH_DATA : PH_READY;
        stream_deadline(r->stream, -1);
        r->opening = false;
        answer(r, reply, "");
        return;
    case PH_BODY:
        on_reply_in_body(r, reply);
        return;
    case PH_END:
        if (reply->code / 100 == 3) {
            lose_with(r, "answered nonsense", reply);
            return;
        }
        r->phase = PH_READY;
        stream_deadline(r->stream, -1);
        answer(r, reply, "");
        return;
    case PH_READY:
    case PH_DATA:
        lose_with(r, reply->code == 421 ? "closes" : "reply out of turn", reply);
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
         * be a 250 for a message that nobody has.  After the last command it does not matter. */
        if (st == SMTP_REPLY_OK && stream_in(s).n > used && r->phase != PH_END)
            lose(r, "two replies to one command");
        else if (st == SMTP_REPLY_OK)
            tell(r, &reply, used);
        else if (st == SMTP_REPLY_E_SYNTAX)
            lose(r, "reply is no SMTP reply");
        else if (st == SMTP_REPLY_E_ENDLESS)
            lose(r, "reply without an end");
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
        lose(r, "connection closed");
        return;
    case STREAM_TIMEOUT:
        lose(r, "no reply in time");
        return;
    case STREAM_CONNECT_FAILED:
        snprintf(text, sizeof(text), "cannot connect: %.120s", why);
        lose(r, text);
        return;
    default:
        snprintf(text, sizeof(text), "connection lost: %.120s", why);
        lose(r, text);
    }
}

static void commit(struct relay *r)
{
    struct buf out;

    /* The last look before the message can be delivered. */
    if (!r->may_commit(r->arg)) {
        lose(r, "given up before the end of data");
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

static void pump(struct relay *r)
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
        pump(r);
}

/* In the next turn, not in this one: a next hop that reads as fast as we write would keep the turn going, and nobody else, nor its own
 * refusal, would be heard before the whole message is out. */
static void on_drained(struct stream *s, void *arg)
{
    struct relay *r = arg;

    if (r->stream == s && r->phase == PH_BODY)
        loop_timer_start(r->loop, &r->next_step, 0, on_next_step, r);
}

static const struct stream_handler handler = { .on_input = on_input, .on_end = on_end, .on_drained = on_drained };

struct relay *relay_open(struct loop *l, const struct relay_settings *set, const struct xforward *x, relay_fn *ready, void *arg)
{
    struct relay *r = xcalloc(1, sizeof(*r));
    struct stream_limits limits = { IN_LIMIT, OUT_LIMIT };
    struct errtext err = { "" };

    r->loop = l;
    r->timeout_ms = set->timeout_ms;
    r->hostname = xstrdup(set->hostname);
    r->fn = ready;
    r->arg = arg;
    r->opening = true;
    buf_init(&r->lines, 8 * 1024);
    smtp_reply_parser_init(&r->parser);
    if (x != NULL) {
        r->xforward = xmalloc(sizeof(*x));
        *r->xforward = *x;
    }
    r->stream = stream_connect(l, set->address, limits, &handler, r, &err);
    if (r->stream == NULL)
        lose(r, err.text);
    else
        stream_deadline(r->stream, r->timeout_ms);
    return r;
}

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
    send_line(r, line, PH_COMMAND);
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
    send_line(r, SPAN("DATA"), PH_COMMAND);
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
    pump(r);
}

bool relay_committed(const struct relay *r)
{
    return r->committed;
}

bool relay_lost(const struct relay *r)
{
    return r->phase == PH_LOST;
}

static void release(void *arg)
{
    struct relay *r = arg;

    buf_free(&r->lines);
    free(r->xforward);
    free(r->hostname);
    free(r);
}

void relay_close(struct relay **rp)
{
    struct relay *r = *rp;

    if (r == NULL)
        return;
    *rp = NULL;
    r->fn = NULL;
    if (r->stream != NULL && r->phase == PH_READY) {
        /* As Postfix' smtpd does it: nobody waits for the answer to QUIT, nor needs it. */
        stream_write(r->stream, SPAN("QUIT\r\n"));
        stream_close(&r->stream);
    } else if (r->stream != NULL) {
        cut(r, r->phase);
    }
    r->phase = PH_LOST;
    loop_timer_stop(&r->next_step);
    loop_task_cancel(&r->tell);
    loop_defer(r->loop, &r->tell, release, r);
}

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
    LINE_LIMIT = 16 * 1024,
    REUSE_MS = 300 * 1000,          /* a connection ends some day, as a reload of the server wants it */
};

enum relay_phase {
    PH_GREETING, PH_EHLO, PH_XFORWARD,
    PH_READY,         /* nothing is under way */
    PH_COMMAND,
    PH_DATA,          /* 354 was said, nothing sent */
    PH_BODY,
    PH_END,           /* the end of data was sent */
    PH_KEPT,          /* between two messages; nobody has the relay */
    PH_LOST,
};

struct relay {
    struct loop *loop;
    struct stream *stream;
    enum relay_phase phase;
    bool opening;                   /* the first command is not answered: the opening's deadline still runs */
    bool reused;                    /* and the connection was another message's before */
    bool refused;                   /* anything, since the connection is there */
    bool taken;                     /* the message */
    bool committed;
    bool data_asked;                /* the command under way is DATA */
    int64_t timeout_ms, keep_ms, connected_ms;
    char *address, *hostname;
    struct relay_keep *keep;
    struct relay_kept kept;
    unsigned offered;               /* XFORWARD attributes */
    struct smtp_reply_parser parser;
    size_t telling;                 /* bytes of the input that are the reply being told */
    relay_fn *fn;                   /* waits for a reply or the loss */
    void *arg;
    struct xforward *xforward;
    struct buf lines;               /* XFORWARD commands not yet sent */
    struct buf first;               /* the first command, while it may have to be said again */
    struct deliver *deliver;
    bool (*may_commit)(void *arg);
    struct loop_timer next_step;    /* of the body */
    struct loop_timer idle;         /* while it is kept */
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

static void start_again(struct relay *r);
static void end_kept(struct relay *r, bool polite);
static void discard(struct relay *r, bool polite);

/* The connection is of no more use.  The waiting side hears it at the end of the turn, so that it may be found out anywhere. */
static void lose(struct relay *r, const char *what)
{
    if (r->phase == PH_LOST)
        return;
    if (r->phase == PH_KEPT) {
        end_kept(r, false);
        return;
    }
    if (r->opening && r->reused) {
        start_again(r);
        return;
    }
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
    if (r->first.len > 0) {
        send_line(r, buf_span(&r->first), PH_COMMAND);
        return;
    }
    r->phase = PH_READY;
    answer(r, last, "");
}

/* XFORWARD commands go one by one: nobody said that the next hop takes them together. */
static void next_xforward(struct relay *r, const struct smtp_reply *last)
{
    span all = buf_span(&r->lines);
    size_t end = span_find(all, '\n');

    if (all.n == 0) {
        opened(r, last);
        return;
    }
    assert(end < all.n);
    r->phase = PH_XFORWARD;
    stream_write(r->stream, span_head(all, end + 1));
    buf_consume(&r->lines, end + 1);
}

static bool fill_xforward(struct relay *r)
{
    buf_reset(&r->lines);
    if (r->xforward == NULL || r->offered == 0 || xforward_append(&r->lines, r->xforward, r->offered) >= 0)
        return true;
    r->reused = false;                      /* it would not fit there either */
    lose(r, "XFORWARD attributes do not fit");
    return false;
}

static void on_ehlo_reply(struct relay *r, const struct smtp_reply *reply)
{
    span rest = reply->raw, text;

    r->offered = 0;
    while (smtp_reply_next_line(&rest, &text))
        r->offered |= xforward_offered(text);
    if (fill_xforward(r))
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
        if (!ok && r->opening && r->reused) {
            start_again(r);
            return;
        }
        r->refused = r->refused || reply->code >= 400;
        r->phase = reply->code == 354 ? PH_DATA : PH_READY;
        stream_deadline(r->stream, -1);
        r->opening = false;
        buf_reset(&r->first);
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
        r->taken = ok;
        stream_deadline(r->stream, -1);
        answer(r, reply, "");
        return;
    case PH_KEPT:
        end_kept(r, false);
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
        if (st == SMTP_REPLY_OK && stream_in(s).n > used && r->phase != PH_END && r->phase != PH_KEPT)
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
        r->reused = false;                  /* there is no time for another one */
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

/* ---- opening ---- */

static void connect_to(struct relay *r)
{
    struct stream_limits limits = { IN_LIMIT, OUT_LIMIT };
    struct errtext err = { "" };

    r->reused = r->refused = false;
    r->connected_ms = loop_now_ms(r->loop);
    smtp_reply_parser_init(&r->parser);
    r->phase = PH_GREETING;
    r->stream = stream_connect(r->loop, r->address, limits, &handler, r, &err);
    if (r->stream == NULL)
        lose(r, err.text);
    else
        stream_deadline(r->stream, r->timeout_ms);
}

/* The server had closed it meanwhile, or takes no more on it: as if it had never been. */
static void start_again(struct relay *r)
{
    stream_close(&r->stream);
    connect_to(r);
}

/* The end of the message before has reset what was handed on with it (Postfix, XFORWARD_README), so all of it is said anew. */
static void go_on(struct relay *r)
{
    r->reused = true;
    loop_timer_stop(&r->idle);
    stream_deadline(r->stream, r->timeout_ms);
    if (!fill_xforward(r))
        return;
    if (r->lines.len > 0)
        next_xforward(r, NULL);
    else
        send_line(r, SPAN("RSET"), PH_XFORWARD);
}

static struct relay *relay_new(struct loop *l, const struct relay_settings *set)
{
    struct relay *r = xcalloc(1, sizeof(*r));

    r->loop = l;
    r->address = xstrdup(set->address);
    r->hostname = xstrdup(set->hostname);
    buf_init(&r->lines, 8 * 1024);
    buf_init(&r->first, LINE_LIMIT);
    return r;
}

/* One whose server has said nothing since. */
static struct relay *take_kept(const struct relay_settings *set)
{
    struct relay *r;

    while (set->keep != NULL && set->keep_ms > 0 && (r = relay_keep_take(set->keep, set->address, set->hostname)) != NULL) {
        if (stream_in(r->stream).n == r->telling)
            return r;
        discard(r, false);
    }
    return NULL;
}

struct relay *relay_open(struct loop *l, const struct relay_settings *set, const struct xforward *x, relay_fn *ready, void *arg)
{
    struct relay *r = take_kept(set);
    bool kept = r != NULL;

    if (!kept)
        r = relay_new(l, set);
    r->timeout_ms = set->timeout_ms;
    r->keep = set->keep;
    r->keep_ms = set->keep_ms;
    r->fn = ready;
    r->arg = arg;
    r->opening = true;
    r->committed = r->data_asked = r->taken = false;
    free(r->xforward);
    r->xforward = NULL;
    if (x != NULL) {
        r->xforward = xmalloc(sizeof(*x));
        *r->xforward = *x;
    }
    if (kept)
        go_on(r);
    else
        connect_to(r);
    return r;
}

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
    if (r->opening && r->reused)
        buf_append(&r->first, line);
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
    buf_free(&r->first);
    free(r->xforward);
    free(r->address);
    free(r->hostname);
    free(r);
}

/* ---- between two messages ---- */

static bool may_be_kept(const struct relay *r)
{
    return r->stream != NULL && r->phase == PH_READY && r->taken && !r->refused && r->keep != NULL && r->keep_ms > 0 &&
           loop_now_ms(r->loop) - r->connected_ms < REUSE_MS && relay_keep_has_room(r->keep);
}

static void on_idle(void *arg)
{
    end_kept(arg, true);
}

static void keep(struct relay *r)
{
    r->phase = PH_KEPT;
    r->deliver = NULL;
    r->kept = (struct relay_kept){ .relay = r, .address = r->address, .hostname = r->hostname };
    relay_keep_put(r->keep, &r->kept);
    loop_timer_start(r->loop, &r->idle, r->keep_ms, on_idle, r);
}

static void discard(struct relay *r, bool polite)
{
    loop_timer_stop(&r->idle);
    if (polite)
        stream_write(r->stream, SPAN("QUIT\r\n"));
    stream_close(&r->stream);
    r->phase = PH_LOST;
    loop_defer(r->loop, &r->tell, release, r);
}

static void end_kept(struct relay *r, bool polite)
{
    relay_keep_remove(r->keep, &r->kept);
    discard(r, polite);
}

void relay_end_kept(struct relay *r)
{
    end_kept(r, true);
}

void relay_close(struct relay **rp)
{
    struct relay *r = *rp;

    if (r == NULL)
        return;
    *rp = NULL;
    r->fn = NULL;
    if (may_be_kept(r)) {
        keep(r);
        return;
    }
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

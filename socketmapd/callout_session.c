/* callout_session.c - one kept SMTP connection to an inner server.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "socketmapd/callout_session.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/alloc.h"
#include "lib/net/stream.h"
#include "lib/proto/mailbox.h"
#include "lib/proto/unicode_fold.h"
#include "lib/settings/settings.h"

enum { IN_LIMIT = 16 * 1024, OUT_LIMIT = 16 * 1024, RCPT_MAX = 50 };   /* RFC 5321 4.5.3.1.8: 100 are sure */
#define IDLE_MS SECONDS(30)

enum state { ST_GREETING, ST_EHLO, ST_STARTTLS, ST_TLS, ST_MAIL, ST_READY, ST_RCPT, ST_RSET, ST_ENDED };

struct callout_session {
    struct loop *loop;
    struct callout_session_settings set;
    const struct callout_session_handler *h;
    void *arg;
    struct stream *stream;
    struct smtp_reply_parser parser;
    enum state state;
    bool offers_tls, offers_utf8;
    int rcpts;
    int64_t errors;
    struct loop_task gone;
};

static void end(struct callout_session *s, bool expected, const char *why)
{
    if (s->state == ST_ENDED)
        return;
    s->state = ST_ENDED;
    s->h->on_end(s, expected, why, s->arg);
}

static void say(struct callout_session *s, enum state next, const char *line)
{
    s->state = next;
    stream_write(s->stream, span_str(line));
    stream_write(s->stream, SPAN("\r\n"));
    stream_deadline(s->stream, s->set.timeout_ms);
}

static void say_ehlo(struct callout_session *s)
{
    char line[300];

    s->offers_tls = s->offers_utf8 = false;
    snprintf(line, sizeof(line), "EHLO %s", s->set.hostname);
    say(s, ST_EHLO, line);
}

static void say_mail(struct callout_session *s)
{
    char line[600];

    snprintf(line, sizeof(line), "MAIL FROM:<%s>%s", s->set.sender, s->offers_utf8 ? " SMTPUTF8" : "");
    s->rcpts = 0;
    say(s, ST_MAIL, line);
}

static void refused(struct callout_session *s, const char *step, const struct smtp_reply *r)
{
    char why[400];

    snprintf(why, sizeof(why), "%s refuses %s: %d %.*s %.200s", s->set.name, step, r->code, SPAN_ARG(r->enhanced), "");
    snprintf(why + strlen(why), sizeof(why) - strlen(why), "%.*s", SPAN_ARG(span_head(r->text, 200)));
    end(s, r->code == 421 && (s->state == ST_READY || s->state == ST_RSET), why);
}

/* ---- replies ---- */

/* Our own banner: the address leads back to us, and every question would make another. */
static bool is_ourselves(const struct callout_session *s, const struct smtp_reply *r)
{
    span name = span_head(r->text, span_find(r->text, ' '));

    return span_eq_nocase(name, span_str(s->set.hostname));
}

static void on_ehlo(struct callout_session *s, const struct smtp_reply *r)
{
    span rest = r->raw, line;

    while (smtp_reply_next_line(&rest, &line)) {
        s->offers_tls = s->offers_tls || span_eq_nocase(line, SPAN("STARTTLS"));
        s->offers_utf8 = s->offers_utf8 || span_eq_nocase(line, SPAN("SMTPUTF8"));
    }
    if (stream_is_tls(s->stream) || s->set.starttls == CALLOUT_TLS_OFF || (!s->offers_tls && s->set.starttls != CALLOUT_TLS_REQUIRE))
        say_mail(s);
    else if (!s->offers_tls || s->set.tls == NULL)
        end(s, false, "the server offers no STARTTLS, and callout.starttls is require");
    else
        say(s, ST_STARTTLS, "STARTTLS");
}

static void start_tls(struct callout_session *s)
{
    struct errtext err = { "" };

    if (stream_start_tls(s->stream, s->set.tls, s->set.name, &err) != 0)
        end(s, false, err.text);
}

static void ready(struct callout_session *s)
{
    s->state = ST_READY;
    stream_deadline(s->stream, IDLE_MS);
    s->h->on_ready(s, s->arg);
}

static void on_rcpt(struct callout_session *s, const struct smtp_reply *r)
{
    s->rcpts++;
    s->errors += r->code >= 400;
    s->state = ST_READY;
    stream_deadline(s->stream, IDLE_MS);
    s->h->on_reply(s, r, s->arg);
    if (s->state != ST_READY)
        return;
    if (r->code == 421 || s->errors >= s->set.errors_max)
        end(s, true, "the server has refused enough recipients for one connection");
    else if (s->rcpts >= RCPT_MAX)
        say(s, ST_RSET, "RSET");
    else
        s->h->on_ready(s, s->arg);
}

static void on_reply(struct callout_session *s, const struct smtp_reply *r)
{
    bool ok = r->code >= 200 && r->code < 300;

    switch (s->state) {
    case ST_GREETING:
        if (!ok)
            refused(s, "the connection", r);
        else if (is_ourselves(s, r))
            end(s, false, "the address leads to this very host: it would ask itself");
        else
            say_ehlo(s);
        break;
    case ST_EHLO:
        ok ? on_ehlo(s, r) : refused(s, "EHLO", r);
        break;
    case ST_STARTTLS:
        if (ok)
            s->state = ST_TLS;           /* when its reply has been consumed: what follows it in the clear is an attack */
        else
            refused(s, "STARTTLS", r);
        break;
    case ST_MAIL:
        ok ? ready(s) : refused(s, "MAIL FROM (callout.sender)", r);
        break;
    case ST_RCPT:
        on_rcpt(s, r);
        break;
    case ST_RSET:
        ok ? say_mail(s) : refused(s, "RSET", r);
        break;
    default:
        refused(s, "us without having been asked", r);
    }
}

static void on_input(struct stream *stream, void *arg)
{
    struct callout_session *s = arg;

    while (s->state != ST_ENDED) {
        struct smtp_reply r;
        size_t used;
        enum smtp_reply_status st = smtp_reply_parse(&s->parser, stream_in(stream), &r, &used);

        if (st < 0) {
            end(s, false, "what the server says is no SMTP reply");
            return;
        }
        if (st == SMTP_REPLY_OK)
            on_reply(s, &r);
        if (s->stream == NULL)
            return;
        stream_consume(stream, used);
        if (s->state == ST_TLS && !stream_is_tls(stream)) {
            start_tls(s);
            return;
        }
        if (st != SMTP_REPLY_OK)
            return;
    }
}

static void on_end(struct stream *stream, enum stream_end how, const char *why, void *arg)
{
    struct callout_session *s = arg;

    (void)stream;
    end(s, (how == STREAM_EOF || how == STREAM_TIMEOUT) && s->state == ST_READY, why);
}

static void on_tls(struct stream *stream, void *arg)
{
    (void)stream;
    say_ehlo(arg);
}

static const struct stream_handler handler = { .on_input = on_input, .on_end = on_end, .on_tls = on_tls };

/* ---- the owner's side ---- */

struct callout_session *callout_session_open(struct loop *l, const struct callout_session_settings *set, const struct callout_session_handler *h, void *arg,
                                             struct errtext *err)
{
    struct callout_session *s = xcalloc(1, sizeof(*s));

    s->loop = l;
    s->set = *set;
    s->h = h;
    s->arg = arg;
    smtp_reply_parser_init(&s->parser);
    s->stream = stream_connect(l, set->address, (struct stream_limits){ IN_LIMIT, OUT_LIMIT }, &handler, s, err);
    if (s->stream == NULL) {
        free(s);
        return NULL;
    }
    stream_deadline(s->stream, set->timeout_ms);
    return s;
}

/* It may be closed out of its own callback, which still looks at it. */
static void release(void *arg)
{
    free(arg);
}

void callout_session_close(struct callout_session **s)
{
    static const char quit[] = "QUIT\r\n";
    struct callout_session *gone = *s;

    if (gone == NULL)
        return;
    *s = NULL;
    if (gone->state == ST_READY) {
        stream_write(gone->stream, span_of(quit, sizeof(quit) - 1));
        stream_close_drained(&gone->stream, SECONDS(1));
    } else {
        stream_close(&gone->stream);
    }
    gone->state = ST_ENDED;
    loop_defer(gone->loop, &gone->gone, release, gone);
}

bool callout_session_ready(const struct callout_session *s)
{
    return s->state == ST_READY;
}

bool callout_session_asking(const struct callout_session *s)
{
    return s->state == ST_RCPT;
}

bool callout_session_ask(struct callout_session *s, span address)
{
    size_t at = span_rfind(address, '@');
    struct buf line;
    bool ok;

    if (!unicode_is_ascii(address) && !s->offers_utf8)
        return false;
    buf_init(&line, 2 * MAILBOX_MAX + 64);
    buf_append_str(&line, "RCPT TO:<");
    ok = mailbox_append_quoted(&line, span_head(address, at)) && buf_append(&line, span_from(address, at)) && buf_append_char(&line, '>');
    if (ok)
        say(s, ST_RCPT, buf_cstr(&line));
    buf_free(&line);
    return ok;
}

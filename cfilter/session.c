/* session.c - the server side of the SMTP dialogue: commands, relayed one by one, so that the next hop's refusals come in the same dialogue.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "cfilter/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "cfilter/record.h"
#include "cfilter/session_private.h"
#include "cfilter/split.h"
#include "lib/base/alloc.h"

enum {
    IN_LIMIT = 64 * 1024, OUT_LIMIT = 64 * 1024,
    BAD_COMMANDS_MAX = 20,
    IDLE_COMMANDS_MAX = 100,       /* NOOP, RSET, VRFY, EHLO ... between two messages */
    RECIPIENTS_MAX = 10000,
    RCPT_COMMANDS_MAX = 2 * RECIPIENTS_MAX,
    CLOSE_WITHIN_MS = 5000,
    SESSION_MAX_MS = 2 * 60 * 60 * 1000,
};

#define IN(state) (1u << (state))
#define IN_GREETED (IN(ST_GREETED) | IN(ST_READY) | IN(ST_MAIL) | IN(ST_RCPT))
#define IN_IDLE    (IN(ST_GREETED) | IN(ST_READY))

struct verb {
    enum smtp_verb verb;
    unsigned allowed;
    void (*run)(struct session *s, const struct smtp_cmd *c);
};

static const char *const state_names[ST_STATES] = { "GREETED", "READY", "MAIL", "RCPT", "DATA", "SCAN", "CLOSING" };

/* ---- states, replies ---- */

bool session_busy(const struct session *s)
{
    return s->waiting || s->state == ST_DATA || s->state == ST_SCAN;
}

void session_enter(struct session *s, enum session_state next)
{
    if (log_wants(LOG_LEVEL_DEBUG) && s->state != next)
        log_debug("session %s: %s -> %s", stream_peer(s->stream), state_names[s->state], state_names[next]);
    s->state = next;
}

void session_reply(struct session *s, int code, const char *enhanced, const char *text)
{
    struct buf out;

    buf_init(&out, 8 * 1024);
    if (!smtp_reply_append(&out, code, enhanced, span_str(text)))
        buf_append_str(&out, "451 4.3.0 Internal error\r\n");
    stream_write(s->stream, buf_span(&out));
    buf_free(&out);
}

void session_relay_reply(struct session *s, const struct smtp_reply *reply)
{
    struct buf out;

    buf_init(&out, 16 * 1024);
    if (!smtp_reply_append_relayed(&out, reply))
        buf_append_str(&out, "451 4.3.0 The next server's answer could not be passed on\r\n");
    stream_write(s->stream, buf_span(&out));
    buf_free(&out);
    if (reply->code == 421)
        session_enter(s, ST_CLOSING);
}

bool session_input_waits(const struct session *s)
{
    int unread = 0;

    return stream_in(s->stream).n > 0 || (ioctl(stream_fd(s->stream), FIONREAD, &unread) == 0 && unread > 0);
}

void session_close_after_reply(struct session *s)
{
    session_enter(s, ST_CLOSING);
    stream_close_drained(&s->stream, CLOSE_WITHIN_MS);
    session_free(s);
}

/* ---- a transaction ---- */

static void transaction_new(struct session *s)
{
    struct transaction *t = xcalloc(1, sizeof(*t));

    t->arena = arena_new(1024);
    t->set = settings_ref(s->front->daemon->settings);
    t->begun_ms = loop_now_ms(s->front->daemon->loop);
    id_make(t->id, loop_wall_ms(s->front->daemon->loop));
    s->t = t;
}

void session_end_transaction(struct session *s)
{
    struct transaction *t = s->t;

    s->t = NULL;
    if (t == NULL)
        return;
    if (t->put_off > 0 && !t->data_begun && t->n_accepted > 0)
        split_cut_short(s->front->split, t->reverse_path, t->recipients[0], loop_now_ms(s->front->daemon->loop));
    assess_cancel(&t->assess);
    if (t->relay != NULL)
        relay_close(&t->relay);
    if (t->spool != NULL)
        spool_free(&t->spool);
    buf_free(&t->decoded);
    settings_unref(&t->set);
    free(t->recipients);
    free(t->rcpt_lines);
    free(t->rcpt_classes);
    arena_free(&t->arena);
    free(t);
}

void session_free(struct session *s)
{
    struct front *f = s->front;

    session_end_transaction(s);
    if (s->stream != NULL)
        stream_close(&s->stream);
    *s->link = s->next;
    if (s->next != NULL)
        s->next->link = s->link;
    f->n_sessions--;
    if (s->from != NULL)
        daemon_client_gone(f->daemon, s->from);
    free(s);
}

/* ---- verbs ---- */

/* What keeps a session busy without a message: allowed, but not for ever. */
static bool too_idle(struct session *s)
{
    if (++s->idle_commands <= IDLE_COMMANDS_MAX)
        return false;
    log_warning("session %s closed: %u commands and no message", stream_peer(s->stream), s->idle_commands);
    session_reply(s, 421, "4.7.0", "Too many commands without a message");
    session_enter(s, ST_CLOSING);
    return true;
}

static void say_ehlo(struct session *s, const struct smtp_cmd *c)
{
    char text[600];

    if (too_idle(s))
        return;
    session_end_transaction(s);
    session_enter(s, ST_READY);
    snprintf(s->helo, sizeof(s->helo), "%.*s", (int)(c->args.n < 255 ? c->args.n : 255), c->args.p != NULL ? c->args.p : "");
    if (c->verb == SMTP_HELO) {
        session_reply(s, 250, NULL, s->front->daemon->settings->hostname);
        return;
    }
    snprintf(text, sizeof(text), "%s\nSIZE %lld\n8BITMIME\nSMTPUTF8\nDSN\nENHANCEDSTATUSCODES%s", s->front->daemon->settings->hostname,
             (long long)s->front->daemon->settings->filter.max_message_bytes,
             s->may_xforward ? "\nXFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE" : "");
    session_reply(s, 250, NULL, text);
}

static void take_xforward(struct session *s, const struct smtp_cmd *c)
{
    enum xforward_status st;

    if (!s->may_xforward) {
        session_reply(s, 550, "5.7.0", "XFORWARD is not for you (filter.xforward_from)");
        return;
    }
    st = xforward_parse(c->args, &s->xforward);
    if (st != XFORWARD_OK)
        session_reply(s, 501, "5.5.4", xforward_status_text(st));
    else
        session_reply(s, 250, "2.0.0", "Ok");
}

void session_record_early(struct session *s, const char *stage, span reply, const char *note)
{
    struct transaction *t = s->t;
    struct context c = { .client = { .family = 0 } };

    context_make(t->set, NULL, SPAN(""), t->reverse_path, &s->xforward, loop_wall_ms(s->front->daemon->loop), &c);
    memcpy(c.id, t->id, sizeof(c.id));
    record_early(s->front, &(struct record){ .context = &c, .reverse_path = t->reverse_path, .recipients = t->recipients + t->n_accepted,
                                             .n_recipients = t->n_recipients - t->n_accepted, .reply = reply,
                                             .outcome = reply.n > 0 && reply.p[0] == '5' ? "reject" : "tempfail", .note = note,
                                             .took_ms = loop_now_ms(s->front->daemon->loop) - t->begun_ms }, stage);
}

/* There is no next hop for this message any more.  Said to every command that needs one: a 503 for want of a transaction would be a
 * refusal for good of what only we cannot do now. */
static void say_lost(struct session *s, const char *stage, const char *why)
{
    char line[160];
    int n = snprintf(line, sizeof(line), "451 4.3.2 The next server cannot be spoken to now, try again later (id %s)", s->t->id);

    log_warning("%s: re-injection (filter.reinject): %s", s->t->set->filter.reinject, why);
    session_record_early(s, stage, span_of(line, (size_t)n), why);
    session_reply(s, 451, "4.3.2", line + 10);
}

static void on_mail_reply(const struct smtp_reply *reply, const char *why, void *arg)
{
    struct session *s = arg;

    s->waiting = false;
    s->front->busy--;
    if (reply != NULL && reply->code / 100 == 2) {
        session_relay_reply(s, reply);
        session_enter(s, ST_MAIL);
        session_step(s);
        return;
    }
    if (reply == NULL)
        say_lost(s, "MAIL", why);
    else
        session_record_early(s, "MAIL", reply->raw, "refused by the next server");
    session_enter(s, ST_READY);
    if (reply != NULL)
        session_relay_reply(s, reply);
    session_end_transaction(s);
    session_step(s);
}

static void on_relay_ready(const struct smtp_reply *reply, const char *why, void *arg)
{
    struct session *s = arg;

    if (reply == NULL)
        on_mail_reply(NULL, why, s);
    else
        relay_command(s->t->relay, s->t->mail_line, on_mail_reply, s);
}

struct relay_settings session_relay_settings(const struct session *s, int64_t timeout_ms)
{
    const struct settings *set = s->t->set;

    return (struct relay_settings){ .address = set->filter.reinject, .hostname = set->hostname, .timeout_ms = timeout_ms,
                                    .keep = s->front->relays, .keep_ms = set->filter.reinject_keep_ms };
}

static void take_mail(struct session *s, const struct smtp_cmd *c)
{
    struct smtp_mail_params params;
    struct relay_settings rs;
    struct smtp_path path;

    if (!smtp_cmd_path(c, &path)) {
        session_reply(s, 501, "5.1.7", "Bad sender address syntax");
        return;
    }
    smtp_mail_params(path.params, &params);
    if (params.bad || params.body == SMTP_BODY_BINARYMIME) {
        session_reply(s, 501, "5.5.4", "Bad or unknown MAIL parameter");
        return;
    }
    if (params.size > (uint64_t)s->front->daemon->settings->filter.max_message_bytes) {
        session_reply(s, 552, "5.3.4", "Message size exceeds fixed limit");
        return;
    }
    transaction_new(s);
    s->t->reverse_path = arena_span(s->t->arena, path.mailbox);
    s->t->mail_line = arena_span(s->t->arena, c->line);
    rs = session_relay_settings(s, s->t->set->filter.reinject_timeout_ms);
    s->waiting = true;
    s->front->busy++;
    s->t->relay = relay_open(s->front->daemon->loop, &rs, &s->xforward, on_relay_ready, s);
}

static void on_rcpt_reply(const struct smtp_reply *reply, const char *why, void *arg)
{
    struct session *s = arg;
    struct transaction *t = s->t;

    s->waiting = false;
    s->front->busy--;
    if (reply != NULL && reply->code / 100 == 2) {
        t->n_accepted = t->n_recipients;
        session_enter(s, ST_RCPT);
        session_relay_reply(s, reply);
    } else if (reply != NULL) {
        session_record_early(s, "RCPT", reply->raw, "refused by the next server");
        session_relay_reply(s, reply);
    } else {
        say_lost(s, "RCPT", why);
    }
    t->n_recipients = t->n_accepted;
    session_step(s);
}

/* ---- recipients of several classes ---- */

static bool client_is_trusted(const struct session *s)
{
    struct ipaddr client;

    return xforward_client(&s->xforward, &client) && settings_trusts(s->t->set, &client);
}

/* Somebody whose message is taken in one piece is asked for nothing: own networks (an MUA shows a 452 to its user), and who ended the last
 * try at it. */
static bool is_put_off(const struct session *s, const struct set_rcpt_class *c)
{
    const struct transaction *t = s->t;

    return t->set->filter.mixed == MIXED_SPLIT && t->n_accepted > 0 && c != t->rcpt_classes[0] && t->put_off < SPLIT_MAX &&
           !client_is_trusted(s) &&
           !split_was_cut_short(s->front->split, t->reverse_path, t->recipients[0], loop_now_ms(s->front->daemon->loop));
}

static void put_off(struct session *s)
{
    struct transaction *t = s->t;
    char line[160], note[120];
    int n = snprintf(line, sizeof(line), "452 4.5.3 Recipients of another policy: send again separately (id %s)", t->id);

    t->put_off++;
    ++*s->front->put_off;
    snprintf(note, sizeof(note), "of class %s, while the message is of class %s (filter.mixed: split)",
             settings_rcpt_class_name(t->rcpt_classes[t->n_accepted]), settings_rcpt_class_name(t->rcpt_classes[0]));
    session_record_early(s, "RCPT", span_of(line, (size_t)n), note);
    session_reply(s, 452, "4.5.3", line + 10);
    t->n_recipients = t->n_accepted;
}

static void add_recipient(struct transaction *t, const struct smtp_cmd *c, const struct smtp_path *path)
{
    if (t->n_recipients == t->cap_recipients) {
        t->cap_recipients = t->cap_recipients * 2 + 8;
        t->recipients = xreallocarray(t->recipients, t->cap_recipients, sizeof(*t->recipients));
        t->rcpt_lines = xreallocarray(t->rcpt_lines, t->cap_recipients, sizeof(*t->rcpt_lines));
        t->rcpt_classes = xreallocarray(t->rcpt_classes, t->cap_recipients, sizeof(*t->rcpt_classes));
    }
    t->recipients[t->n_recipients] = arena_span(t->arena, path->mailbox);
    t->rcpt_classes[t->n_recipients] = settings_rcpt_class(t->set, path->mailbox);
    t->rcpt_lines[t->n_recipients++] = arena_span(t->arena, c->line);
}

static void take_rcpt(struct session *s, const struct smtp_cmd *c)
{
    struct transaction *t = s->t;
    struct smtp_path path;

    if (!smtp_cmd_path(c, &path) || path.mailbox.n == 0) {
        session_reply(s, 501, "5.1.3", "Bad recipient address syntax");
        return;
    }
    if (t->n_recipients >= RECIPIENTS_MAX || ++t->rcpt_commands > RCPT_COMMANDS_MAX) {
        session_reply(s, 452, "4.5.3", "Too many recipients");
        return;
    }
    add_recipient(t, c, &path);
    if (is_put_off(s, t->rcpt_classes[t->n_accepted])) {
        put_off(s);
        return;
    }
    s->waiting = true;
    s->front->busy++;
    relay_command(t->relay, c->line, on_rcpt_reply, s);
}

static void take_data(struct session *s, const struct smtp_cmd *c)
{
    if (c->args.n > 0) {
        session_reply(s, 501, "5.5.4", "DATA takes no parameter");
    } else if (relay_lost(s->t->relay)) {
        say_lost(s, "DATA", "the connection was lost before DATA");
        session_end_transaction(s);
        session_enter(s, ST_READY);
    } else if (s->state == ST_MAIL) {
        session_reply(s, 554, "5.5.1", "No valid recipients");
    } else {
        session_begin_data(s);
    }
}

static void take_rset(struct session *s, const struct smtp_cmd *c)
{
    (void)c;
    if (too_idle(s))
        return;
    session_end_transaction(s);
    xforward_init(&s->xforward);
    if (s->state != ST_GREETED)
        session_enter(s, ST_READY);
    session_reply(s, 250, "2.0.0", "Ok");
}

static void take_noop(struct session *s, const struct smtp_cmd *c)
{
    (void)c;
    if (!too_idle(s))
        session_reply(s, 250, "2.0.0", "Ok");
}

static void take_vrfy(struct session *s, const struct smtp_cmd *c)
{
    (void)c;
    if (!too_idle(s))
        session_reply(s, 252, "2.0.0", "Send the message and see");
}

static void take_quit(struct session *s, const struct smtp_cmd *c)
{
    (void)c;
    session_reply(s, 221, "2.0.0", "Bye");
    session_enter(s, ST_CLOSING);
}

static const struct verb verbs[] = {
    { SMTP_EHLO, IN_GREETED, say_ehlo },
    { SMTP_HELO, IN_GREETED, say_ehlo },
    { SMTP_XFORWARD, IN(ST_READY), take_xforward },
    { SMTP_MAIL, IN(ST_READY), take_mail },
    { SMTP_RCPT, IN(ST_MAIL) | IN(ST_RCPT), take_rcpt },
    { SMTP_DATA, IN(ST_MAIL) | IN(ST_RCPT), take_data },
    { SMTP_RSET, IN_GREETED, take_rset },
    { SMTP_NOOP, IN_GREETED, take_noop },
    { SMTP_VRFY, IN_GREETED, take_vrfy },
    { SMTP_QUIT, IN_GREETED, take_quit },
};

static void bad_command(struct session *s, int code, const char *enhanced, const char *text)
{
    ++*s->front->bad_lines;
    if (++s->bad_commands < BAD_COMMANDS_MAX) {
        session_reply(s, code, enhanced, text);
        return;
    }
    log_warning("session %s closed: %u commands that are none; only the front Postfix speaks here", stream_peer(s->stream), s->bad_commands);
    session_reply(s, 421, "4.7.0", "Too many errors");
    session_enter(s, ST_CLOSING);
}

static void run_line(struct session *s, span line)
{
    struct smtp_cmd c;

    if (!smtp_cmd_parse(line, &c)) {
        bad_command(s, 500, "5.5.2", "Bad syntax");
        return;
    }
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (verbs[i].verb != c.verb)
            continue;
        if ((verbs[i].allowed & IN(s->state)) != 0)
            verbs[i].run(s, &c);
        else
            bad_command(s, 503, "5.5.1", "Bad sequence of commands");
        return;
    }
    bad_command(s, c.verb == SMTP_OTHER ? 500 : 502, c.verb == SMTP_OTHER ? "5.5.2" : "5.5.1", "Command not recognised or not offered");
}

/* A byte now and then is no progress: only whole commands, and data, move the phase's end; nothing moves the session's. */
static void set_deadline(struct session *s)
{
    int64_t ends = s->phase_ends_ms < s->ends_ms ? s->phase_ends_ms : s->ends_ms;
    int64_t left = ends - loop_now_ms(s->front->daemon->loop);

    if (session_busy(s) && s->state != ST_DATA)
        stream_deadline(s->stream, -1);
    else
        stream_deadline(s->stream, left > 0 ? left : 1);
}

/* Takes what waits in the input, as far as the state allows.  The session may be gone after it. */
void session_step(struct session *s)
{
    struct daemon *d = s->front->daemon;
    bool progress = false;

    while (!s->waiting && s->state != ST_SCAN && s->state != ST_CLOSING) {
        enum smtp_line_status st;
        size_t used;
        span line;

        if (s->state == ST_DATA) {
            progress = progress || stream_in(s->stream).n > 0;
            session_take_data(s);
            if (s->state == ST_DATA)
                break;
            continue;
        }
        st = smtp_line_next(&s->lines, stream_in(s->stream), SMTP_LINE_MAX, &line, &used);
        if (st == SMTP_LINE_OK)
            run_line(s, line);
        else if (st == SMTP_LINE_BAD)
            bad_command(s, 500, "5.5.2", "A line with a bare CR, LF or NUL");
        else if (st == SMTP_LINE_LONG)
            bad_command(s, 500, "5.5.2", "Line too long");
        stream_consume(s->stream, used);
        if (st == SMTP_LINE_MORE)
            break;
        progress = true;
    }
    if (progress || s->waiting || s->state == ST_SCAN)
        s->phase_ends_ms = loop_now_ms(d->loop) + d->settings->filter.idle_timeout_ms;
    if (s->state == ST_CLOSING) {
        session_close_after_reply(s);
        return;
    }
    if (d->draining && !session_busy(s) && s->t == NULL) {
        session_reply(s, 421, "4.3.2", "Service is being restarted");
        session_close_after_reply(s);
        return;
    }
    set_deadline(s);
}

/* ---- the connection ---- */

static void on_input(struct stream *stream, void *arg)
{
    (void)stream;
    session_step(arg);
}

static void on_end(struct stream *stream, enum stream_end end, const char *why, void *arg)
{
    struct session *s = arg;

    if (s->waiting)
        s->front->busy--;
    s->waiting = false;
    if (s->state == ST_DATA || s->state == ST_SCAN) {
        ++*s->front->gone;
        s->front->busy--;
        session_gone_in_data(s, why);
    } else if (end == STREAM_TIMEOUT) {
        log_info("session %s closed: idle (filter.idle_timeout)", stream_peer(stream));
    }
    session_free(s);
}

static const struct stream_handler handler = { .on_input = on_input, .on_end = on_end };

/* Who may tell of another client: networks, and "unix" for clients of unix sockets. */
static bool xforward_allowed(const struct settings *set, const struct stream *stream)
{
    const struct conf_strings *from = &set->filter.xforward_from;
    span peer = span_str(stream_peer(stream));
    bool is_unix = span_eq(peer, SPAN("unix"));
    struct ipaddr a;
    struct ipnet net;

    if (!is_unix && !ipaddr_parse(span_head(peer, span_rfind(peer, ':')), &a))
        return false;
    for (size_t i = 0; i < from->n; i++)
        if (is_unix ? strcmp(from->v[i], "unix") == 0 : ipnet_parse(span_str(from->v[i]), &net) && ipnet_contains(&net, &a))
            return true;
    return false;
}

void session_new(struct front *f, struct listener *from, int fd)
{
    struct session *s = xcalloc(1, sizeof(*s));
    char banner[400];

    s->front = f;
    s->from = from;
    s->next = f->sessions;
    s->link = &f->sessions;
    if (s->next != NULL)
        s->next->link = &s->next;
    f->sessions = s;
    f->n_sessions++;
    smtp_line_init(&s->lines);
    xforward_init(&s->xforward);
    s->stream = stream_new(f->daemon->loop, fd, (struct stream_limits){ IN_LIMIT, OUT_LIMIT }, &handler, s);
    s->may_xforward = xforward_allowed(f->daemon->settings, s->stream);
    snprintf(banner, sizeof(banner), "%s ESMTP Gatepost", f->daemon->settings->hostname);
    session_reply(s, 220, NULL, banner);
    s->ends_ms = loop_now_ms(f->daemon->loop) + SESSION_MAX_MS;
    s->phase_ends_ms = loop_now_ms(f->daemon->loop) + f->daemon->settings->filter.idle_timeout_ms;
    set_deadline(s);
}

void session_drain_all(struct front *f)
{
    struct session *next;

    for (struct session *s = f->sessions; s != NULL; s = next) {
        next = s->next;
        if (!session_busy(s))
            session_step(s);
    }
}

void session_close_all(struct front *f)
{
    while (f->sessions != NULL)
        session_free(f->sessions);
}

/* session_data.c - the message of a session: data, spool, scan, verdict, and its way to the next hop.
 *
 * 250 is said only after the next hop said it, in its words.  Until the end of data has left for the next hop, a front that
 * goes away takes its message with it: nothing is delivered twice.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdio.h>
#include <stdlib.h>

#include "cfilter/fate.h"
#include "cfilter/record.h"
#include "cfilter/reply.h"
#include "cfilter/session_private.h"
#include "cfilter/verdict_tell.h"
#include "lib/base/alloc.h"

enum { DECODE_PIECE = 32 * 1024, FRONT_WAITS_MS = 78 * 1000, LEAST_WAIT_MS = 3000 };

static void finish(struct session *s, const char *outcome, span reply, const char *note);

/* ---- data ---- */

void session_begin_data(struct session *s)
{
    struct transaction *t = s->t;
    char path[FRONT_PATH_MAX];
    struct spool_limits limits = front_spool_limits(s->front, t->set, path);

    t->spool = spool_new(&limits);
    t->data_begun = true;
    smtp_dot_decode_init(&t->decoder);
    buf_init(&t->decoded, 2 * DECODE_PIECE);
    s->front->busy++;
    session_enter(s, ST_DATA);
    session_reply(s, 354, NULL, "End data with <CR><LF>.<CR><LF>");
}

/* What was decoded is in the spool already, or, when that takes nothing more, in t->decoded: then it is only counted. */
static void spool_more(struct transaction *t, bool in_place)
{
    struct errtext err = { "" };
    enum spool_status st = in_place ? spool_take(t->spool, &err) : spool_write(t->spool, buf_span(&t->decoded), &err);

    buf_reset(&t->decoded);
    if (st == SPOOL_OK || t->spooled != SPOOL_OK)
        return;
    t->spooled = st;
    snprintf(t->spool_why, sizeof(t->spool_why), "%.190s", err.text);
}

static void message_complete(struct session *s);

void session_take_data(struct session *s)
{
    struct transaction *t = s->t;

    for (;;) {
        span in = span_head(stream_in(s->stream), DECODE_PIECE);
        struct buf *room = spool_room(t->spool);
        size_t used = 0;
        enum smtp_dot_status st;

        if (in.n == 0)
            return;
        st = smtp_dot_decode(&t->decoder, in, room != NULL ? room : &t->decoded, &used);
        stream_consume(s->stream, used);
        spool_more(t, room != NULL);
        if (st == SMTP_DOT_END) {
            message_complete(s);
            return;
        }
    }
}

/* Postfix gives us 100 s from the end of data to the reply unless told otherwise: what the scan has used up, the next hop cannot have. */
static int64_t time_left(const struct session *s)
{
    int64_t reply = s->t->set->filter.reinject_timeout_ms;
    int64_t all = reply > FRONT_WAITS_MS ? reply : FRONT_WAITS_MS;
    int64_t left = s->t->complete_ms + all - loop_now_ms(s->front->daemon->loop);

    return left < LEAST_WAIT_MS ? LEAST_WAIT_MS : left < reply ? left : reply;
}

/* ---- verdict ---- */

static uint64_t strays(const struct transaction *t)
{
    return t->decoder.stray.cr + t->decoder.stray.lf + t->decoder.stray.nul;
}

/* Limits were charged for a message that is not taken now. */
static void tell_policyd(const struct session *s, const char *outcome)
{
    const struct transaction *t = s->t;
    bool refused = strcmp(outcome, "reject") == 0;

    if (s->front->fate != NULL && t->context.handed_over && t->set->policy.limits.n > 0 && (refused || strcmp(outcome, "tempfail") == 0))
        fate_tell(s->front->fate, t->context.id, refused);
}

static void record(struct session *s, const char *outcome, span reply, const char *note)
{
    struct transaction *t = s->t;

    record_message(s->front, &(struct record){ .context = &t->context, .reverse_path = t->reverse_path, .recipients = t->recipients,
                                               .n_recipients = t->n_recipients, .size = spool_size(t->spool),
                                               .result = t->result.verdict != NULL ? &t->result : NULL, .reply = reply,
                                               .outcome = outcome, .note = note, .strays = strays(t),
                                               .took_ms = loop_now_ms(s->front->daemon->loop) - t->begun_ms });
    tell_policyd(s, outcome);
}

/* The reply to the final dot was given: the message is over.  Input that came between the dot and the reply belongs to nobody. */
static void finish(struct session *s, const char *outcome, span reply, const char *note)
{
    bool early_input = session_input_waits(s);

    record(s, outcome, reply, note);
    s->front->busy--;
    session_end_transaction(s);
    xforward_init(&s->xforward);
    s->idle_commands = 0;
    if (s->state != ST_CLOSING)              /* a 421 was passed on */
        session_enter(s, early_input ? ST_CLOSING : ST_READY);
    if (early_input)
        log_warning("session %s closed: commands came before the reply to the end of data", stream_peer(s->stream));
}

static void refuse(struct session *s, int code, const char *enhanced, const char *text, const char *note)
{
    char line[400];
    int n = snprintf(line, sizeof(line), "%d %s %s (id %s)", code, enhanced, text, s->t->context.id);

    session_reply(s, code, enhanced, line + strlen(enhanced) + 5);
    finish(s, code / 100 == 5 ? "reject" : "tempfail", span_of(line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1), note);
}

void session_gone_in_data(struct session *s, const char *why)
{
    struct transaction *t = s->t;
    bool committed = relay_committed(t->relay);
    char note[300];

    snprintf(note, sizeof(note), "the front left (%.150s); %s", why,
             committed ? "the next server has the message already, a retry doubles it" : "nothing of the message is delivered");
    if (s->state == ST_DATA)
        session_record_early(s, "DATA", SPAN(""), note);
    else
        record(s, committed ? "pass" : "tempfail", SPAN(""), note);
}

static bool may_commit(void *arg)
{
    struct session *s = arg;

    return !stream_peer_gone(s->stream);
}

static const char *observed_or(const struct transaction *t, const char *outcome)
{
    const struct verdict *v = &t->verdict;

    return v->would != v->action && (v->would == VERDICT_REJECT || v->would == VERDICT_DEFER) ? "observe" : outcome;
}

static void on_delivered(const struct smtp_reply *reply, const char *why, void *arg)
{
    struct session *s = arg;
    struct transaction *t = s->t;
    span raw;

    if (reply == NULL) {
        char note[300];
        bool committed = relay_committed(t->relay);

        snprintf(note, sizeof(note), "the next server did not answer to the message: %.200s%s", why,
                 committed ? "; it may have taken it, a retry would double it" : "");
        if (committed)
            log_warning("%s: %s", t->context.id, note);
        refuse(s, 451, "4.3.0", "The next server did not take the message now", note);
        session_step(s);
        return;
    }
    session_relay_reply(s, reply);
    raw = arena_span(t->arena, reply->raw);
    finish(s, reply->code / 100 == 2 ? observed_or(t, "pass") : reply->code / 100 == 5 ? "reject" : "tempfail", raw,
           reply->code / 100 == 2 ? "" : "refused by the next server");
    session_step(s);
}

static void on_data_reply(const struct smtp_reply *reply, const char *why, void *arg)
{
    struct session *s = arg;
    struct transaction *t = s->t;

    if (reply != NULL && reply->code == 354) {
        relay_deliver(t->relay, &t->deliver, time_left(s), may_commit, on_delivered, s);
        return;
    }
    if (reply != NULL && reply->code >= 400) {
        on_delivered(reply, "", s);
        return;
    }
    refuse(s, 451, "4.3.0", "The next server did not take the message now", reply != NULL ? "the next server answered DATA with neither 354 nor a refusal" : why);
    session_step(s);
}

/* ---- the next hop, once more ---- */

static void replay_next(struct session *s);

static void on_replayed(const struct smtp_reply *reply, const char *why, void *arg)
{
    struct session *s = arg;
    char note[300];

    if (reply != NULL && reply->code / 100 == 2 && s->t->complete_ms + FRONT_WAITS_MS > loop_now_ms(s->front->daemon->loop)) {
        replay_next(s);
        return;
    }
    /* Once taken, now refused: that is not the sender's doing. */
    snprintf(note, sizeof(note), "the next server closed while the message came, and did not take its envelope again: %.200s",
             reply == NULL ? why : arena_str(s->t->arena, span_trim(reply->raw)));
    refuse(s, 451, "4.3.0", "The next server did not take the message now", note);
    session_step(s);
}

static void replay_next(struct session *s)
{
    struct transaction *t = s->t;

    if (t->replay_at < t->n_accepted)
        relay_command(t->relay, t->rcpt_lines[t->replay_at++], on_replayed, s);
    else
        relay_data(t->relay, time_left(s), on_data_reply, s);
}

static void on_replay_open(const struct smtp_reply *reply, const char *why, void *arg)
{
    struct session *s = arg;

    if (reply == NULL)
        on_replayed(NULL, why, s);
    else
        relay_command(s->t->relay, s->t->mail_line, on_replayed, s);
}

/* A sender may take longer than the next hop waits (its smtpd_timeout); nothing of the message was sent, so a new connection, the same
 * envelope and the same answers are as good. */
static void replay(struct session *s)
{
    struct transaction *t = s->t;
    struct relay_settings rs = session_relay_settings(s, time_left(s));

    relay_close(&t->relay);
    t->relay = relay_open(s->front->daemon->loop, &rs, &s->xforward, on_replay_open, s);
}

static void pass_on(struct session *s)
{
    struct transaction *t = s->t;
    const struct verdict *v = &t->verdict;
    bool edits_all = verdict_may_edit(t->set);
    struct edit_wish wish = { .strip_spam_fields = edits_all && !t->context.trusted };
    struct buf report;
    struct edits edits;
    char stars[51];

    buf_init(&report, 2048);
    if (v->action == VERDICT_TAG && v->mark_subject) {
        verdict_stars(v->score, stars);
        wish.score = arena_str(t->arena, span_str(stars));
        wish.subject_tag = t->result.set->filter.spam.subject_tag;
    }
    if (edits_all && verdict_report(v, &report))        /* also of a scanner that could not be asked */
        wish.report = arena_str(t->arena, buf_span(&report));
    buf_free(&report);
    edits = edits_make(spool_bytes(t->spool), &wish, t->arena);
    deliver_begin(&t->deliver, spool_bytes(t->spool), &edits, t->decoder.dot_lines == 0 && strays(t) == 0, spool_file(t->spool));
    if (relay_lost(t->relay))
        replay(s);
    else
        relay_data(t->relay, time_left(s), on_data_reply, s);
}

/* What each class would have got, without the reasons: those are the one verdict's. */
static const struct mixed_class *keep_classes(struct transaction *t, const struct assess_result *r)
{
    struct mixed_class *classes = arena_dup(t->arena, r->classes, r->n_classes * sizeof(*classes));

    for (size_t i = 0; i < r->n_classes; i++)
        classes[i].verdict.n = classes[i].verdict.n_failures = 0;
    return classes;
}

/* The verdict points into facts that end with the assessment: they are kept for the record. */
static void keep_result(struct transaction *t, const struct assess_result *r)
{
    t->verdict = *r->verdict;
    t->result = *r;
    t->result.verdict = &t->verdict;
    t->result.classes = keep_classes(t, r);
    t->result.why = arena_str(t->arena, span_str(r->why));
    t->result.facts = t->result.lookups = NULL;
    for (size_t i = 0; i < t->verdict.n; i++) {
        struct verdict_reason *reason = &t->verdict.reasons[i];

        reason->scanner = arena_str(t->arena, span_str(reason->scanner));
        reason->name = arena_str(t->arena, span_str(reason->name));
        reason->detail = arena_str(t->arena, span_str(reason->detail));
    }
    if (t->verdict.n_failures > 0) {
        struct verdict_lookup_failure *f = arena_dup(t->arena, t->verdict.failures, t->verdict.n_failures * sizeof(*f));

        for (size_t i = 0; i < t->verdict.n_failures; i++)
            f[i].why = arena_str(t->arena, span_str(f[i].why));
        t->verdict.failures = f;
    }
}

static void on_assessed(const struct assess_result *r, void *arg)
{
    struct session *s = arg;
    struct transaction *t = s->t;
    struct buf reply;

    t->assess = NULL;
    keep_result(t, r);
    if (t->verdict.action == VERDICT_ACCEPT || t->verdict.action == VERDICT_TAG) {
        pass_on(s);
        return;
    }
    buf_init(&reply, 1024);
    reply_to_verdict(t->set, &t->verdict, t->context.id, &reply);
    stream_write(s->stream, buf_span(&reply));
    finish(s, t->verdict.action == VERDICT_REJECT ? "reject" : "tempfail", buf_span(&reply), "");
    buf_free(&reply);
    session_step(s);
}

/* The class that policyd has handed over, if there is one of that name, is that of all recipients. */
static void take_classes(struct transaction *t)
{
    const struct set_rcpt_class *given =
        t->context.handed_over ? settings_rcpt_class_named(t->set, t->context.handover.msg_class) : NULL;

    for (size_t i = 0; i < t->n_recipients; i++)
        class_share_add(t->classes, &t->n_classes, given != NULL ? given : t->rcpt_classes[i]);
}

/* Whoever scans gets a descriptor of a large message; without a scan none is made. */
static bool open_for_scan(struct transaction *t, int *fd_out, struct errtext *err)
{
    bool scanned = mixed_wants_virus(t->set, t->classes, t->n_classes) ||
                   mixed_wants_spam(t->set, t->classes, t->n_classes, t->context.trusted, spool_size(t->spool));

    *fd_out = -1;
    if (!scanned || spool_size(t->spool) <= SCAN_ALONG_BYTES)
        return true;
    *fd_out = spool_fd(t->spool, err);
    return *fd_out >= 0;
}

static void assess_message(struct session *s, int fd)
{
    struct transaction *t = s->t;
    struct assess_message m = { .fd = fd, .bytes = spool_bytes(t->spool), .id = t->context.id,
                                .client_address = t->context.client_text, .client_name = t->context.client_name, .helo = t->context.helo,
                                .reverse_path = arena_str(t->arena, t->reverse_path), .n_rcpt = t->n_recipients,
                                .classes = t->classes, .n_classes = t->n_classes,
                                .trusted = t->context.trusted, .strays = strays(t) > 0, .counts = true };

    t->assess = assess_start(s->front, t->set, &m, on_assessed, s);
}

static void message_complete(struct session *s)
{
    struct transaction *t = s->t;
    struct front *f = s->front;
    struct errtext err = { "" };
    int fd = -1;

    session_enter(s, ST_SCAN);
    t->complete_ms = loop_now_ms(f->daemon->loop);
    if (t->spooled == SPOOL_OK)
        t->spooled = spool_finish(t->spool, &err);
    context_make(t->set, f->have_key ? &f->key : NULL, t->spooled == SPOOL_OK ? spool_bytes(t->spool) : SPAN(""), t->reverse_path,
                 &s->xforward, loop_wall_ms(f->daemon->loop), &t->context);
    if (!t->context.handed_over)
        memcpy(t->context.id, t->id, sizeof(t->id));
    take_classes(t);
    if (t->spooled == SPOOL_OK && !open_for_scan(t, &fd, &err))
        t->spooled = SPOOL_FAILED;
    if (t->spooled == SPOOL_TOO_BIG) {
        refuse(s, 552, "5.3.4", "Message size exceeds fixed limit", "larger than filter.max_message");
    } else if (t->spooled != SPOOL_OK) {
        log_error("%s: the message could not be kept: %s", t->context.id, t->spool_why[0] != '\0' ? t->spool_why : err.text);
        refuse(s, 452, "4.3.1", "Insufficient system storage", "no room for the message");
    } else {
        assess_message(s, fd);
    }
}

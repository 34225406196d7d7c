/* serve.c - from one access request to its answer.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "policyd/serve.h"

#include "policyd/record.h"
#include "policyd/reply.h"

static const struct policy_reply say_dunno = { .verb = POLICY_SAY_DUNNO };

/* Written into a buffer that is kept, then given to the asker; the request's memory goes before he goes on. */
static void answer(struct serving *s, const struct policy_reply *r)
{
    struct services *sv = s->eval->services;

    buf_reset(&sv->answer);
    reply_append(&sv->answer, r);
    eval_release(&s->eval);
    s->fn(buf_span(&sv->answer), s->arg);
}

static void count(struct counters *c, const struct policy_reply *r, const struct policy_reply *would)
{
    if (r->verb == POLICY_SAY_REJECT)
        ++*c->rejected;
    else if (r->verb == POLICY_SAY_CODE)
        ++*c->deferred;
    else if (would->verb != r->verb)
        ++*c->observed;
    else
        ++*c->passed;
}

/* One header field an answer: what cfilter must be told goes before what the checks want to say.  false: nothing to prepend. */
static bool prepend(struct serving *s, struct policy_reply *r)
{
    struct eval *e = s->eval;
    struct services *sv = e->services;
    struct message *msg = e->message;
    const char *field;
    size_t colon;
    span text;

    if (msg == NULL || e->req.harvest || e->req.state == POLICY_STATE_END_OF_MESSAGE)      /* Postfix takes no field there: access(5) */
        return false;
    if (e->req.state == POLICY_STATE_DATA && e->rules->hand_over && !msg->handed_over) {
        msg->handed_over = true;
        buf_reset(&sv->field);
        message_field(msg, &e->req, e->rules->set, loop_wall_ms(sv->loop), &e->rules->key, &sv->field);
        ++*sv->count.handed_over;
        text = buf_span(&sv->field);
    } else if ((field = message_next_prepend(msg)) != NULL) {
        text = span_str(field);
    } else {
        return false;
    }
    colon = span_find(text, ':');
    r->verb = POLICY_SAY_PREPEND;
    r->header = span_head(text, colon);
    r->text = span_trim(span_from(text, colon + 1));
    return true;
}

void serve_note(const struct eval *e, bool refused)
{
    struct services *sv = e->services;
    struct wiring_context *wiring;
    bool first;

    if (!e->rules->keeps_recipients || e->message == NULL || e->req.harvest)
        return;
    wiring = wiring_of(&sv->wiring, &e->req);
    if (e->req.state == POLICY_STATE_END_OF_MESSAGE)
        message_ended(e->message);
    if (e->req.state != POLICY_STATE_RCPT)
        return wiring_saw(wiring, e->req.state);
    if (refused)
        return;
    first = e->message->n_let_in == 0;
    message_let_in(e->message, e->req.recipient);
    if (first && e->rules->n_limits > 0 && !sv->wiring.rcpt_only)
        wiring_message(wiring, loop_now_ms(sv->loop), e->rules->counts_bytes);
}

static void decided(struct eval *e, void *arg)
{
    struct serving *s = arg;
    char own_id[ID_TEXT];
    const char *id = own_id;
    struct policy_reply r, would;

    if (e->message != NULL)
        id = e->message->id;
    else
        id_make(own_id, loop_wall_ms(e->services->loop));
    r = reply_of(e, &e->decision.enforced, id);
    would = reply_of(e, &e->decision.would, id);
    if (e->message != NULL)
        message_add(e->message, e->findings, e->n_findings, e->decision.enforced.score);
    count(&e->services->count, &r, &would);
    serve_note(e, r.verb != POLICY_SAY_DUNNO);
    if (r.verb == POLICY_SAY_DUNNO && prepend(s, &r) && would.verb == POLICY_SAY_DUNNO)
        would = r;
    record_decision(e, id, &r, &would);
    answer(s, &r);
}

static void judge(struct serving *s, struct rules *rules)
{
    struct eval *e = s->eval;
    struct services *sv = e->services;
    struct message *msg;

    if (rules->mode == MODE_OFF && !(rules->hand_over && e->req.state == POLICY_STATE_DATA)) {
        ++*sv->count.dunno;
        return answer(s, &say_dunno);
    }
    msg = handover_message(sv->messages, &e->req, loop_now_ms(sv->loop), loop_wall_ms(sv->loop));
    if (rules->mode == MODE_OFF) {
        eval_pass(e, rules, msg);
        message_unref(&msg);
        return decided(e, s);
    }
    eval_start(e, rules, msg, false, decided, s);
    message_unref(&msg);
}

bool serve_judges(enum policy_state state)
{
    return state == POLICY_STATE_RCPT || state == POLICY_STATE_DATA || state == POLICY_STATE_END_OF_MESSAGE;
}

void serve(struct serving *s, struct eval *e, struct rules *rules, serve_fn *fn, void *arg)
{
    s->eval = e;
    s->fn = fn;
    s->arg = arg;
    ++*e->services->count.requests;
    request_prepare(&e->req, rules->set, e->arena);
    if (serve_judges(e->req.state))
        return judge(s, rules);
    ++*e->services->count.dunno;
    answer(s, &say_dunno);
}

void serve_cancel(struct serving *s)
{
    eval_release(&s->eval);
}

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
        message_add(e->message, e->hits, e->n_hits, e->decision.enforced.score);
    count(&e->services->count, &r, &would);
    record_decision(e, id, &r, &would);
    answer(s, &r);
}

static void judge(struct serving *s, struct rules *rules)
{
    struct eval *e = s->eval;
    struct services *sv = e->services;
    struct message *msg;

    if (rules->mode == MODE_OFF) {
        ++*sv->count.dunno;
        return answer(s, &say_dunno);
    }
    msg = handover_message(sv->messages, &e->req, loop_now_ms(sv->loop), loop_wall_ms(sv->loop));
    eval_start(e, rules, msg, false, decided, s);
    message_unref(&msg);
}

/* Once an instance: PREPEND repeated would be a field repeated. */
static void hand_over(struct serving *s, struct rules *rules)
{
    struct eval *e = s->eval;
    struct services *sv = e->services;
    int64_t wall_ms = loop_wall_ms(sv->loop);
    struct message *msg = rules->hand_over ? handover_message(sv->messages, &e->req, loop_now_ms(sv->loop), wall_ms) : NULL;
    struct policy_reply r = { .verb = POLICY_SAY_PREPEND };
    size_t colon;
    span field;

    if (msg == NULL || msg->handed_over) {
        message_unref(&msg);
        ++*sv->count.dunno;
        return answer(s, &say_dunno);
    }
    msg->handed_over = true;
    buf_reset(&sv->field);
    message_field(msg, &e->req, rules->set, wall_ms, &rules->key, &sv->field);
    record_handover(sv, &e->req, msg);
    message_unref(&msg);
    ++*sv->count.handed_over;
    field = buf_span(&sv->field);
    colon = span_find(field, ':');
    r.header = span_head(field, colon);
    r.text = span_trim(span_from(field, colon + 1));
    answer(s, &r);
}

void serve(struct serving *s, struct eval *e, struct rules *rules, serve_fn *fn, void *arg)
{
    s->eval = e;
    s->fn = fn;
    s->arg = arg;
    ++*e->services->count.requests;
    request_prepare(&e->req, rules->set, e->arena);
    switch (e->req.state) {
    case POLICY_STATE_RCPT:
        judge(s, rules);
        break;
    case POLICY_STATE_DATA:
        hand_over(s, rules);
        break;
    default:
        ++*e->services->count.dunno;
        answer(s, &say_dunno);
        break;
    }
}

void serve_cancel(struct serving *s)
{
    eval_release(&s->eval);
}

/* record.c - a decision in the log and in the events.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "policyd/record.h"

#include "lib/app/events.h"
#include "lib/app/log.h"
#include "policyd/reply.h"

enum { HITS_TEXT_MAX = 1000 };

void record_hits(const struct eval *e, enum mode mode, struct buf *to)
{
    for (size_t i = 0; i < e->n_hits; i++) {
        const struct finding *f = e->hits[i];

        if (f->mode != mode)
            continue;
        if (to->len > 0)
            buf_append_char(to, ',');
        if (f->points != 0)
            buf_printf(to, "%s:%g", f->name, f->points);
        else
            buf_append_str(to, f->name);
    }
}

static bool has_hits(const struct eval *e, enum mode mode)
{
    for (size_t i = 0; i < e->n_hits; i++) {
        if (e->hits[i]->mode == mode)
            return true;
    }
    return false;
}

static void log_hits(struct logline *l, const struct eval *e, const char *key, enum mode mode)
{
    struct buf text;

    if (!has_hits(e, mode))
        return;
    buf_init(&text, HITS_TEXT_MAX);
    record_hits(e, mode, &text);
    logline_str(l, key, buf_span(&text));
    buf_free(&text);
}

static void log_who(struct logline *l, const struct request *r)
{
    logline_client(l, "client", request_attr(r, POLICY_CLIENT_NAME), &r->client);
    logline_str(l, "helo", request_attr(r, POLICY_HELO_NAME));
    logline_addr(l, "from", request_attr(r, POLICY_SENDER));
    if (r->login.n > 0)
        logline_str(l, "login", r->login);
}

static void log_decision(const struct eval *e, const char *id, const struct policy_reply *answer, const struct policy_reply *would)
{
    const struct request *r = &e->req;
    struct logline l;

    if (!log_wants(LOG_LEVEL_INFO))
        return;
    logline_begin(&l, id);
    log_who(&l, r);
    if (r->state != POLICY_STATE_RCPT)
        logline_str(&l, "state", request_attr(r, POLICY_PROTOCOL_STATE));
    logline_addr(&l, "rcpt", request_attr(r, POLICY_RECIPIENT));
    logline_str(&l, "action", span_str(reply_word(answer)));
    logline_num(&l, "score", e->decision.enforced.score);
    log_hits(&l, e, "hits", MODE_ENFORCE);
    log_hits(&l, e, "observed", MODE_OBSERVE);
    if (would->verb != answer->verb)
        logline_str(&l, "would", span_str(reply_word(would)));
    if (r->exempt)
        logline_str(&l, "exempt", span_str(request_exempt_why(r)));
    if (e->overdue)
        logline_str(&l, "overdue", SPAN("yes"));
    logline_ms(&l, "delay", e->took_us / 1000);
    logline_emit(&l, LOG_LEVEL_INFO);
}

/* ---- events ---- */

static const char *event_outcome(const struct policy_reply *answer, const struct policy_reply *would)
{
    if (answer->verb == POLICY_SAY_REJECT)
        return "reject";
    if (answer->verb == POLICY_SAY_CODE)
        return "tempfail";
    return would->verb != answer->verb ? "observe" : "pass";
}

static void event_finding(struct json_out *j, const struct finding *f)
{
    static const char *const wishes[] = { NULL, "allow", "defer", "reject" };

    json_object_begin(j, NULL);
    json_cstr(j, "check", f->check);
    json_cstr(j, "name", f->name);
    json_cstr(j, "is", finding_kind_name(f->kind));
    json_cstr(j, "saw", f->saw);
    if (f->mode == MODE_OBSERVE)
        json_bool(j, "observe", true);
    if (f->kind == FINDING_HIT) {
        json_num(j, "points", f->points);
        if (f->wish != WISH_NONE)
            json_cstr(j, "wish", wishes[f->wish]);
        if (f->text != NULL)
            json_cstr(j, "text", f->text);
    }
    json_num(j, "ms", (double)f->took_us / 1000);
    json_object_end(j);
}

/* event_short tells these under names of its own. */
static bool told_short(int a)
{
    return a == POLICY_CLIENT_ADDRESS || a == POLICY_CLIENT_NAME || a == POLICY_HELO_NAME || a == POLICY_SENDER || a == POLICY_RECIPIENT ||
           a == POLICY_SASL_USERNAME || a == POLICY_PROTOCOL_STATE;
}

/* Every attribute that a check reads or may read, as Postfix sent it; empty ones are left out, and (rest) those that are told already. */
static void event_request(struct services *s, struct json_out *j, const struct request *r, bool rest)
{
    json_object_begin(j, "request");
    for (int a = 0; a < POLICY_ATTRS; a++) {
        span value = r->attrs.v[a];

        if (value.n == 0 || a == POLICY_REQUEST || (rest && told_short(a)))
            continue;
        if (a == POLICY_SENDER || a == POLICY_RECIPIENT || a == POLICY_SASL_USERNAME || a == POLICY_SASL_SENDER)
            events_address(s->events, policy_attr_name((enum policy_attr)a), value);
        else
            json_str(j, policy_attr_name((enum policy_attr)a), value);
    }
    json_object_end(j);
}

/* What came from outside, for `policy replay`: [check, name, is, saw]. */
static void event_facts(struct json_out *j, const struct eval *e)
{
    json_array_begin(j, "facts");
    for (size_t i = 0; i < e->n_findings; i++) {
        const struct finding *f = e->findings[i];

        if (strcmp(f->check, "dnsbl") != 0 && strcmp(f->check, "spf") != 0 && strcmp(f->check, "greylist") != 0)
            continue;
        json_array_begin(j, NULL);
        json_cstr(j, NULL, f->check);
        json_cstr(j, NULL, f->name);
        json_cstr(j, NULL, finding_kind_name(f->kind));
        json_cstr(j, NULL, f->saw);
        json_array_end(j);
    }
    json_array_end(j);
}

static void event_findings(struct json_out *j, const struct eval *e)
{
    json_array_begin(j, "checks");
    for (size_t i = 0; i < e->n_findings; i++)
        event_finding(j, e->findings[i]);
    json_array_end(j);
}

static void event_short(struct services *s, struct json_out *j, const struct request *r)
{
    json_cstr(j, "client", r->client_text);
    json_str(j, "client_name", request_attr(r, POLICY_CLIENT_NAME));
    json_str(j, "helo", request_attr(r, POLICY_HELO_NAME));
    events_address(s->events, "from", request_attr(r, POLICY_SENDER));
    events_address(s->events, "rcpt", request_attr(r, POLICY_RECIPIENT));
    if (r->login.n > 0)
        events_address(s->events, "login", r->login);
}

static void event_decision(const struct eval *e, const char *id, const struct policy_reply *answer, const struct policy_reply *would)
{
    struct services *s = e->services;
    const char *outcome = event_outcome(answer, would);
    struct json_out *j = s->events != NULL ? events_begin(s->events, id, outcome) : NULL;

    if (j == NULL)
        return;
    json_str(j, "state", request_attr(&e->req, POLICY_PROTOCOL_STATE));
    json_cstr(j, "action", reply_word(answer));
    json_num(j, "score", e->decision.enforced.score);
    event_short(s, j, &e->req);
    if (strcmp(outcome, "pass") != 0) {
        if (would->verb != answer->verb)
            json_cstr(j, "would", reply_word(would));
        json_str(j, outcome_refuses(e->decision.enforced.outcome) ? "reply" : "would_reply", would->text);
        event_request(s, j, &e->req, false);
        event_findings(j, e);
        json_bool(j, "overdue", e->overdue);
    } else {
        bool replay = e->rules->set->events.replay && e->req.state == POLICY_STATE_RCPT;

        if (replay)
            event_request(s, j, &e->req, true);
        if (e->n_hits > 0)
            event_findings(j, e);
        else if (replay)
            event_facts(j, e);
    }
    json_num(j, "ms", (double)e->took_us / 1000);
    events_emit(s->events);
}

/* What cfilter is told at DATA, which sums up what was decided at each RCPT. */
static void record_handover(struct services *s, const struct request *r, const struct message *msg)
{
    struct json_out *j;
    struct logline l;

    if (log_wants(LOG_LEVEL_INFO)) {
        logline_begin(&l, msg->id);
        log_who(&l, r);
        logline_str(&l, "action", SPAN("PREPEND"));
        logline_num(&l, "score", msg->score);
        if (msg->hits != NULL)
            logline_str(&l, "hits", span_str(msg->hits));
        logline_emit(&l, LOG_LEVEL_INFO);
    }
    j = s->events != NULL ? events_begin(s->events, msg->id, "pass") : NULL;
    if (j == NULL)
        return;
    json_cstr(j, "state", "DATA");
    json_cstr(j, "action", "PREPEND");
    json_num(j, "score", msg->score);
    json_int(j, "recipients", (int64_t)policy_request_number(&r->attrs, POLICY_RECIPIENT_COUNT));
    event_short(s, j, r);
    events_emit(s->events);
}

void record_decision(const struct eval *e, const char *id, const struct policy_reply *answer, const struct policy_reply *would)
{
    bool plain = e->n_hits == 0 && !e->overdue;

    if (plain && answer->verb == POLICY_SAY_PREPEND && e->req.state == POLICY_STATE_DATA)
        return record_handover(e->services, &e->req, e->message);
    if (plain && answer->verb == POLICY_SAY_DUNNO && (e->req.state != POLICY_STATE_RCPT || e->req.harvest))
        return;                          /* its recipients were told of one by one */
    log_decision(e, id, answer, would);
    event_decision(e, id, answer, would);
}

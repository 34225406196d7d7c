/* check_spf.c - whether the sender's domain allows the client: SPF, RFC 7208.
 *
 * Asked when policy.rules.spf says so, and for the rule spoof, whose senders are of an own domain: that rule waits for the answer.  One check
 * a message: its recipients share the result.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/base/alloc.h"
#include "lib/proto/oneline.h"
#include "policyd/check.h"
#include "policyd/handover.h"
#include "policyd/recorded.h"

enum { HEADER_MAX = 900, VALUE_MAX = 300 };

struct spf_run {
    struct check_run *run;
    struct spf_input input;
    struct spf *machine;
    struct dnsc_query *query;
    bool asking;                         /* inside dnsc_ask: its answer came at once */
    bool answered;
};

/* ---- what is told ---- */

static double points_of(const struct set_spf *set, enum spf_result r)
{
    const double points[] = { [SPF_NONE] = set->none,         [SPF_NEUTRAL] = set->neutral, [SPF_PASS] = set->pass,
                              [SPF_FAIL] = set->fail,         [SPF_SOFTFAIL] = set->softfail, [SPF_TEMPERROR] = 0,
                              [SPF_PERMERROR] = set->permerror };

    return points[r];
}

static const char *clean(struct check_run *run, span s)
{
    char *out = arena_alloc(run->arena, VALUE_MAX + 1);
    size_t n = oneline_ascii(s, out, VALUE_MAX);

    out[n] = '\0';
    return out;
}

/* A quoted-string (RFC 5322 3.2.4). */
static const char *quoted(struct check_run *run, span s)
{
    const char *text = clean(run, s);
    char *out = arena_alloc(run->arena, 2 * strlen(text) + 3), *to = out;

    *to++ = '"';
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            *to++ = '\\';
        *to++ = *text;
    }
    *to++ = '"';
    return out;
}

/* RFC 7208 9.1.  Parentheses would end the comment. */
static const char *header_field(struct check_run *run, enum spf_result r, const char *why)
{
    const struct request *q = run->req;
    bool helo = q->sender.n == 0;
    char *comment = arena_str(run->arena, span_head(span_str(clean(run, span_str(why))), HEADER_MAX / 3));

    for (char *p = comment; *p != '\0'; p++) {
        if (*p == '(' || *p == ')' || *p == '\\')
            *p = '_';
    }
    return arena_printf(run->arena, "Received-SPF: %s (%s: %s) receiver=%s; identity=%s; envelope-from=%s; helo=%s; client-ip=%s",
                        spf_result_name(r), run->rules->set->hostname, comment, run->rules->set->hostname, helo ? "helo" : "mailfrom",
                        quoted(run, request_attr(q, POLICY_SENDER)), quoted(run, q->helo), q->client_text);
}

static void report_failure(struct check_run *run, const char *saw)
{
    struct finding f = { .name = "spf", .kind = FINDING_UNKNOWN, .mode = run->rules->spf_mode, .saw = saw };

    if (run->rules->set->policy.rules.spf.on_failure == FAILURE_DEFER) {
        f.kind = FINDING_HIT;
        f.wish = WISH_DEFER;
        f.reply = REPLY_OWN_TEXT;
        f.text = "The sender's SPF record cannot be looked up now, try again later";
    }
    check_report(run, &f);
}

static void report(struct check_run *run, enum spf_result r, const char *why, span explanation)
{
    const struct set_spf *set = &run->rules->set->policy.rules.spf;
    const char *saw = arena_printf(run->arena, "%s (%s)", spf_result_name(r), clean(run, span_str(why)));
    struct finding f = { .name = "spf", .kind = FINDING_CLEAR, .mode = run->rules->spf_mode, .saw = saw, .points = points_of(set, r) };

    if (r == SPF_TEMPERROR)
        return report_failure(run, saw);
    if (set->header && !run->dry && (run->message == NULL || run->message->n_let_in == 0))
        f.prepend = header_field(run, r, why);
    if (f.points != 0) {
        f.kind = FINDING_HIT;
        f.reply = REPLY_OWN_TEXT;
        f.text = explanation.n > 0 ? arena_printf(run->arena, "The sender's domain says (SPF %s): %s", spf_result_name(r), clean(run, explanation))
                                   : arena_printf(run->arena, "The sender's domain does not allow this client (SPF %s)", spf_result_name(r));
    }
    check_report(run, &f);
}

static void result(struct check_run *run, enum spf_result r, const char *why, span explanation)
{
    run->facts->spf_known = true;
    run->facts->spf = r;
    if (run->rules->spf_mode != MODE_OFF)
        report(run, r, why, explanation);
    check_done(run);
}

/* ---- the look-ups ---- */

static void on_answer(const struct dnsc_answer *a, void *arg);

static void finish(struct spf_run *s)
{
    struct check_run *run = s->run;
    enum spf_result r = spf_result(s->machine);
    struct message *msg = run->message;

    if (!run->dry)
        ++*run->services->count.spf_results[r];
    if (msg != NULL && !msg->spf_known && r != SPF_TEMPERROR) {
        msg->spf_known = true;
        msg->spf = r;
        msg->spf_why = xstrdup(spf_why(s->machine));
    }
    result(run, r, spf_why(s->machine), spf_explanation(s->machine));
}

static void go_on(struct spf_run *s)
{
    static const enum dnsc_type types[] = { [SPF_A] = DNSC_A, [SPF_AAAA] = DNSC_AAAA, [SPF_MX] = DNSC_MX, [SPF_TXT] = DNSC_TXT, [SPF_PTR] = DNSC_PTR };
    struct spf_question q;

    while (spf_next(s->machine, &q)) {
        s->answered = false;
        s->asking = true;
        dnsc_ask(s->run->rules->resolver->dnsc, q.name, types[q.type], s->run->rules->set->policy.timeout_ms, on_answer, s, &s->query);
        s->asking = false;
        if (!s->answered)
            return;
    }
    finish(s);
}

static enum spf_outcome outcome_of(enum dnsc_outcome o)
{
    switch (o) {
    case DNSC_FOUND:
        return SPF_FOUND;
    case DNSC_NODATA:
    case DNSC_NXDOMAIN:
    case DNSC_BADNAME:                       /* 4.3, 4.8: such a name does not exist */
        return SPF_NOTHING;
    default:
        return SPF_FAILED;
    }
}

static void on_answer(const struct dnsc_answer *a, void *arg)
{
    struct spf_run *s = arg;
    struct spf_record_data v[DNSC_RECORDS_MAX];
    struct spf_answer answer = { .outcome = outcome_of(a->outcome), .v = v };

    s->query = NULL;
    for (size_t i = 0; answer.outcome == SPF_FOUND && i < a->n && i < DNSC_RECORDS_MAX; i++)
        v[answer.n++] = (struct spf_record_data){ .text = a->records[i].text, .addr = a->records[i].addr };
    spf_answer(s->machine, &answer);
    s->answered = true;
    if (!s->asking)
        go_on(s);
}

/* ---- start ---- */

static bool spoof_waits(const struct check_run *run)
{
    return run->rules->spoof.mode != MODE_OFF && run->req->sender_domain.n > 0 && settings_own_domain(run->rules->set, run->req->sender_domain);
}

static void tell_pending(struct check_run *run, bool spoof)
{
    const struct set_spf *set = &run->rules->set->policy.rules.spf;
    struct decide_pending p = { .may_refuse = spoof || set->on_failure == FAILURE_DEFER };

    for (int r = SPF_NONE; run->rules->spf_mode != MODE_OFF && r <= SPF_PERMERROR; r++) {
        double points = points_of(set, (enum spf_result)r);

        p.would_low = points < p.would_low ? points : p.would_low;
        p.would_high = points > p.would_high ? points : p.would_high;
    }
    if (run->rules->spf_mode == MODE_ENFORCE) {
        p.low = p.would_low;
        p.high = p.would_high;
    }
    check_pending(run, &p);
}

/* "pass (matched ip4:...)": what it was when the request was decided first. */
static void take_recorded(struct check_run *run)
{
    const struct recorded_fact *f = recorded_fact(run->services->recorded, "spf", "spf");
    span word = f != NULL ? span_head(span_str(f->saw), span_find(span_str(f->saw), ' ')) : (span){ NULL, 0 };

    for (int r = SPF_NONE; r <= SPF_PERMERROR; r++) {
        if (word.n > 0 && span_eq(word, span_str(spf_result_name((enum spf_result)r))))
            return result(run, (enum spf_result)r, "as it was", (span){ NULL, 0 });
    }
    if (run->rules->spf_mode != MODE_OFF)
        check_report(run, &(struct finding){ .name = "spf", .kind = FINDING_UNKNOWN, .mode = run->rules->spf_mode, .saw = NOT_RECORDED });
    check_done(run);
}

static void spf_start(struct check_run *run)
{
    bool spoof = spoof_waits(run);
    const struct request *r = run->req;
    struct spf_run *s;

    if (run->rules->spf_mode == MODE_OFF && !spoof)
        return check_done(run);
    if (r->exempt || !r->client_plain) {
        if (run->rules->spf_mode != MODE_OFF)
            check_skip(run, "spf", run->rules->spf_mode, r->exempt ? request_exempt_why(r) : "no client address");
        return check_done(run);
    }
    if (run->services->recorded != NULL)
        return take_recorded(run);
    if (run->message != NULL && run->message->spf_known)
        return result(run, run->message->spf, run->message->spf_why, (span){ NULL, 0 });
    s = run->state = arena_alloc(run->arena, sizeof(*s));
    s->run = run;
    s->input = (struct spf_input){
        .client = r->client, .sender = r->sender, .helo = r->helo, .receiver = span_str(run->rules->set->hostname),
        .now_s = loop_wall_ms(run->services->loop) / 1000,
    };
    s->machine = spf_new(&s->input, r->sender.n > 0 ? r->sender_domain : r->helo, run->arena);
    tell_pending(run, spoof);
    go_on(s);
}

static void spf_cancel(struct check_run *run)
{
    struct spf_run *s = run->state;

    dnsc_cancel(&s->query);
    if (run->overdue && run->rules->spf_mode != MODE_OFF)
        report_failure(run, "no DNS answer in time");
}

static bool spf_in_use(const struct rules *rules)
{
    return (rules->spf_mode != MODE_OFF || rules->spoof.mode != MODE_OFF) && rules->resolver != NULL;
}

const struct check check_spf = {
    .name = "spf", .stage = CHECK_FACTS, .states = CHECK_AT(POLICY_STATE_RCPT), .in_use = spf_in_use, .start = spf_start, .cancel = spf_cancel,
};

/* check_ratelimit.c - so many recipients, messages or bytes a time, by any key.
 *
 * RCPT looks ahead: would this recipient, beside those let in before, still fit?  DATA charges recipients and messages, END-OF-MESSAGE
 * bytes; so what is refused is not counted, and each is charged once an instance, however often Postfix asks.  Where Postfix does not
 * ask at DATA (wiring.h), RCPT charges.  A limit by recipient is charged at DATA for each that was let in.
 * Enforced limits are decided together: when one is exceeded, none is charged.  While the store is away this process counts alone.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <stdio.h>

#include "lib/app/log.h"
#include "policyd/charges.h"
#include "policyd/check.h"
#include "policyd/handover.h"
#include "policyd/hook.h"
#include "policyd/limit_commit.h"
#include "policyd/limit_in_force.h"
#include "policyd/limit_key.h"
#include "policyd/limit_local.h"
#include "policyd/marks.h"
#include "policyd/limit_text.h"

/* The limits of one mode that apply to a request. */
struct group {
    struct check_run *run;
    struct store_call *call;
    bool open;
    bool asking;                         /* inside store_limits */
    size_t n;                            /* rates */
    const struct limit_rule **rules;     /* [STORE_LIMITS_MAX] both */
    struct store_limit *limits;
    struct store_limits_request ask;
};

struct ratelimit_run {
    struct group enforced, observed;
    bool charge_here;                    /* at RCPT: Postfix does not ask at DATA */
    bool asks_at_end;
    int64_t recipients;                  /* at RCPT: of the message, with this one */
};

/* ---- what was decided ---- */

static bool block(const struct check_run *run, const struct limit_rule *rule)
{
    struct marks *marks = run->services->marks;
    char why[100];

    if (marks == NULL || run->req->login.n == 0)
        return false;
    if (marks_why(marks, MARK_BLOCKED, run->req->login) != NULL)
        return true;
    snprintf(why, sizeof(why), "exceeded %s", rule->finding);
    marks_set(marks, MARK_BLOCKED, run->req->login, why, BLOCK_KEEP_MS, NULL, NULL);
    log_warning("login %.*s is blocked: it exceeded %s; when the account is safe again: gatepostctl limits release %.*s",
                SPAN_ARG(run->req->login), rule->finding, SPAN_ARG(run->req->login));
    return true;
}

/* What follows beyond the answer.  period: the key whose rate was exceeded, "NAME:h/VALUE". */
static void react(const struct check_run *run, const struct limit_rule *rule, span period, int64_t retry_ms, bool local)
{
    bool blocked;

    if (run->dry || rule->mode != MODE_ENFORCE)
        return;
    blocked = rule->set->block && !local && block(run, rule);
    if (rule->set->hook && run->services->hook != NULL) {
        span key = span_str(arena_printf(run->arena, "%s%.*s", rule->set->name, SPAN_ARG(span_from(period, span_find(period, '/')))));

        hook_tell(run->services->hook, run, rule, key, retry_ms, blocked);
    }
}

static void report_exceeded(struct check_run *run, const struct limit_rule *rule, int64_t retry_ms, const char *saw, bool local)
{
    struct finding f = { .name = rule->finding, .kind = FINDING_HIT, .mode = rule->mode, .wish = rule->wish, .reply = REPLY_OWN_TEXT, .saw = saw };

    f.text = limit_text(rule, retry_ms, loop_wall_ms(run->services->loop), run->arena);
    if (rule->set->action == LIMIT_PREPEND)
        f.prepend = limit_header(rule, run->arena);
    /* What this process alone has counted is no fact about the whole: it may put off, never refuse. */
    if (local && f.wish == WISH_REJECT)
        f.wish = WISH_DEFER;
    if (!run->dry)
        ++*run->services->count.limits_exceeded;
    check_report(run, &f);
}

static void report_fits(struct check_run *run, const struct limit_rule *rule, int64_t left)
{
    struct finding f = { .name = rule->finding, .kind = FINDING_CLEAR, .mode = rule->mode, .saw = "within" };

    if (run->dry)
        f.saw = arena_printf(run->arena, "within, %lld left", (long long)left);
    check_report(run, &f);
}

static void skip(struct check_run *run, const struct limit_rule *rule, const char *why)
{
    struct finding skipped = { .name = rule->finding, .kind = FINDING_SKIPPED, .mode = rule->mode, .saw = why };

    check_report(run, &skipped);
}

/* One finding a limit: the rates of a limit stand together. */
static void take_result(struct group *g, const struct store_limits_result *r, bool local)
{
    g->open = false;
    for (size_t i = 0, next; i < g->n; i = next) {
        int64_t retry_ms = 0, left = INT64_MAX;
        const char *period = NULL;

        for (next = i; next < g->n && g->rules[next] == g->rules[i]; next++) {
            const struct store_limit_result *each = &r->each[next];

            left = each->left < left ? each->left : left;
            if (each->exceeded && (period == NULL || each->retry_ms > retry_ms)) {
                retry_ms = each->retry_ms;
                period = arena_str(g->run->arena, g->limits[next].key);
            }
        }
        if (period == NULL && r->remembered) {
            skip(g->run, g->rules[i], "not asked: another limit is exceeded");
            continue;
        }
        if (period == NULL) {
            report_fits(g->run, g->rules[i], left);
            continue;
        }
        report_exceeded(g->run, g->rules[i], retry_ms,
                        local ? "exceeded by this process' own count, the store is away" : arena_printf(g->run->arena, "exceeded: %s", period),
                        local);
        react(g->run, g->rules[i], span_str(period), retry_ms, local);
    }
}

static void unknown(struct group *g, const char *why)
{
    g->open = false;
    for (size_t i = 0; i < g->n; i++) {
        struct finding f = { .name = g->rules[i]->finding, .kind = FINDING_UNKNOWN, .mode = g->rules[i]->mode, .saw = why };

        if (i == 0 || g->rules[i] != g->rules[i - 1])
            check_report(g->run, &f);
    }
}

/* What was charged may have to be given back when cfilter refuses the message. */
static void note_charge(const struct check_run *run, const struct store_limits_request *ask, const struct limit_rule *const *rules)
{
    if (run->rules->hand_over && run->message != NULL && !run->dry)
        charges_note(run->message, ask, rules, loop_now_ms(run->services->loop));
}

/* ---- without the store ---- */

static void report_failure(struct check_run *run, const struct limit_rule *rule, const char *why)
{
    struct finding f = { .name = rule->finding, .kind = FINDING_UNKNOWN, .mode = rule->mode, .saw = why };

    if (rule->set->on_failure == LIMIT_FAIL_DEFER) {
        f.kind = FINDING_HIT;
        f.wish = WISH_DEFER;
        f.reply = REPLY_OWN_TEXT;
        f.text = "Limits cannot be looked up now, try again later";
    }
    check_report(run, &f);
}

/* Those that say so are left out of the local count. */
static void fail_by_rule(struct group *g, const char *why)
{
    size_t kept = 0;

    for (size_t i = 0; i < g->n; i++) {
        if (g->rules[i]->set->on_failure == LIMIT_FAIL_LOCAL) {
            g->rules[kept] = g->rules[i];
            g->limits[kept++] = g->limits[i];
        } else if (i == 0 || g->rules[i] != g->rules[i - 1]) {
            report_failure(g->run, g->rules[i], why);
        }
    }
    g->ask.n = g->n = kept;
}

static void count_locally(struct group *g, const char *why)
{
    static struct log_fence fence;
    struct services *sv = g->run->services;
    struct store_limits_result r;

    if (log_fence_pass(&fence, loop_now_ms(sv->loop), MINUTES(1)))
        log_warning("limits: the store is away (%s), this process counts alone until it is back", why != NULL ? why : "no answer");
    ++*sv->count.store_down;
    ++*sv->count.limits_local;
    fail_by_rule(g, why != NULL ? why : "no answer");
    limit_local_hosts(sv->local, g->run->rules->set->store.type == STORE_TYPE_REDIS ? g->run->rules->set->store.hosts : 1);
    limit_local_decide(sv->local, &g->ask, loop_now_ms(sv->loop), &r);
    if (r.committed)
        note_charge(g->run, &g->ask, g->rules);
    take_result(g, &r, true);
}

static void tell(struct check_run *run)
{
    const struct ratelimit_run *st = run->state;
    struct decide_pending pending = { .may_refuse = st->enforced.open };

    if (!st->enforced.open && !st->observed.open)
        return check_done(run);
    check_pending(run, &pending);
    check_step(run);
}

static void limits_decided(const struct store_limits_result *r, void *arg)
{
    struct group *g = arg;

    g->call = NULL;
    if (r->outcome != STORE_DOWN) {
        if (r->committed)
            note_charge(g->run, &g->ask, g->rules);
        take_result(g, r, false);
        if (!g->run->dry)
            limit_commit_owed(g->run->services);
    } else if (g->run->dry) {
        unknown(g, "the store is away");
    } else {
        count_locally(g, r->why);
    }
    if (!g->asking)
        tell(g->run);
}

/* ---- what is asked, and when ---- */

/* `cost` is charged; with 0, room for `want` is looked for.  false: this limit has no question at this state. */
struct question { int64_t cost, want; };

static bool question_at_rcpt(const struct check_run *run, const struct limit_rule *rule, struct question *q)
{
    const struct ratelimit_run *st = run->state;
    bool first = run->message == NULL || run->message->n_let_in == 0;
    uint64_t size;

    switch (rule->set->count) {
    case LIMIT_MESSAGES:
        *q = (struct question){ .cost = st->charge_here && first, .want = 1 };
        return !st->charge_here || first;
    case LIMIT_BYTES:
        size = policy_request_number(&run->req->attrs, POLICY_SIZE);
        *q = (struct question){ .cost = st->charge_here && first ? (int64_t)size : 0, .want = size > 0 ? (int64_t)size : 1 };
        return true;
    case LIMIT_RECIPIENTS:
        *q = (struct question){ .cost = st->charge_here, .want = rule->by_recipient ? 1 : st->recipients };
        return true;
    default:
        return false;
    }
}

static bool question_at_data(const struct check_run *run, const struct limit_rule *rule, struct question *q)
{
    const struct ratelimit_run *st = run->state;
    int64_t recipients = (int64_t)policy_request_number(&run->req->attrs, POLICY_RECIPIENT_COUNT);
    int64_t size = (int64_t)policy_request_number(&run->req->attrs, POLICY_SIZE);

    switch (rule->set->count) {
    case LIMIT_MESSAGES:
        *q = (struct question){ .cost = 1 };
        return !rule->by_recipient;
    case LIMIT_RECIPIENTS:
        *q = (struct question){ .cost = recipients > 0 ? recipients : 1 };
        return !rule->by_recipient;
    case LIMIT_BYTES:
        *q = (struct question){ .cost = size };
        return !rule->by_recipient && !st->asks_at_end && size > 0;
    default:
        return false;
    }
}

static bool question_at_end(const struct check_run *run, const struct limit_rule *rule, struct question *q)
{
    int64_t size = (int64_t)policy_request_number(&run->req->attrs, POLICY_SIZE);

    *q = (struct question){ .cost = size };
    return rule->set->count == LIMIT_BYTES && !rule->by_recipient && size > 0;
}

static bool question_of(const struct check_run *run, const struct limit_rule *rule, struct question *q)
{
    bool asks;

    if (run->req->state == POLICY_STATE_RCPT)
        asks = question_at_rcpt(run, rule, q);
    else if (run->req->state == POLICY_STATE_DATA)
        asks = question_at_data(run, rule, q);
    else
        asks = question_at_end(run, rule, q);
    if (asks && run->dry && q->cost > 0)
        *q = (struct question){ .want = q->cost };
    return asks;
}

/* By the key of the whole limit, whichever rates it has. */
static bool limit_exempt(const struct marks *marks, const struct limit_rule *rule, span value, struct arena *arena)
{
    if (!marks_any(marks, MARK_EXEMPT))
        return false;
    return marks_why(marks, MARK_EXEMPT, span_str(arena_printf(arena, "%s/%.*s", rule->set->name, SPAN_ARG(value)))) != NULL;
}

static void add_limit(struct group *g, const struct limit_rule *rule)
{
    struct check_run *run = g->run;
    struct question q;
    const struct limit_rates *rates;
    const char *whose;
    size_t n;
    span value;

    if (!limit_counts(rule, run->req))
        return skip(run, rule, request_exempt_why(run->req));
    if (!question_of(run, rule, &q))
        return;
    if (!limit_value(rule, run->req, run->req->recipient, run->arena, &value))
        return skip(run, rule, "the request has no such key");
    if (limit_exempt(run->services->marks, rule, value, run->arena))
        return skip(run, rule, "exempt: gatepostctl limits exempt");
    rates = limit_in_force(rule, run->services, run->req, run->req->recipient, value, run->arena, &whose);
    if (rates->unlimited)
        return skip(run, rule, arena_printf(run->arena, "unlimited: %s", whose));
    for (n = limit_questions(rates, value, q.cost, q.want, run->arena, g->limits + g->n, STORE_LIMITS_MAX - g->n); n > 0; n--)
        g->rules[g->n++] = rule;
}

/* Each group, and each state, has its own. */
static span once_of(struct group *g, bool enforced)
{
    static const char *const tags[2][3] = { { "o", "od", "oe" }, { "e", "ed", "ee" } };
    const struct request *r = g->run->req;
    size_t state = r->state == POLICY_STATE_RCPT ? 0 : r->state == POLICY_STATE_DATA ? 1 : 2;

    return limit_once(tags[enforced][state], r, state == 0 ? r->recipient : (span){ NULL, 0 }, g->run->arena);
}

static bool charges(const struct group *g)
{
    for (size_t i = 0; i < g->n; i++) {
        if (g->limits[i].cost > 0)
            return true;
    }
    return false;
}

static void ask_store(struct group *g, bool enforced)
{
    struct services *sv = g->run->services;

    if (g->n == 0)
        return;
    g->ask = (struct store_limits_request){ .limits = g->limits, .n = g->n, .once_ms = CHARGE_ONCE_MS };
    if (charges(g))
        g->ask.once = once_of(g, enforced);
    if (sv->store == NULL)
        return unknown(g, "no store here");
    g->open = true;
    g->asking = true;
    store_limits(sv->store, &g->ask, limits_decided, g, &g->call);
    g->asking = false;
}

/* ---- limits by recipient, at DATA or END-OF-MESSAGE ---- */

static void charge_recipient(const struct check_run *run, span recipient)
{
    bool at_end = run->req->state == POLICY_STATE_END_OF_MESSAGE;
    struct store_limit limits[STORE_LIMITS_MAX];
    const struct limit_rule *rules[STORE_LIMITS_MAX];
    struct store_limits_request ask = { .limits = limits, .once_ms = CHARGE_ONCE_MS };
    int64_t size = (int64_t)policy_request_number(&run->req->attrs, POLICY_SIZE);

    for (size_t i = 0; i < run->rules->n_limits; i++) {
        const struct limit_rule *rule = &run->rules->limits[i];
        bool bytes = rule->set->count == LIMIT_BYTES;
        const struct limit_rates *rates;
        const char *whose;
        span value;

        if (!rule->by_recipient || rule->set->count == LIMIT_REFUSED_RECIPIENTS || bytes != at_end || (bytes && size <= 0) ||
            !limit_counts(rule, run->req) || !limit_value(rule, run->req, recipient, run->arena, &value))
            continue;
        rates = limit_in_force(rule, run->services, run->req, recipient, value, run->arena, &whose);
        for (size_t n = limit_questions(rates, value, bytes ? size : 1, 0, run->arena, limits + ask.n, STORE_LIMITS_MAX - ask.n); n > 0; n--)
            rules[ask.n++] = rule;
    }
    ask.once = limit_once(at_end ? "re" : "rd", run->req, recipient, run->arena);
    note_charge(run, &ask, rules);
    limit_commit(run->services, &ask);
}

static void charge_recipients(const struct check_run *run)
{
    span rest = run->message != NULL ? buf_span(&run->message->let_in) : (span){ NULL, 0 };

    while (rest.n > 0) {
        span recipient = span_str(rest.p);

        charge_recipient(run, recipient);
        rest = span_from(rest, recipient.n + 1);
    }
}

/* ---- start ---- */

static void group_init(struct group *g, struct check_run *run, size_t n_rules)
{
    g->run = run;
    if (n_rules == 0)
        return;
    g->rules = arena_take(run->arena, STORE_LIMITS_MAX * sizeof(*g->rules));
    g->limits = arena_take(run->arena, STORE_LIMITS_MAX * sizeof(*g->limits));
}

static void ratelimit_start(struct check_run *run)
{
    const struct rules *rules = run->rules;
    const struct wiring_context *wiring;
    struct ratelimit_run *st;

    st = run->state = arena_alloc(run->arena, sizeof(*st));
    group_init(&st->enforced, run, rules->n_enforced_limits);
    group_init(&st->observed, run, rules->n_limits - rules->n_enforced_limits);
    wiring = wiring_of(&run->services->wiring, run->req);
    st->charge_here = (run->services->wiring.rcpt_only || !wiring_asks_at_data(wiring)) && !run->dry;
    st->asks_at_end = wiring_asks_at_end(wiring);
    if (run->req->state == POLICY_STATE_RCPT)
        st->recipients = (int64_t)message_recipients_with(run->message, run->req->recipient);
    for (size_t i = 0; i < rules->n_limits; i++)
        add_limit(i < rules->n_enforced_limits ? &st->enforced : &st->observed, &rules->limits[i]);
    ask_store(&st->enforced, true);
    ask_store(&st->observed, false);
    if (rules->counts_by_recipient && run->req->state != POLICY_STATE_RCPT && !run->dry)
        charge_recipients(run);
    tell(run);
}

static void ratelimit_cancel(struct check_run *run)
{
    struct ratelimit_run *st = run->state;
    struct group *groups[] = { &st->enforced, &st->observed };

    for (size_t i = 0; i < 2; i++) {
        store_cancel(&groups[i]->call);
        if (groups[i]->open && run->overdue && !run->dry)
            count_locally(groups[i], "no answer in time");
        else if (groups[i]->open)
            unknown(groups[i], "not waited for");
    }
}

static bool ratelimit_in_use(const struct rules *rules)
{
    return rules->n_limits > 0;
}

const struct check check_ratelimit = {
    .name = "ratelimit", .stage = CHECK_CHARGE,
    .states = CHECK_AT(POLICY_STATE_RCPT) | CHECK_AT(POLICY_STATE_DATA) | CHECK_AT(POLICY_STATE_END_OF_MESSAGE),
    .in_use = ratelimit_in_use, .start = ratelimit_start, .cancel = ratelimit_cancel,
};

/* check_custom.c - the postmaster's own rules, policy.rules.custom.
 *
 * Rules that look at hits or points are judged when every fact is there (rules->custom_after keeps the decision open for them), the others
 * beside the facts.  They hold for logins and trusted networks too: whoever means others says so in the rule.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include <time.h>

#include "policyd/check.h"
#include "policyd/custom_names.h"
#include "policyd/handover.h"

enum { TRACE_MAX = 1000 };

struct judging {
    struct check_run *run;
    const struct custom_rule *rule;
};

/* ---- attributes ---- */

static span local_of(span mailbox)
{
    return span_head(mailbox, span_rfind(mailbox, '@'));
}

static double wall_clock(const struct check_run *run, bool hour)
{
    time_t now = (time_t)(loop_wall_ms(run->services->loop) / 1000);
    struct tm tm;

    if (localtime_r(&now, &tm) == NULL)
        return 0;
    return hour ? tm.tm_hour : tm.tm_wday == 0 ? 7 : tm.tm_wday;
}

/* With this one; at DATA those that were accepted. */
static double recipients(const struct check_run *run)
{
    const struct request *r = run->req;

    if (r->state != POLICY_STATE_RCPT)
        return (double)policy_request_number(&r->attrs, POLICY_RECIPIENT_COUNT);
    return (double)message_recipients_with(run->message, r->recipient);
}

/* A rule that only observes sees what other observers found. */
static bool counts(const struct judging *j, const struct finding *f)
{
    return f->mode == MODE_ENFORCE || (f->mode == MODE_OBSERVE && j->rule->mode == MODE_OBSERVE);
}

static double score(const struct judging *j)
{
    double sum = 0;
    size_t n;
    struct finding *const *found = check_findings(j->run, &n);

    for (size_t i = 0; i < n; i++) {
        if (found[i]->kind == FINDING_HIT && counts(j, found[i]))
            sum += found[i]->points;
    }
    return sum;
}

/* Without a database, or in none of its networks: not known. */
static span country(const struct check_run *run, bool *unknown_out)
{
    char code[3];

    country_of(run->rules->countries, &run->req->client, code);
    *unknown_out = code[0] == '\0';
    return arena_span(run->arena, span_str(code));
}

static void own_attribute(const struct judging *j, unsigned id, struct rule_value *out)
{
    const struct request *r = j->run->req;

    switch ((enum custom_name)id) {
    case NAME_CLIENT:
        out->a = r->client;
        out->unknown = !r->client_plain;
        break;
    case NAME_SENDER_DOMAIN: out->s = r->sender_domain; break;
    case NAME_SENDER_LOCAL: out->s = local_of(r->sender); break;
    case NAME_RECIPIENT_DOMAIN: out->s = r->recipient_domain; break;
    case NAME_RECIPIENT_LOCAL: out->s = local_of(r->recipient); break;
    case NAME_HELO: out->s = r->helo; break;
    case NAME_TLS: out->s = request_attr(r, POLICY_ENCRYPTION_PROTOCOL); break;
    case NAME_LOGIN: out->s = r->login; break;
    case NAME_COUNTRY: out->s = country(j->run, &out->unknown); break;
    case NAME_TRUSTED: out->b = r->trusted; break;
    case NAME_SUBMISSION: out->b = r->submission; break;
    case NAME_HOUR: out->n = wall_clock(j->run, true); break;
    case NAME_WEEKDAY: out->n = wall_clock(j->run, false); break;
    case NAME_RECIPIENTS: out->n = recipients(j->run); break;
    case NAME_SCORE: out->n = score(j); break;
    case CUSTOM_NAMES: out->unknown = true; break;
    }
}

static void attribute(void *arg, unsigned id, struct rule_value *out)
{
    const struct judging *j = arg;

    if (id >= POLICY_ATTRS)
        own_attribute(j, id, out);
    else if (out->type == RULE_NUMBER)
        out->n = (double)policy_request_number(&j->run->req->attrs, (enum policy_attr)id);
    else
        out->s = request_attr(j->run->req, (enum policy_attr)id);
}

/* ---- lists ---- */

static bool in_list(void *arg, unsigned id, const struct rule_value *v)
{
    const struct judging *j = arg;
    const struct rules *r = j->run->rules;
    size_t names = r->set->policy.lists.n;
    const struct set_network *networks = r->set->networks.v;
    span s;

    if (id >= LIST_FIRST + names)
        return ipnet_list_contains(networks[id - LIST_FIRST - names].nets.v, networks[id - LIST_FIRST - names].nets.n, &v->a);
    s = arena_lower(j->run->arena, v->s);
    if (id == LIST_OWN_DOMAINS)
        return s.n > 0 && settings_own_domain(r->set, s);
    return name_list_has_mailbox(&r->lists[id - LIST_FIRST], s, span_find(s, '@') < s.n ? span_from(s, span_rfind(s, '@') + 1) : s);
}

/* ---- hits ---- */

/* What a check could not find out, or was not asked, is not known. */
static void function(void *arg, unsigned id, span name, struct rule_value *out)
{
    const struct judging *j = arg;
    size_t n;
    struct finding *const *found = check_findings(j->run, &n);

    for (size_t i = 0; i < n; i++) {
        if (!span_eq(name, span_str(found[i]->name)))
            continue;
        if (found[i]->kind == FINDING_UNKNOWN || found[i]->kind == FINDING_SKIPPED)
            out->unknown = true;
        if (found[i]->kind != FINDING_HIT || !counts(j, found[i]))
            continue;
        out->b = true;
        out->n += found[i]->points;
    }
    if (id == FUNCTION_HIT && out->b)
        out->unknown = false;
}

/* ---- rules ---- */

static void report(struct judging *j, enum rule_truth truth, const struct rule_env *env)
{
    const struct custom_rule *c = j->rule;
    struct check_run *run = j->run;
    struct finding f = { .name = c->set->name, .kind = FINDING_CLEAR, .mode = c->mode };
    struct buf trace;

    buf_init(&trace, TRACE_MAX);
    (void)rule_run(c->rule, env, &trace);
    f.saw = arena_str(run->arena, buf_span(&trace));
    buf_free(&trace);
    if (truth == RULE_UNKNOWN)
        f.kind = FINDING_UNKNOWN;
    if (truth == RULE_TRUE) {
        f.kind = FINDING_HIT;
        f.points = c->set->points;
        f.wish = c->wish;
        f.text = c->set->text;
        f.reply = c->set->text != NULL ? REPLY_OWN_TEXT : REPLY_DENIED;
        f.prepend = c->set->header;
        if (!run->dry)
            ++*run->services->count.custom;
    }
    check_report(run, &f);
}

static void judge(struct check_run *run, bool after)
{
    for (size_t i = 0; i < run->rules->n_custom; i++) {
        struct judging j = { run, &run->rules->custom[i] };
        struct rule_env env = { &j, attribute, in_list, function };
        enum rule_truth truth;

        if (j.rule->after != after || j.rule->state != run->req->state)
            continue;
        truth = rule_run(j.rule->rule, &env, NULL);
        if (truth == RULE_TRUE || run->dry)
            report(&j, truth, &env);
    }
    check_done(run);
}

static void custom_start(struct check_run *run)
{
    judge(run, false);
}

static void custom_after_start(struct check_run *run)
{
    judge(run, true);
}

static bool custom_in_use(const struct rules *rules)
{
    return rules->n_custom > 0;
}

#define ALL_STATES (CHECK_AT(POLICY_STATE_RCPT) | CHECK_AT(POLICY_STATE_DATA) | CHECK_AT(POLICY_STATE_END_OF_MESSAGE))

const struct check check_custom = { .name = "custom", .stage = CHECK_FACTS, .states = ALL_STATES, .in_use = custom_in_use, .start = custom_start };
const struct check check_custom_after = {
    .name = "custom", .stage = CHECK_AFTER, .states = ALL_STATES, .in_use = custom_in_use, .start = custom_after_start,
};

/* check_harvest.c - so many refused recipients a time: address harvesting.
 *
 * Asked before reject_unlisted_recipient (policy.harvest_contexts), a recipient is charged; asked again at the ordinary hook behind it, he
 * was not refused in between and is given back.  What stays charged are those that Postfix refused.
 * A client over the limit is answered at the first hook, before he learns whether the recipient exists.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "policyd/check.h"
#include "policyd/hook.h"
#include "policyd/limit_commit.h"
#include "policyd/limit_in_force.h"
#include "policyd/limit_key.h"
#include "policyd/limit_text.h"

/* A client may take its time between two recipients, and Postfix asks again after a lost connection. */
#define ONCE_MS MINUTES(10)

struct harvest_run {
    struct check_run *run;
    struct store_call *call;
    bool asking;
    size_t n;
    const struct limit_rule *rules[STORE_LIMITS_MAX];
    struct store_limit limits[STORE_LIMITS_MAX];
    struct store_limits_request ask;
};

static void add_limit(struct harvest_run *h, const struct limit_rule *rule)
{
    const struct request *r = h->run->req;
    const char *whose;
    size_t n;
    span value;

    if (rule->set->count != LIMIT_REFUSED_RECIPIENTS || !limit_counts(rule, r) || !limit_value(rule, r, r->recipient, h->run->arena, &value))
        return;
    for (n = limit_questions(limit_in_force(rule, h->run->services, r, r->recipient, value, h->run->arena, &whose), value, 1, 0, h->run->arena, h->limits + h->n, STORE_LIMITS_MAX - h->n); n > 0; n--)
        h->rules[h->n++] = rule;
}

static void report(struct harvest_run *h, const struct limit_rule *rule, const struct store_limit_result *r, const struct store_limit *l)
{
    struct check_run *run = h->run;
    struct finding f = { .name = rule->finding, .kind = FINDING_CLEAR, .mode = rule->mode, .saw = "within" };

    if (r->exceeded) {
        f.kind = FINDING_HIT;
        f.wish = rule->wish;
        f.reply = REPLY_OWN_TEXT;
        f.text = limit_text(rule, r->retry_ms, loop_wall_ms(run->services->loop), run->arena);
        f.saw = arena_printf(run->arena, "exceeded: %.*s", SPAN_ARG(l->key));
        ++*run->services->count.limits_exceeded;
    }
    check_report(run, &f);
    if (r->exceeded && rule->set->hook && rule->mode == MODE_ENFORCE && run->services->hook != NULL)
        hook_tell(run->services->hook, run, rule, l->key, r->retry_ms, false);
}

static void decided(const struct store_limits_result *r, void *arg)
{
    struct harvest_run *h = arg;

    h->call = NULL;
    for (size_t i = 0; r->outcome == STORE_HIT && i < h->n; i++) {
        bool same = i > 0 && h->rules[i] == h->rules[i - 1];

        if (!same || (r->each[i].exceeded && !r->each[i - 1].exceeded))
            report(h, h->rules[i], &r->each[i], &h->limits[i]);
    }
    if (!h->asking)
        check_done(h->run);
}

static void harvest_start(struct check_run *run)
{
    struct harvest_run *h;

    if (run->dry)
        return check_done(run);
    h = run->state = arena_alloc(run->arena, sizeof(*h));
    h->run = run;
    for (size_t i = 0; i < run->rules->n_limits; i++)
        add_limit(h, &run->rules->limits[i]);
    h->ask = (struct store_limits_request){
        .limits = h->limits, .n = h->n, .once_ms = ONCE_MS, .once = limit_once("h", run->req, run->req->recipient, run->arena),
    };
    if (h->n == 0 || run->services->store == NULL)
        return check_done(run);
    if (!run->req->harvest) {
        limit_commit_refund(run->services, &h->ask);
        return check_done(run);
    }
    check_pending(run, &(struct decide_pending){ .may_refuse = true });
    h->asking = true;
    store_limits(run->services->store, &h->ask, decided, h, &h->call);
    h->asking = false;
    if (h->call == NULL)
        check_done(run);
}

/* The store did not answer in time: nothing is known of him. */
static void harvest_cancel(struct check_run *run)
{
    struct harvest_run *h = run->state;

    store_cancel(&h->call);
}

static bool harvest_in_use(const struct rules *rules)
{
    return rules->counts_refused;
}

const struct check check_harvest = {
    .name = "harvest", .stage = CHECK_FACTS, .states = CHECK_AT(POLICY_STATE_RCPT), .harvest_too = true,
    .in_use = harvest_in_use, .start = harvest_start, .cancel = harvest_cancel,
};

/* check_greylist.c - who is not known has to come again.
 *
 * Asked last, for what nothing else refuses, and only of those that policy.greylist names.  A known correspondent, a marked authority and
 * who has come again passes; the store's silence lets pass.  What the store forgets between two tries this process still knows, so that
 * the second valid try passes whatever becomes of the store.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/base/lru.h"
#include "policyd/check.h"
#include "policyd/grey_key.h"
#include "policyd/grey_told.h"
#include "policyd/host_name.h"
#include "policyd/marks.h"

struct greylist_run {
    struct check_run *run;
    struct store_call *known_call, *grey_call;
    span key, authority;
    bool starting;
    bool known_open, grey_open;
    bool known;
    struct store_grey_result grey;
};

/* ---- who is asked ---- */

static bool suspicious(const struct request *r)
{
    return r->host.n == 0 || host_name_generic(r->host, &r->client);
}

/* NULL: he is. */
static const char *why_not(const struct check_run *run)
{
    const struct greylist_rule *rule = &run->rules->greylist;
    const struct request *r = run->req;
    bool by_score = check_decision(run)->enforced.outcome == OUTCOME_GREYLIST;

    if (r->exempt)
        return request_exempt_why(r);
    if (!r->client_plain)
        return "no client address";
    if (ipnet_list_contains(rule->set->skip_clients.v, rule->set->skip_clients.n, &r->client))
        return "skip_clients";
    if (name_list_has_domain(&rule->skip_hosts, r->host))
        return "skip_hosts";
    if (name_list_has_mailbox(&rule->skip_senders, r->sender, r->sender_domain))
        return "skip_senders";
    if (name_list_has_mailbox(&rule->skip_recipients, r->recipient, r->recipient_domain))
        return "skip_recipients";
    if (rule->set->when == GREYLIST_ALL || by_score)
        return NULL;
    if (rule->set->when == GREYLIST_SCORE)
        return "too few points";
    return suspicious(r) ? NULL : "not suspicious";
}

/* ---- what is answered ---- */

static void count(const struct check_run *run, uint64_t *counter)
{
    if (!run->dry)
        ++*counter;
}

static void report_pass(struct greylist_run *g, const char *saw)
{
    struct finding f = { .name = "greylist", .kind = FINDING_CLEAR, .mode = g->run->rules->greylist.mode, .saw = saw };

    check_report(g->run, &f);
}

static void report_wait(struct greylist_run *g, int64_t wait_ms)
{
    struct check_run *run = g->run;
    struct finding f = {
        .name = "greylist", .kind = FINDING_HIT, .mode = run->rules->greylist.mode, .wish = WISH_DEFER, .reply = REPLY_GREYLISTED,
        .text = arena_printf(run->arena, "%lld", (long long)(wait_ms + 999) / 1000), .saw = arena_str(run->arena, g->key),
    };

    count(run, run->services->count.greylisted);
    check_report(run, &f);
}

static void answer(struct greylist_run *g)
{
    struct check_run *run = g->run;
    struct counters *c = &run->services->count;
    int64_t now_ms = loop_now_ms(run->services->loop);

    if (g->grey.outcome == STORE_DOWN) {
        struct finding f = { .name = "greylist", .kind = FINDING_UNKNOWN, .mode = run->rules->greylist.mode, .saw = "the store is away" };

        count(run, c->store_down);
        check_report(run, &f);
    } else if (g->known) {
        count(run, c->grey_known);
        report_pass(g, "one of ours wrote to the sender");
    } else if (g->grey.answer == GREY_PASS) {
        count(run, g->grey.automatic ? c->grey_automatic : c->grey_passed);
        report_pass(g, g->grey.automatic ? "known: enough of this client's mail has passed" : "has come again");
    } else if (!run->dry && grey_told_again(run->services->grey_told, g->key, run->rules->greylist.set, now_ms)) {
        count(run, c->grey_passed);
        report_pass(g, "has come again, which the store has forgotten");
    } else {
        report_wait(g, g->grey.wait_ms);
    }
}

static void tell(struct greylist_run *g)
{
    if (g->starting || g->known_open || g->grey_open)
        return;
    answer(g);
    check_done(g->run);
}

static void on_known(const struct store_value_result *r, void *arg)
{
    struct greylist_run *g = arg;

    g->known_call = NULL;
    g->known_open = false;
    g->known = r->outcome == STORE_HIT;
    tell(g);
}

static void on_grey(const struct store_grey_result *r, void *arg)
{
    struct greylist_run *g = arg;

    g->grey_call = NULL;
    g->grey_open = false;
    g->grey = *r;
    tell(g);
}

/* ---- start ---- */

/* Mail that goes out: its recipients may answer. */
static void learn(const struct check_run *run)
{
    const struct greylist_rule *rule = &run->rules->greylist;

    if (run->dry || run->services->store == NULL || rule->set->known_keep_ms <= 0 || run->req->recipient.n == 0 ||
        settings_own_domain(run->rules->set, run->req->recipient_domain))
        return;
    store_remember(run->services->store, GREY_KNOWN_TABLE, run->req->recipient, SPAN("1"), rule->set->known_keep_ms, 0, NULL, NULL);
}

static void ask(struct greylist_run *g)
{
    struct check_run *run = g->run;
    const struct set_greylist *set = run->rules->greylist.set;
    struct store_grey_request q = {
        .key = g->key, .delay_ms = set->delay_ms, .window_ms = set->window_ms, .keep_ms = set->keep_ms,
        .auto_key = set->auto_after > 0 ? g->authority : (span){ NULL, 0 }, .auto_after = set->auto_after, .auto_keep_ms = set->auto_keep_ms,
    };

    g->starting = true;
    if (set->known_keep_ms > 0 && run->req->sender.n > 0) {
        g->known_open = true;
        store_recall(run->services->store, GREY_KNOWN_TABLE, run->req->sender, 0, on_known, g, &g->known_call);
    }
    g->grey_open = true;
    store_grey(run->services->store, &q, on_grey, g, &g->grey_call);
    g->starting = false;
    tell(g);
}

static void greylist_start(struct check_run *run)
{
    const struct greylist_rule *rule = &run->rules->greylist;
    struct greylist_run *g;
    const char *skip;

    if (run->req->exempt)
        learn(run);
    if ((skip = why_not(run)) != NULL) {
        check_skip(run, "greylist", rule->mode, skip);
        return check_done(run);
    }
    g = run->state = arena_alloc(run->arena, sizeof(*g));
    g->run = run;
    g->authority = grey_authority(rule, run->req, run->facts->spf_known && run->facts->spf == SPF_PASS, run->arena);
    g->key = grey_key(g->authority, run->req, run->arena);
    if (run->services->store == NULL || marks_why(run->services->marks, MARK_GREY_PASS, g->authority) != NULL) {
        report_pass(g, run->services->store == NULL ? "no store here" : "let through: gatepostctl greylist pass");
        return check_done(run);
    }
    if (run->dry) {                          /* a look would count as a try */
        struct finding f = { .name = "greylist", .kind = FINDING_UNKNOWN, .mode = rule->mode };

        f.saw = arena_printf(run->arena, "not asked, a question counts as a try: gatepostctl greylist show '%.*s'", SPAN_ARG(g->key));
        check_report(run, &f);
        return check_done(run);
    }
    check_pending(run, &(struct decide_pending){ .may_refuse = true });
    ask(g);
}

/* The store did not answer in time: that passes, as if it were away. */
static void greylist_cancel(struct check_run *run)
{
    struct greylist_run *g = run->state;

    store_cancel(&g->known_call);
    store_cancel(&g->grey_call);
    if (run->overdue) {
        struct finding f = { .name = "greylist", .kind = FINDING_UNKNOWN, .mode = run->rules->greylist.mode, .saw = "the store did not answer in time" };

        check_report(run, &f);
    }
}

static bool greylist_in_use(const struct rules *rules)
{
    return rules->greylist.mode != MODE_OFF;
}

const struct check check_greylist = {
    .name = "greylist", .stage = CHECK_CHARGE, .states = CHECK_AT(POLICY_STATE_RCPT), .in_use = greylist_in_use, .start = greylist_start, .cancel = greylist_cancel,
};

/* check_helo.c - what is wrong with the name that a client gives in HELO or EHLO.
 *
 * RFC 5321 4.1.1.1 asks for a domain name or, where there is none, an address literal; 4.1.4 forbids to refuse mail only because the name is
 * not the client's.  So each fault has points.  DNS is asked only for `unresolvable`, and only about a name that is in order otherwise: a
 * name with neither an address nor an MX, as Postfix' reject_unknown_helo_hostname has it.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/proto/domain.h"
#include "policyd/check.h"

/* NULL: nothing. */
static const char *fault_of(const struct check_run *run, double *points_out)
{
    const struct set_helo *set = &run->rules->set->policy.rules.helo;
    const struct request *r = run->req;
    span own = span_str(run->rules->set->hostname), helo = r->helo;
    struct ipaddr literal;

    if (helo.n > 0 && helo.p[helo.n - 1] == '.')
        helo.n--;
    if (domain_is_literal(helo, &literal)) {
        *points_out = set->foreign_literal;
        return ipaddr_eq(&literal, &r->client) ? NULL : "an address that is not the client's";
    }
    if (ipaddr_parse(helo, &literal)) {
        *points_out = set->bare_address;
        return "an address without brackets";
    }
    if (!domain_is_hostname(helo)) {
        *points_out = set->invalid;
        return "no host name";
    }
    if (span_eq_nocase(helo, own) || settings_own_domain(run->rules->set, helo)) {
        *points_out = set->own_name;
        return "a name of ours";
    }
    *points_out = set->non_fqdn;
    return domain_is_fqdn(helo) ? NULL : "a name without a domain";
}

/* ---- does the name exist? ---- */

struct helo_run {
    struct check_run *run;
    struct dnsc_query *query;
    size_t type;                         /* of types[] */
};

static const enum dnsc_type types[] = { DNSC_A, DNSC_AAAA, DNSC_MX };

static void report(struct check_run *run, const char *fault, double points)
{
    struct finding f = { .name = "helo", .kind = FINDING_CLEAR, .mode = run->rules->helo_mode, .saw = "in order" };

    if (fault != NULL && points > 0) {
        f.kind = FINDING_HIT;
        f.saw = fault;
        f.points = points;
        f.reply = REPLY_OWN_TEXT;
        f.text = arena_printf(run->arena, "Your HELO name is %s", fault);
        if (!run->dry)
            ++*run->services->count.helo;
    }
    check_report(run, &f);
}

static void ask_next(struct helo_run *h);

/* Only a full "no" counts: of the name, or of all three types. */
static void on_answer(const struct dnsc_answer *a, void *arg)
{
    struct helo_run *h = arg;
    const struct set_helo *set = &h->run->rules->set->policy.rules.helo;

    h->query = NULL;
    if (a->outcome == DNSC_NODATA && h->type + 1 < sizeof(types) / sizeof(types[0])) {
        h->type++;
        return ask_next(h);
    }
    if (a->outcome == DNSC_FOUND)
        report(h->run, NULL, 0);
    else if (a->outcome == DNSC_NXDOMAIN || a->outcome == DNSC_NODATA)
        report(h->run, "a name that does not exist in DNS", set->unresolvable);
    else
        check_report(h->run, &(struct finding){ .name = "helo", .kind = FINDING_UNKNOWN, .mode = h->run->rules->helo_mode,
                                                .saw = arena_printf(h->run->arena, "in order; in DNS: %s", dnsc_outcome_name(a->outcome)) });
    check_done(h->run);
}

static void ask_next(struct helo_run *h)
{
    dnsc_ask(h->run->rules->resolver->dnsc, h->run->req->helo, types[h->type], h->run->rules->set->policy.timeout_ms, on_answer, h, &h->query);
}

static void ask_dns(struct check_run *run)
{
    const struct set_helo *set = &run->rules->set->policy.rules.helo;
    struct helo_run *h = run->state = arena_alloc(run->arena, sizeof(*h));

    h->run = run;
    check_pending(run, &(struct decide_pending){ .high = run->rules->helo_mode == MODE_ENFORCE ? set->unresolvable : 0, .would_high = set->unresolvable });
    ask_next(h);
}

static void helo_cancel(struct check_run *run)
{
    struct helo_run *h = run->state;

    dnsc_cancel(&h->query);
    check_report(run, &(struct finding){ .name = "helo", .kind = FINDING_UNKNOWN, .mode = run->rules->helo_mode,
                                         .saw = run->overdue ? "no answer in time" : "not waited for" });
}

static void helo_start(struct check_run *run)
{
    const struct set_helo *set = &run->rules->set->policy.rules.helo;
    const char *fault;
    double points = 0;

    if (run->req->exempt || !run->req->client_plain || run->req->helo.n == 0) {
        check_skip(run, "helo", run->rules->helo_mode,
                   run->req->exempt ? request_exempt_why(run->req) : run->req->helo.n == 0 ? "no HELO" : "no client address");
        return check_done(run);
    }
    fault = fault_of(run, &points);
    if (fault == NULL && set->unresolvable > 0 && run->rules->resolver != NULL && run->services->recorded == NULL && domain_is_fqdn(run->req->helo))
        return ask_dns(run);
    report(run, fault, points);
    check_done(run);
}

static bool helo_in_use(const struct rules *rules)
{
    return rules->helo_mode != MODE_OFF;
}

const struct check check_helo = { .name = "helo", .stage = CHECK_FACTS, .states = CHECK_AT(POLICY_STATE_RCPT), .in_use = helo_in_use, .start = helo_start, .cancel = helo_cancel };

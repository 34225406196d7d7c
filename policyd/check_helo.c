/* check_helo.c - what is wrong with the name that a client gives in HELO or EHLO.
 *
 * RFC 5321 4.1.1.1 asks for a domain name or, where there is none, an address literal; 4.1.4 forbids to refuse mail only because the name is
 * not the client's.  So each fault has points, and none asks DNS.
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

static void helo_start(struct check_run *run)
{
    struct finding f = { .name = "helo", .kind = FINDING_CLEAR, .mode = run->rules->helo_mode, .saw = "in order" };
    const char *fault;

    if (run->rules->helo_mode == MODE_OFF)
        return check_done(run);
    if (run->req->exempt || !run->req->client_plain || run->req->helo.n == 0) {
        check_skip(run, "helo", run->rules->helo_mode,
                   run->req->exempt ? request_exempt_why(run->req) : run->req->helo.n == 0 ? "no HELO" : "no client address");
        return check_done(run);
    }
    if ((fault = fault_of(run, &f.points)) != NULL && f.points > 0) {
        f.kind = FINDING_HIT;
        f.saw = fault;
        f.reply = REPLY_OWN_TEXT;
        f.text = arena_printf(run->arena, "Your HELO name is %s", fault);
        if (!run->dry)
            ++*run->services->count.helo;
    } else {
        f.points = 0;
    }
    check_report(run, &f);
    check_done(run);
}

const struct check check_helo = { .name = "helo", .stage = CHECK_FACTS, .states = CHECK_AT(POLICY_STATE_RCPT), .start = helo_start };

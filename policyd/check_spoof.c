/* check_spoof.c - an envelope sender of an own domain that comes from outside.
 *
 * Forwarders and services that mail in the domain's name do this with good reason: so it observes by default, and partners' networks
 * can be named.  A client that the domain's SPF record allows is no stranger; until that is known nothing is said, nor about a client
 * whose address is not known.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "policyd/check.h"

static bool is_partner(const struct spoof_rule *rule, const struct ipaddr *client)
{
    for (size_t i = 0; i < rule->n; i++) {
        if (ipnet_list_contains(rule->partners[i]->v, rule->partners[i]->n, client))
            return true;
    }
    return false;
}

static const char *why_not(const struct check_run *run)
{
    const struct request *r = run->req;

    if (run->rules->spoof.mode == MODE_OFF)
        return "off";
    if (run->rules->set->domains.n == 0)
        return "no own domains";
    if (r->exempt)
        return request_exempt_why(r);
    if (!r->client_plain)
        return "no client address";
    return NULL;
}

static void spoof_start(struct check_run *run)
{
    const struct spoof_rule *rule = &run->rules->spoof;
    const char *skip = why_not(run);
    struct finding f = { .name = "spoof", .kind = FINDING_CLEAR, .mode = rule->mode, .saw = "not an own domain" };

    if (skip != NULL) {
        check_skip(run, "spoof", rule->mode, skip);
    } else if (run->req->sender_domain.n == 0 || !settings_own_domain(run->rules->set, run->req->sender_domain)) {
        check_report(run, &f);
    } else if (is_partner(rule, &run->req->client)) {
        f.saw = "partner network";
        check_report(run, &f);
    } else if (run->facts->spf_known && run->facts->spf == SPF_PASS) {
        f.saw = "SPF allows the client";
        check_report(run, &f);
    } else if (run->rules->resolver != NULL && (!run->facts->spf_known || run->facts->spf == SPF_TEMPERROR)) {
        f.kind = FINDING_UNKNOWN;
        f.saw = "whether SPF allows the client is not known";
        check_report(run, &f);
    } else {
        f.kind = FINDING_HIT;
        f.wish = WISH_REJECT;
        f.reply = REPLY_SPOOFED;
        f.saw = arena_str(run->arena, run->req->sender_domain);
        if (!run->dry)
            ++*run->services->count.spoofed;
        check_report(run, &f);
    }
    check_done(run);
}

const struct check check_spoof = { .name = "spoof", .stage = CHECK_AFTER, .states = CHECK_AT(POLICY_STATE_RCPT), .start = spoof_start };

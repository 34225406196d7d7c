/* check_client_name.c - what is wrong with the client's name in DNS, as Postfix has found it.
 *
 * Postfix gives "unknown" as reverse_client_name where the address has no name, and as client_name where the name does not lead back to
 * the address.  It says the same when DNS did not answer it: so these are points, and few.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "policyd/check.h"

static bool unknown(span name)
{
    return span_eq_nocase(name, SPAN("unknown"));
}

static void client_name_start(struct check_run *run)
{
    const struct set_client_name *set = &run->rules->set->policy.rules.client_name;
    const struct request *r = run->req;
    span reverse = request_attr(r, POLICY_REVERSE_CLIENT_NAME);
    struct finding f = { .name = "client_name", .kind = FINDING_CLEAR, .mode = run->rules->client_name_mode, .saw = "confirmed" };

    if (r->exempt || !r->client_plain || reverse.n == 0) {
        check_skip(run, "client_name", run->rules->client_name_mode,
                   r->exempt ? request_exempt_why(r) : !r->client_plain ? "no client address" : "Postfix does not tell");
        return check_done(run);
    }
    if (unknown(reverse)) {
        f.points = set->missing;
        f.saw = "the address has no name";
    } else if (unknown(request_attr(r, POLICY_CLIENT_NAME))) {
        f.points = set->unconfirmed;
        f.saw = arena_printf(run->arena, "%.*s does not lead back to the address", SPAN_ARG(span_head(reverse, 255)));
    }
    if (f.points > 0) {
        f.kind = FINDING_HIT;
        f.reply = REPLY_OWN_TEXT;
        f.text = unknown(reverse) ? "Your address has no name in DNS" : "Your name in DNS does not lead back to your address";
    }
    check_report(run, &f);
    check_done(run);
}

static bool client_name_in_use(const struct rules *rules)
{
    return rules->client_name_mode != MODE_OFF;
}

const struct check check_client_name = { .name = "client_name", .stage = CHECK_FACTS, .states = CHECK_AT(POLICY_STATE_RCPT), .in_use = client_name_in_use, .start = client_name_start };

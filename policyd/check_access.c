/* check_access.c - networks that are always let in (allow) and networks that never are (deny).
 *
 * Allow wins over deny and over every other check; deny holds for logins and trusted networks too, because whoever wrote one
 * machine of the own network there meant it.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "policyd/check.h"

static bool rule_names(const struct access_rule *rule, const struct ipaddr *client, struct arena *arena, const char **net_out)
{
    for (size_t i = 0; i < rule->n; i++) {
        for (size_t k = 0; k < rule->nets[i]->n; k++) {
            char text[IPADDR_TEXT_MAX + 4];

            if (!ipnet_contains(&rule->nets[i]->v[k], client))
                continue;
            ipnet_format(&rule->nets[i]->v[k], text);
            *net_out = arena_str(arena, span_str(text));
            return true;
        }
    }
    return false;
}

static void run_rule(struct check_run *run, const char *name, const struct access_rule *rule, enum wish wish, uint64_t *count)
{
    struct finding f = { .name = name, .kind = FINDING_CLEAR, .mode = rule->mode, .saw = "not named" };

    if (rule->n == 0)
        return;
    if (rule->mode == MODE_OFF || !run->req->client_plain) {
        f.kind = FINDING_SKIPPED;
        f.saw = rule->mode == MODE_OFF ? "off" : "no client address";
    } else if (rule_names(rule, &run->req->client, run->arena, &f.saw)) {
        f.kind = FINDING_HIT;
        f.wish = wish;
        if (!run->dry)
            ++*count;
    }
    check_report(run, &f);
}

static void access_start(struct check_run *run)
{
    run_rule(run, "allow", &run->rules->allow, WISH_ALLOW, run->services->count.allowed);
    run_rule(run, "deny", &run->rules->deny, WISH_REJECT, run->services->count.denied);
    check_done(run);
}

const struct check check_access = { .name = "access", .stage = CHECK_FACTS, .states = CHECK_AT(POLICY_STATE_RCPT), .start = access_start };

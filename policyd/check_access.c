/* check_access.c - who is always let in (allow) and who never is (deny).
 *
 * Allow wins over deny and over every other check; deny holds for logins and trusted networks too, because whoever wrote one
 * machine of the own network there meant it.  A client name counts only where Postfix has confirmed it.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "policyd/check.h"

static bool names_address(const struct access_rule *rule, const struct ipaddr *client, struct arena *arena, const char **net_out)
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

/* "TLSv1", "TLSv1.1", ...: is it older?  What has another name is not known to be. */
static bool tls_is_below(span version, enum tls_version least)
{
    static const char *const names[] = { "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2" };     /* TLS_1_1 is above the first two, and so on */

    for (size_t i = 0; least != TLS_ANY && i < (size_t)least + 1; i++) {
        if (span_eq_nocase(version, span_str(names[i])))
            return true;
    }
    return false;
}

static bool names_fingerprint(const struct access_rule *rule, const struct check_run *run)
{
    return rule->fingerprints.n > 0 &&
           (name_list_has(&rule->fingerprints, arena_lower(run->arena, request_attr(run->req, POLICY_CCERT_FINGERPRINT))) ||
            name_list_has(&rule->fingerprints, arena_lower(run->arena, request_attr(run->req, POLICY_CCERT_PUBKEY_FINGERPRINT))));
}

static bool names_country(const struct access_rule *rule, const struct check_run *run)
{
    char code[3];

    if (rule->countries.n == 0 || !run->req->client_plain)
        return false;
    country_of(run->rules->countries, &run->req->client, code);
    return name_list_has(&rule->countries, arena_lower(run->arena, span_str(code)));
}

/* NULL: nobody that the rule names. */
static const char *names(const struct access_rule *rule, const struct check_run *run)
{
    const struct request *r = run->req;
    const char *net;

    if (r->client_plain && names_address(rule, &r->client, run->arena, &net))
        return net;
    if (name_list_has_domain(&rule->hosts, r->host))
        return "client name";
    if (name_list_has_domain(&rule->helo, r->helo))
        return "HELO name";
    if (name_list_has_mailbox(&rule->senders, r->sender, r->sender_domain))
        return "sender";
    if (name_list_has_mailbox(&rule->recipients, r->recipient, r->recipient_domain))
        return "recipient";
    if (rule->logins.n > 0 && name_list_has(&rule->logins, arena_lower(run->arena, r->login)))
        return "login";
    if (names_fingerprint(rule, run))
        return "certificate";
    if (names_country(rule, run))
        return "country";
    return tls_is_below(request_attr(r, POLICY_ENCRYPTION_PROTOCOL), rule->tls_below) ? "old TLS" : NULL;
}

static void run_rule(struct check_run *run, const char *name, const struct access_rule *rule, enum wish wish, uint64_t *count)
{
    struct finding f = { .name = name, .kind = FINDING_CLEAR, .mode = rule->mode, .saw = "not named" };
    const char *what;

    if (!rule->any)
        return;
    if (rule->mode == MODE_OFF) {
        f.kind = FINDING_SKIPPED;
        f.saw = "off";
    } else if ((what = names(rule, run)) != NULL) {
        f.kind = FINDING_HIT;
        f.wish = wish;
        f.saw = what;
        if (rule->text != NULL && rule->text[0] != '\0') {
            f.reply = REPLY_OWN_TEXT;
            f.text = rule->text;
        }
        if (!run->dry)
            ++*count;
    } else if (!run->req->client_plain) {
        f.kind = FINDING_SKIPPED;
        f.saw = "no client address";
    }
    check_report(run, &f);
}

static void access_start(struct check_run *run)
{
    run_rule(run, "allow", &run->rules->allow, WISH_ALLOW, run->services->count.allowed);
    run_rule(run, "deny", &run->rules->deny, WISH_REJECT, run->services->count.denied);
    check_done(run);
}

static bool access_in_use(const struct rules *rules)
{
    return rules->allow.any || rules->deny.any;
}

const struct check check_access = { .name = "access", .stage = CHECK_FACTS, .states = CHECK_AT(POLICY_STATE_RCPT), .in_use = access_in_use, .start = access_start };

/* request.c - one access request as the checks see it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "policyd/request.h"

#include "lib/proto/domain.h"

static bool is_ascii(span s)
{
    for (size_t i = 0; i < s.n; i++) {
        if ((s.p[i] & 0x80) != 0)
            return false;
    }
    return true;
}

/* The domain behind the last "@" (Postfix writes local-parts without quotes, and one may hold others).  U-labels become A-labels,
 * because gatepost.yaml's domains are such; what is no domain name stays as it was written. */
span request_domain_of(struct arena *arena, span mailbox_lower)
{
    span domain = span_from(mailbox_lower, span_rfind(mailbox_lower, '@') + 1), normal;
    char text[DOMAIN_TEXT_MAX];

    if (domain.n > 0 && domain.p[domain.n - 1] == '.')
        domain.n--;
    if (is_ascii(domain))
        return domain;
    return domain_normalise(domain, text, &normal) == DOMAIN_OK ? arena_span(arena, normal) : domain;
}

/* Postfix writes a bare address.  "unknown", a mapped or a scoped form are addresses that no list or network speaks of:
 * they may earn trust, but address checks leave them alone. */
static void prepare_client(struct request *r)
{
    span text = request_attr(r, POLICY_CLIENT_ADDRESS);

    r->client_text[0] = '\0';
    r->client_plain = false;
    if (!ipaddr_parse(text, &r->client)) {
        r->client = (struct ipaddr){ .family = 0 };
        return;
    }
    ipaddr_format(&r->client, r->client_text);
    r->client_plain = span_find(text, '%') == text.n && span_find(text, '[') == text.n && !span_starts_nocase(text, SPAN("ipv6:")) &&
                      (r->client.family == 6 || span_find(text, ':') == text.n);
}

static bool is_context(const struct request *r, const struct conf_strings *contexts)
{
    span context = request_attr(r, POLICY_CONTEXT);

    for (size_t i = 0; context.n > 0 && i < contexts->n; i++) {
        if (span_eq(context, span_str(contexts->v[i])))
            return true;
    }
    return false;
}

/* Postfix writes "unknown" for a name that does not lead back to the address. */
static span host_of(const struct request *r, struct arena *arena)
{
    span name = request_attr(r, POLICY_CLIENT_NAME);

    return span_eq(name, SPAN("unknown")) ? (span){ NULL, 0 } : arena_lower(arena, name);
}

void request_prepare(struct request *r, const struct settings *set, struct arena *arena)
{
    r->state = policy_request_state(&r->attrs);
    prepare_client(r);
    r->sender = arena_lower(arena, request_attr(r, POLICY_SENDER));
    r->recipient = arena_lower(arena, request_attr(r, POLICY_RECIPIENT));
    r->helo = arena_lower(arena, request_attr(r, POLICY_HELO_NAME));
    r->host = host_of(r, arena);
    r->sender_domain = request_domain_of(arena, r->sender);
    r->recipient_domain = request_domain_of(arena, r->recipient);
    r->login = request_attr(r, POLICY_SASL_USERNAME);

    r->trusted = r->client.family != 0 && settings_trusts(set, &r->client);
    r->submission = is_context(r, &set->policy.submission_contexts);
    r->harvest = is_context(r, &set->policy.harvest_contexts);
    r->exempt = r->trusted || r->submission || r->login.n > 0;
}

const char *request_exempt_why(const struct request *r)
{
    if (r->login.n > 0)
        return "login";
    if (r->trusted)
        return "trusted network";
    return r->submission ? "submission" : NULL;
}

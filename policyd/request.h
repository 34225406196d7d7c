/* request.h - one access request as the checks see it.
 *
 * The attributes are what Postfix sent (lib/proto/policy.h); the typed members are derived from them once, by request_prepare.
 * Ownership: spans point into the memory the request was made from (the decision's arena) and live as long.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_POLICYD_REQUEST_H
#define GATEPOST_POLICYD_REQUEST_H

#include "lib/base/arena.h"
#include "lib/proto/policy.h"
#include "lib/settings/settings.h"

struct request {
    struct policy_request attrs;

    enum policy_state state;
    struct ipaddr client;            /* family 0: none; also filled for a mapped or scoped form, for trust only */
    bool client_plain;               /* a plain IPv4 or IPv6 address: address checks may use it */
    char client_text[IPADDR_TEXT_MAX];
    span sender, recipient, helo;    /* lower case; sender empty: the null reverse-path */
    span sender_domain, recipient_domain;   /* lower case, A-labels where they can be had; empty: none */
    span host;                       /* the client name that Postfix has confirmed, lower case; empty: none */
    span login;                      /* sasl_username */

    bool trusted;                    /* the client is in networks.trusted */
    bool submission;                 /* policy_context is one of policy.submission_contexts */
    bool harvest;                    /* policy_context is one of policy.harvest_contexts */
    bool exempt;                     /* trusted, a login or a submission: DNSBL and spoofing rules do not apply */
};

/* Derives the typed members.  Never fails: what cannot be read is left out. */
void request_prepare(struct request *r, const struct settings *set, struct arena *arena);
/* The domain of a mailbox in lower case, as the members have it: A-labels where they can be had. */
span request_domain_of(struct arena *arena, span mailbox_lower);
/* Why DNSBL and spoofing rules do not apply: "login", "trusted network", "submission"; NULL when they do. */
const char *request_exempt_why(const struct request *r);

static inline span request_attr(const struct request *r, enum policy_attr a)
{
    return r->attrs.v[a];
}

#endif

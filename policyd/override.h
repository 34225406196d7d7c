/* override.h - rates of their own for some keys of a limit: logins, addresses, domains, groups, networks.
 *
 * WHO is a login or an address as it is, "@example.com" (all of this domain), ".example.com" (all below it), "list:NAME" (policy.lists),
 * "network:NAME" (networks), an address or a network.  Case does not count.  What names more exactly comes first, in this order; of
 * networks the longest prefix.
 * Immutable once made; a look-up takes time by the number of labels, lists and networks, not of names.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_POLICYD_OVERRIDE_H
#define GATEPOST_POLICYD_OVERRIDE_H

#include "policyd/limit_rates.h"

struct overrides;

/* One part of a limit's key, as a request has it. */
struct override_subject {
    span name;                           /* lower case; n == 0: none */
    span domain;                         /* of name, or name itself; n == 0: none */
    const struct ipaddr *client;         /* NULL: none */
};

/* set: lends lists and networks, and must outlive it, as must limit. */
struct overrides *overrides_new(const struct settings *set, const struct set_limit *limit);
void overrides_free(struct overrides **o);
/* false with err: nothing is added.  A WHO that is there already is an error. */
bool overrides_add(struct overrides *o, span who, const struct conf_strings *rate, struct errtext *err);
size_t overrides_count(const struct overrides *o);
/* The rates, NULL when none of the subjects has any; *who_out as it was written.  o may be NULL. */
const struct limit_rates *overrides_find(const struct overrides *o, const struct override_subject *subjects, size_t n, const char **who_out);

#endif

/* custom_names.h - what the names in policy.rules.custom stand for.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_POLICYD_CUSTOM_NAMES_H
#define GATEPOST_POLICYD_CUSTOM_NAMES_H

#include "lib/proto/policy.h"

/* Attributes: below POLICY_ATTRS Postfix' own, by their names; then these. */
enum custom_name {
    NAME_CLIENT = POLICY_ATTRS, NAME_SENDER_DOMAIN, NAME_SENDER_LOCAL, NAME_RECIPIENT_DOMAIN, NAME_RECIPIENT_LOCAL, NAME_HELO, NAME_TLS,
    NAME_LOGIN, NAME_COUNTRY, NAME_TRUSTED, NAME_SUBMISSION, NAME_HOUR, NAME_WEEKDAY, NAME_RECIPIENTS, NAME_SCORE, CUSTOM_NAMES
};

/* Lists: own_domains, then those of policy.lists, then those of networks. */
enum { LIST_OWN_DOMAINS = 0, LIST_FIRST = 1 };

enum custom_function { FUNCTION_HIT, FUNCTION_POINTS };

#endif

/* checks.c - the table of checks.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "policyd/check.h"

extern const struct check check_access, check_blocked, check_client_name, check_custom, check_custom_after, check_harvest, check_helo, check_recipients, check_spf,
    check_lua, check_spoof, check_dnsbl, check_greylist, check_ratelimit;

const struct check *const all_checks[] = {
    &check_access, &check_blocked, &check_custom, &check_custom_after, &check_harvest, &check_helo, &check_client_name, &check_recipients, &check_spf,
    &check_spoof, &check_lua, &check_dnsbl, &check_greylist, &check_ratelimit, NULL,
};

_Static_assert(sizeof(all_checks) / sizeof(all_checks[0]) <= CHECKS_MAX + 1, "a decision has room for all checks");

void checks_in_use(struct rules *rules)
{
    for (unsigned i = 0; all_checks[i] != NULL; i++) {
        const struct check *check = all_checks[i];

        if (check->in_use != NULL && !check->in_use(rules))
            continue;
        for (unsigned state = 0; state < POLICY_STATES; state++) {
            if ((check->states & CHECK_AT(state)) != 0)
                rules->checks[check->stage][state] |= 1U << i;
        }
    }
}

/* settings_spf.c - rows of policy.rules.spf.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#include "lib/settings/rows.h"

#define AT(f) offsetof(struct set_spf, f)

static const char *const failure_words[] = { "pass", "defer", NULL };

const struct conf_key spf_rows[] = {
    { "mode", CONF_ENUM, AT(mode), 0, 0, "off", APPLY_LIVE, "Mode of this rule; off unless told otherwise.", .words = mode_words },
    { "fail", CONF_NUMBER, AT(fail), -1000, 1000, "3", APPLY_LIVE, "Points of a client that the sender's domain does not allow (-all)." },
    { "softfail", CONF_NUMBER, AT(softfail), -1000, 1000, "1", APPLY_LIVE, "Points of one that it allows for now (~all)." },
    { "neutral", CONF_NUMBER, AT(neutral), -1000, 1000, "0", APPLY_LIVE, "Points where it does not say." },
    { "none", CONF_NUMBER, AT(none), -1000, 1000, "0", APPLY_LIVE, "Points of a domain without an SPF record." },
    { "permerror", CONF_NUMBER, AT(permerror), -1000, 1000, "0", APPLY_LIVE, "Points of a record that is broken." },
    { "pass", CONF_NUMBER, AT(pass), -1000, 1000, "0", APPLY_LIVE, "Points of a client that it allows." },
    { "on_failure", CONF_ENUM, AT(on_failure), 0, 0, "pass", APPLY_LIVE, "When DNS does not answer (temperror): nothing, or a 4xx.", .words = failure_words },
    { "header", CONF_BOOL, AT(header), 0, 0, "yes", APPLY_LIVE, "Adds a Received-SPF field to each message." },
    { "*", CONF_ENUM, AT(mode), 0, 0, NULL, APPLY_LIVE, "The mode.", .words = mode_words },
    { NULL },
};
#undef AT

/* limit_in_force.h - the rates that hold for one key of a limit, now.
 *
 * What gatepostctl has set for the key, else an override of the file, else of the directory, else of the configuration, else the limit's own.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_POLICYD_LIMIT_IN_FORCE_H
#define GATEPOST_POLICYD_LIMIT_IN_FORCE_H

#include "policyd/request.h"
#include "policyd/rules.h"
#include "policyd/services.h"

/* value: limit_value's, for the same recipient.  *why_out: whose override it is, in the arena or the rules; NULL: the limit's own. */
const struct limit_rates *limit_in_force(const struct limit_rule *rule, const struct services *s, const struct request *r, span recipient,
                                         span value, struct arena *arena, const char **why_out);

#endif

/* limit_key.h - what has a count of its own: a request's value under the key of a limit.
 *
 * "NAME/VALUE" or "NAME/VALUE|VALUE", "NAME:h/VALUE" where a limit has several rates; lower case; '%', '|' and bytes outside printable
 * ASCII as %XX.  What is too long for any address is cut, and such keys share their count.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_POLICYD_LIMIT_KEY_H
#define GATEPOST_POLICYD_LIMIT_KEY_H

#include "policyd/request.h"
#include "policyd/rules.h"

/* The values alone, "VALUE|VALUE", in the arena; false when the request has none: the limit does not apply.  `recipient` stands for the
 * request's own. */
bool limit_value(const struct limit_rule *rule, const struct request *r, span recipient, struct arena *arena, span *value_out);
/* The parts of the key one by one, for overrides; how many. */
size_t limit_subjects(const struct limit_rule *rule, const struct request *r, span recipient, struct arena *arena,
                      struct override_subject to[LIMIT_PARTS_MAX]);
/* The questions to the store, one a rate, into to[0] and on; how many. */
size_t limit_questions(const struct limit_rates *rates, span value, int64_t cost, int64_t want, struct arena *arena, struct store_limit *to, size_t room);
/* Whether the limit counts this sender at all. */
static inline bool limit_counts(const struct limit_rule *rule, const struct request *r)
{
    return !r->exempt || rule->set->trusted_too;
}

/* Once a request, however often Postfix asks: "TAG/instance/client[/recipient]"; empty without an instance. */
span limit_once(const char *tag, const struct request *r, span recipient, struct arena *arena);

#endif

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
span limit_key(const struct limit_window *window, span value, struct arena *arena);

/* Once a request, however often Postfix asks: "TAG/instance/client[/recipient]"; empty without an instance. */
span limit_once(const char *tag, const struct request *r, span recipient, struct arena *arena);

#endif

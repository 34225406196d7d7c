/* limit_text.h - what a sender is told about a limit.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_POLICYD_LIMIT_TEXT_H
#define GATEPOST_POLICYD_LIMIT_TEXT_H

#include "lib/base/arena.h"
#include "policyd/rules.h"

/* The words of a refusal: the limit's own, with %r (seconds) and %T (RFC 5322 date and time) filled in, or ours. */
const char *limit_text(const struct limit_rule *rule, int64_t retry_ms, int64_t wall_ms, struct arena *arena);
/* The header field of LIMIT_PREPEND. */
const char *limit_header(const struct limit_rule *rule, struct arena *arena);

#endif

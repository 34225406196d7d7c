/* list_patterns.h - recipients by regular expressions: whole addresses, without case.
 *
 * Compiled once, matched with PCRE2's own limits: an expression that runs away matches nothing, and is told of.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_SOCKETMAPD_LIST_PATTERNS_H
#define GATEPOST_SOCKETMAPD_LIST_PATTERNS_H

#include "lib/base/errtext.h"
#include "lib/base/span.h"

struct list_patterns;

/* One a line, without slashes.  NULL with err, which quotes the one that is wrong. */
struct list_patterns *list_patterns_new(span lines, struct errtext *err);
void list_patterns_free(struct list_patterns **p);
/* The first that the whole address matches, or NULL; *failed_out: one ran into its limit. */
const char *list_patterns_match(const struct list_patterns *p, span address, bool *failed_out);

#endif

/* name_list.h - addresses, domains and host names that a rule names.
 *
 * "bob@example.com": this mailbox; "@example.com" or "example.com": this domain; ".example.com": every name below it.  Case does not count.
 * Immutable once made; a look-up takes time by the number of labels, not of entries.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_POLICYD_NAME_LIST_H
#define GATEPOST_POLICYD_NAME_LIST_H

#include "lib/base/arena.h"
#include "lib/conf/conf.h"

struct name_list {
    span *v;                 /* sorted */
    size_t n;
};

void name_list_make(struct name_list *list, const struct conf_strings *names, struct arena *arena);
/* Names in lower case.  A domain of no bytes is in no list. */
bool name_list_has_domain(const struct name_list *list, span domain);
/* This very name, nothing above it: for logins. */
bool name_list_has(const struct name_list *list, span name);
bool name_list_has_mailbox(const struct name_list *list, span mailbox, span domain);

#endif

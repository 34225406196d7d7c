/* grey_key.h - who is greylisted, and for what: the key of an entry.
 *
 * "{AUTHORITY}/SENDER/RECIPIENT".  The authority is who sends: the sender's domain where SPF says that the client may send for it, else the organisation of a confirmed host name that is not a provider's, so that a
 * pool of hosts is one sender; else the network.  The part in braces keeps an authority's entries together in a cluster.
 * Sources:   what of a sender changes with every message is left out: digits (VERP), BATV (draft-levine-smtp-batv), SRS, sub-addresses.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_POLICYD_GREY_KEY_H
#define GATEPOST_POLICYD_GREY_KEY_H

#include "policyd/request.h"
#include "policyd/rules.h"

/* spf_pass: the sender's domain allows the client.  "{example.net}" or "{192.0.2.0/24}"; empty without an address. */
span grey_authority(const struct greylist_rule *rule, const struct request *r, bool spf_pass, struct arena *arena);
span grey_key(span authority, const struct request *r, struct arena *arena);
/* The sender as it is the same for every message of one kind. */
span grey_sender(span sender, struct arena *arena);

#endif

/* plausible.h - whether what a directory proposes may take addresses away.
 *
 * Pure.  A proposal that is complete can still be wrong: a bind user that lost its rights, an emptied replica, a base
 * that somebody moved.  Such a proposal adds, and removes nothing, until a person accepts it.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_SOCKETMAPD_PLAUSIBLE_H
#define GATEPOST_SOCKETMAPD_PLAUSIBLE_H

#include "socketmapd/rcpt_set.h"

struct plausible_limits {
    double max_removed_percent;            /* of all addresses */
    int64_t max_removed_least;             /* so many may always go */
    double max_domain_removed_percent;     /* of each domain's */
};

/* A domain of the set in force that has lost addresses. */
struct plausible_domain { span name; uint64_t had, removed; };

struct plausible_change {
    const struct rcpt_set_about *old, *neu;
    uint64_t had, removed, added, has;     /* addresses: present before, of them gone, new ones, present now */
    const struct plausible_domain *domains;
    size_t n_domains;
    span missing_canary;                   /* p == NULL: all are there */
};

/* Whether it takes everybody, or a whole domain of note: never to be believed without a person. */
bool plausible_is_drastic(const struct plausible_change *c);
/* true, or false with the reason. */
bool plausible(const struct plausible_change *c, const struct plausible_limits *limits, struct errtext *why);

#endif

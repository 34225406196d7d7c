/* share.h - one directory, many hosts: one of them reads it, the others take what it read out of Redis.
 *
 * Leader:    holds a lock that runs out unless it is renewed, with a token that rises with every holder; what a former holder publishes is
 *            refused.  A host that cannot read the directory lets go of it.
 * Published: the set in force of the leader, as an immutable generation (rcpt_piece.h); the pointer to it is written last.  Nothing runs out.
 * Follower:  judges a generation like a reading of its own, by its own limits, and keeps it in memory and on disk.  A removal that a person
 *            accepted at the leader is accepted here when it is the very same, what went since a set that is older here included (accepted.h).
 * Redis:     is never asked on the way of a look-up.  While it is away every host reads by itself; what is lost in it is published again.
 * Source:    gatepost-redis(7) names the keys.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_SOCKETMAPD_SHARE_H
#define GATEPOST_SOCKETMAPD_SHARE_H

#include "lib/base/buf.h"
#include "lib/base/errtext.h"

struct share;
struct sync;

/* Starts its work; NULL with err, or (no err) when the source is not shared. */
struct share *share_new(struct sync *s, struct errtext *err);
void share_free(struct share **h);

/* All of these take NULL: not shared. */
bool share_follows(const struct share *h);                 /* no reading process is wanted here */
/* The set in force was judged; `taken`: nothing is held. */
void share_judged(struct share *h, bool taken);
/* What has this digest (merge_result) is not in the set in force any more; accepted: because a person said so. */
void share_removed(struct share *h, uint64_t removed_digest, bool accepted);
/* The leader tells that this removal was accepted there. */
bool share_accepted_there(const struct share *h, uint64_t removed_digest);
bool share_judge_again(struct share *h);                   /* false: not a follower, or it has nothing */
void share_look_now(struct share *h);
void share_describe(const struct share *h, struct buf *to);    /* lines */

#endif

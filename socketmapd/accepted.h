/* accepted.h - removals that a person accepted at the leader, told so that a host which has an older set knows them too.
 *
 * Each set that came into force removed something, or nothing; what goes of a host's set when it passes over some of them is what each
 * removed, and the digests (merge_result) add up.  So the leader tells the sums, from each of the last sets on, that hold an accepted removal.
 * Pure: no clock, no memory of its own.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_SOCKETMAPD_ACCEPTED_H
#define GATEPOST_SOCKETMAPD_ACCEPTED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ACCEPTED_KEPT = 16, ACCEPTED_TEXT = ACCEPTED_KEPT * 17 + 1 };

struct accepted {
    struct { uint64_t digest; bool accepted; } removal[ACCEPTED_KEPT];   /* oldest first */
    size_t n;
};

/* A set came into force that lacks what has this digest. */
void accepted_add(struct accepted *a, uint64_t removed_digest, bool by_person);
/* Sixteen hexadecimal digits a sum, divided by commas; "": nothing was accepted lately. */
void accepted_write(const struct accepted *a, char out[ACCEPTED_TEXT]);
/* Whether exactly this removal is one of those. */
bool accepted_has(const char *text, uint64_t removed_digest);

#endif

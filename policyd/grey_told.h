/* grey_told.h - whom this process has told to come again, in case the store forgets.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_POLICYD_GREY_TOLD_H
#define GATEPOST_POLICYD_GREY_TOLD_H

#include "lib/settings/settings.h"

#define GREY_KNOWN_TABLE "known"         /* of the store: addresses that one of ours wrote to */

struct lru;                              /* key -> int64_t: when it was told first, monotonic ms */

struct lru *grey_told_new(void);
/* true: it was told long enough ago, so this is the second valid try; else it is told now. */
bool grey_told_again(struct lru *told, span key, const struct set_greylist *set, int64_t now_ms);

#endif

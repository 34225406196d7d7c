/* split.h - filter.mixed: split: recipients of another class than the first one's are put off, to come in a transaction of their own.
 *
 * Not for ever: some senders, and a Postfix under stress or with speed_adjust, end the transaction at the first refusal, and would do so at each
 * try.  A message whose transaction ended like that (same reverse-path, same first recipient) is taken whole the next time.
 * Units:     milliseconds of the loop's clock.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_SPLIT_H
#define GATEPOST_CFILTER_SPLIT_H

#include "lib/settings/settings.h"

enum {
    SPLIT_MAX = 5,                /* put off in one transaction: each counts as an error of the client for Postfix, 20 end its session */
    SPLIT_MEMORY_MAX = 10000,     /* messages remembered */
};

struct split_memory;

struct split_memory *split_memory_new(void);
void split_memory_free(struct split_memory **m);
/* The transaction ended without data behind a recipient that was put off. */
void split_cut_short(struct split_memory *m, span reverse_path, span first_recipient, int64_t now_ms);
bool split_was_cut_short(struct split_memory *m, span reverse_path, span first_recipient, int64_t now_ms);

#endif

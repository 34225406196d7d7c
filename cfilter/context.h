/* context.h - what is known of a message before it is read: envelope, client, and what policyd has handed over.
 *
 * Pure but for the wall clock that is given.  Without a valid hand-over the client's address decides alone.
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#ifndef GATEPOST_CFILTER_CONTEXT_H
#define GATEPOST_CFILTER_CONTEXT_H

#include "lib/app/handover.h"
#include "lib/proto/xforward.h"
#include "lib/settings/settings.h"

struct context {
    char id[ID_TEXT];
    bool handed_over;                 /* a valid hand-over field was there */
    bool forged;                      /* one was there that is not policyd's (or too old) */
    bool trusted;                     /* own network, login or submission: exempt from spam rules */
    struct handover handover;         /* when handed_over */
    struct ipaddr client;
    char client_text[IPADDR_TEXT_MAX], client_name[256], helo[256];
};

/* key may be NULL (none could be read): then every hand-over field counts as forged. */
void context_make(const struct settings *set, const struct handover_key *key, span message, span reverse_path,
                  const struct xforward *x, int64_t wall_ms, struct context *out);

#endif
